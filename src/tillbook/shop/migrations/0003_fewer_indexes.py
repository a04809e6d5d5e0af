"""The index that Django makes for `LIKE` beside a text that is a key on PostgreSQL: nobody asks so."""

from django.db import migrations

from tillbook.common.indexes import drop_index_on


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_append_only")]
    operations = [drop_index_on("shop_logo", "digest", vendor="postgresql")]
