"""Statements over many rows at once, on both databases.

PostgreSQL takes each column as one array, and COPY where the rows are many. SQLite takes the
rows to look for as one JSON text, and the rows to write by one prepared statement: in a
transaction that beats set SQL. One row alone is bound plainly: nothing is faster than that.
Table and column names come from constants, values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from django.db import connection

Columns = Mapping[str, str]  # name -> PostgreSQL's type
Rows = Sequence[Sequence[Any]]

# From here on COPY beats arrays, whose values psycopg writes one by one.
_COPIED_FROM = 50


def wanted(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """A table `wanted` of `rows`, each once, for a FROM clause, and the parameters for it.

    Values are whole numbers and texts. Join the table that is searched with CROSS JOIN and
    WHERE: then SQLite walks `wanted` and looks up.
    """
    rows = sorted(set(rows))
    if len(rows) == 1:
        picked = ", ".join(f"CAST(%s AS {kind}) AS {name}" for name, kind in columns.items())
        return f"(SELECT {picked}) AS wanted", list(rows[0])
    if connection.vendor == "postgresql":
        return f"unnest({_arrays(columns)}) AS wanted({', '.join(columns)})", _turned(rows, len(columns))
    picked = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
    return f"(SELECT {picked} FROM json_each(%s)) AS wanted", [json.dumps(rows)]


class Query(NamedTuple):
    """A SELECT and its parameters."""

    statement: str
    parameters: Sequence[Any]


def select(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT, in one go."""
    return select_together([Query(statement, parameters)])[0]


def select_together(queries: Sequence[Query]) -> list[list[tuple[Any, ...]]]:
    """The rows of each query. They run one after the other, but are sent in one round trip."""
    with ExitStack() as stack:
        cursors = [stack.enter_context(connection.cursor()) for _ in queries]
        with together():
            for cursor, query in zip(cursors, queries, strict=True):
                cursor.execute(*query)
        return [list(cursor.fetchall()) for cursor in cursors]


@contextmanager
def together(rows: int = 1) -> Iterator[None]:
    """Send the statements inside without waiting for the answer of one before the next.

    On PostgreSQL that is its pipeline: they run in their order, and what one of them refuses
    is raised at the end. Where a statement has so many `rows` that they are copied it is no
    pipeline, which knows no COPY. SQLite is in the same process, and has no trips to save.
    """
    if connection.vendor != "postgresql" or rows >= _COPIED_FROM:
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def insert(table: str, columns: Columns, rows: Rows, *, or_nothing: bool = False) -> None:
    """Insert `rows`, whose values are in the order of `columns`."""
    if not rows:
        return
    names = ", ".join(columns)
    tail = "ON CONFLICT DO NOTHING" if or_nothing else ""
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql" or len(rows) == 1:
            marks = ", ".join(["%s"] * len(columns))
            _for_each(cursor, f"INSERT INTO {table} ({names}) VALUES ({marks}) {tail}", rows)
        elif len(rows) < _COPIED_FROM or or_nothing:
            source = f"SELECT * FROM unnest({_arrays(columns)})"
            cursor.execute(f"INSERT INTO {table} ({names}) {source} {tail}", _turned(rows, len(columns)))
        else:
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


def update(table: str, key: Columns, columns: Columns, rows: Rows, *, add: bool = False) -> None:
    """Set `columns` of the rows named by `key`; with `add`, add to them instead.

    Each of `rows` holds the key's values, then the new ones, and names a row of its own.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql" or len(rows) == 1:
            changes = ", ".join(f"{name} = {f'{name} + ' if add else ''}%s" for name in columns)
            same = " AND ".join(f"{name} = %s" for name in key)
            values_first = [(*row[len(key) :], *row[: len(key)]) for row in rows]
            _for_each(cursor, f"UPDATE {table} SET {changes} WHERE {same}", values_first)
        else:
            all_of_it = {**key, **columns}
            changes = ", ".join(
                f"{name} = {f'{table}.{name} + ' if add else ''}new.{name}" for name in columns
            )
            same = " AND ".join(f"{table}.{name} = new.{name}" for name in key)
            source = f"unnest({_arrays(all_of_it)}) AS new({', '.join(all_of_it)})"
            cursor.execute(
                f"UPDATE {table} SET {changes} FROM {source} WHERE {same}", _turned(rows, len(all_of_it))
            )


def _for_each(cursor: Any, statement: str, rows: Rows) -> None:
    if len(rows) == 1:
        cursor.execute(statement, rows[0])
    else:
        cursor.executemany(statement, rows)


def _arrays(columns: Columns) -> str:
    return ", ".join(f"%s::{kind}[]" for kind in columns.values())


def _turned(rows: Rows, width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
