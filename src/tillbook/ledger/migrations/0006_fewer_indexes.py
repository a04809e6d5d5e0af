"""Nothing sorts or searches by what is available, and an index of it makes every spend write to it.

The account's number alone is asked for on SQLite only, for the next one; PostgreSQL has a sequence.
"""

from django.db import migrations

from tillbook.common.indexes import drop_index_on


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_verification")]
    operations = [
        migrations.RemoveIndex(model_name="balance", name="balance_available"),
        drop_index_on("ledger_account", "id", vendor="postgresql"),
    ]
