"""Statements over many rows at once, on both databases.

PostgreSQL takes each column as one array. SQLite takes the rows to look for as one JSON
text, and the rows to write by one prepared statement: in a transaction that beats set SQL.
Table and column names come from constants, values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

Rows = Sequence[Sequence[Any]]


def wanted(columns: Mapping[str, str], rows: Iterable[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """A table `wanted` of `rows`, each once, for a FROM clause, and the parameters for it.

    `columns` maps names to PostgreSQL's types; values are whole numbers and texts. Join the
    table that is searched with CROSS JOIN and WHERE: then SQLite walks `wanted` and looks up.
    """
    rows = sorted(set(rows))
    if connection.vendor == "postgresql":
        arrays = ", ".join(f"%s::{each}[]" for each in columns.values())
        return f"unnest({arrays}) AS wanted({', '.join(columns)})", _columns(rows, len(columns))
    picked = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
    return f"(SELECT {picked} FROM json_each(%s)) AS wanted", [json.dumps(rows)]


def select(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT, in one go."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def insert(table: str, columns: Mapping[str, str], rows: Rows, *, or_nothing: bool = False) -> None:
    """Insert `rows`, whose values are in the order of `columns` (name to PostgreSQL's type)."""
    if not rows:
        return
    head = f"INSERT INTO {table} ({', '.join(columns)})"
    tail = "ON CONFLICT DO NOTHING" if or_nothing else ""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{each}[]" for each in columns.values())
            cursor.execute(f"{head} SELECT * FROM unnest({arrays}) {tail}", _columns(rows, len(columns)))
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"{head} VALUES ({marks}) {tail}", rows)


def update(
    table: str, key: Mapping[str, str], columns: Mapping[str, str], rows: Rows, *, add: bool = False
) -> None:
    """Set `columns` of the rows named by `key`; with `add`, add to them instead.

    Each of `rows` holds the key's values, then the new ones. The mappings give PostgreSQL's types.
    """
    if not rows:
        return
    names = {**key, **columns}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{each}[]" for each in names.values())
            changes = ", ".join(
                f"{each} = {f'{table}.{each} + ' if add else ''}new.{each}" for each in columns
            )
            same = " AND ".join(f"{table}.{each} = new.{each}" for each in key)
            cursor.execute(
                f"UPDATE {table} SET {changes} FROM unnest({arrays}) AS new({', '.join(names)}) WHERE {same}",
                _columns(rows, len(names)),
            )
        else:
            changes = ", ".join(f"{each} = {f'{each} + ' if add else ''}%s" for each in columns)
            same = " AND ".join(f"{each} = %s" for each in key)
            width = len(key)
            cursor.executemany(
                f"UPDATE {table} SET {changes} WHERE {same}", [(*row[width:], *row[:width]) for row in rows]
            )


def _columns(rows: Rows, width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
