"""One text for each customer, and an index of its trigrams."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import Value
from django.db.models.functions import Concat, Lower, Replace

_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",  # trusted: the database's owner may
    "CREATE INDEX customer_search ON customers_customer USING gin (searched gin_trgm_ops)",
)

# A later migration that changes a field of customers copies the table on SQLite, which drops the triggers:
# it must run `index` again.
_SQLITE = (
    "DROP TABLE IF EXISTS customers_search",
    "CREATE VIRTUAL TABLE customers_search USING fts5(searched, tokenize='trigram')",
    "INSERT INTO customers_search (rowid, searched) SELECT id, searched FROM customers_customer",
    (
        "CREATE TRIGGER IF NOT EXISTS customer_added AFTER INSERT ON customers_customer BEGIN "
        "INSERT INTO customers_search (rowid, searched) VALUES (new.id, new.searched); END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS customer_removed AFTER DELETE ON customers_customer BEGIN "
        "DELETE FROM customers_search WHERE rowid = old.id; END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS customer_changed AFTER UPDATE ON customers_customer "
        "WHEN old.searched IS NOT new.searched BEGIN "
        "UPDATE customers_search SET searched = new.searched WHERE rowid = new.id; END"
    ),
)


def index(_apps: Any, schema_editor: Any) -> None:
    """Make what `customers.finding` looks in, anew if it is there."""
    for statement in _SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_fewer_indexes")]
    operations = [
        migrations.AddField(
            "customer",
            "searched",
            models.GeneratedField(
                expression=Lower(
                    Replace(
                        Concat(
                            Value(" "), "username", Value(" "), "first_name", Value(" "), "last_name",
                            Value(" "), "company", Value(" "), "email", Value(" "), "phone",
                            output_field=models.TextField(),
                        ),
                        Value(" "),
                        Value("  "),
                        output_field=models.TextField(),
                    )
                ),
                output_field=models.TextField(),
                db_persist=True,
            ),
        ),
        migrations.RunPython(index, migrations.RunPython.noop),
    ]  # fmt: skip
