"""The database itself refuses to change or delete settings that were saved (R2)."""

from django.db import migrations

TABLES = {"shop_version": "id", "shop_logo": "digest"}


def _postgresql(table):
    return f"""
CREATE FUNCTION {table}_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{table} is append-only: save another version';
END $$;
CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_is_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION {table}_is_append_only();
"""


def _sqlite(table, key):
    """SQLite's REPLACE deletes without firing the triggers that refuse deletion: it is refused by itself."""
    refused = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: save another version'); END"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refused}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refused}",
        f"""CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM {table} AS old WHERE old.{key} = NEW.{key})
            BEGIN SELECT RAISE(ABORT, 'UNIQUE: {table} has that row already'); END""",
    ]


def protect(apps, schema_editor):
    for table, key in TABLES.items():
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(_postgresql(table), params=None)
            continue
        for statement in _sqlite(table, key):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(protect)]
