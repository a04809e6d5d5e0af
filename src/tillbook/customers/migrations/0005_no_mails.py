"""Which mails a customer does without.

SQLite copies the table for it, which drops the triggers that the search lives on: they are made again.
"""

from importlib import import_module
from typing import Any

from django.db import migrations, models

_SEARCH = import_module("tillbook.customers.migrations.0003_search")


def index_again(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        _SEARCH.index(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_lists")]
    operations = [
        migrations.AddField(
            model_name="customer",
            name="no_mails",
            field=models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.RunPython(index_again, migrations.RunPython.noop),
    ]
