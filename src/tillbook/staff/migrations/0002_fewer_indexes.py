"""The unique index of the username serves: nothing asks for usernames that begin with something."""

from django.db import migrations

from tillbook.common.indexes import drop_index_on


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [drop_index_on("staff_user", "username", vendor="postgresql")]
