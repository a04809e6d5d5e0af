"""Migrations that drop indexes: at once, where Django on SQLite would copy the whole table for it."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations import AlterField, RunPython, SeparateDatabaseAndState
from django.db.models import Field


def drop_index_on(table: str, column: str, *, vendor: str | None = None) -> RunPython:
    """Drop every index on just this column that keeps nothing unique; with `vendor`, on that database only.

    On PostgreSQL that is also the one that Django makes for `LIKE` beside a unique text.
    """

    def drop(_apps: Any, schema_editor: Any) -> None:
        connection = schema_editor.connection
        if vendor not in (None, connection.vendor):
            return
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, table)
        for name, what in found.items():
            if what["index"] and what["columns"] == [column] and not (what["unique"] or what["primary_key"]):
                schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")

    return RunPython(drop, RunPython.noop)


def without_index_of_its_own(model: str, name: str, field: Field[Any, Any]) -> SeparateDatabaseAndState:
    """The foreign key `name` as `field` now has it: another index of `model`'s table begins with it."""
    app, _, table = model.partition(".")
    return SeparateDatabaseAndState(
        [drop_index_on(f"{app}_{table}", f"{name}_id")], [AlterField(table, name, field)]
    )
