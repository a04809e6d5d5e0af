"""Order numbers that begin with what somebody is typing.

On PostgreSQL the unique index is in the order of a language, in which they don't stand together.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations


def _index(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX order_number_beginning ON orders_order (number varchar_pattern_ops)"
        )


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_fewer_indexes")]
    operations = [migrations.RunPython(_index, migrations.RunPython.noop)]
