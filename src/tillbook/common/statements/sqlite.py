"""Statements on SQLite, over the standard library's driver.

The rows to look for go in as one JSON text, the rows to write by one prepared statement: in a
transaction that beats set SQL. The database is in the same process: there are no trips to save.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any


def wanted(columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """See `statements.wanted`; `rows` are none or many."""
    picked = ", ".join(f"json_extract(value, '$[{place}]') AS {name}" for place, name in enumerate(columns))
    return f"(SELECT {picked} FROM json_each(%s)) AS wanted", [json.dumps(rows)]


def read(raw: sqlite3.Connection, queries: Sequence[Any]) -> list[list[tuple[Any, ...]]]:
    """See `statements.read`."""
    return [raw.execute(_marked(statement), parameters).fetchall() for statement, parameters in queries]


def write(raw: sqlite3.Connection, changes: Sequence[Any], *, commit: bool) -> None:  # noqa: ARG001
    """See `statements.write`; the block around it commits."""
    for change in changes:
        if hasattr(change, "key"):
            width = len(change.key)
            text = _update(change.table, tuple(change.key), tuple(change.columns), change.add)
            rows = [(*row[width:], *row[:width]) for row in change.rows]
        else:
            text = _insert(change.table, tuple(change.columns), change.or_nothing)
            rows = change.rows
        if len(rows) == 1:
            raw.execute(text, rows[0])
        else:
            raw.executemany(text, rows)


def write_ahead(raw: sqlite3.Connection, change: Any) -> None:
    """See `statements.write_ahead`; here it is stored at once."""
    write(raw, [change], commit=False)


@lru_cache(maxsize=256)  # a change has one moment, and names it several times
def moment(at: datetime) -> str:
    """The text that Django keeps for a moment: UTC, without a zone. To ask Django takes much longer."""
    return str(at.astimezone(UTC).replace(tzinfo=None))


@lru_cache(maxsize=256)
def _marked(statement: str) -> str:
    return statement.replace("%s", "?")


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...], or_nothing: bool) -> str:
    marks = ", ".join("?" * len(columns))
    tail = " ON CONFLICT DO NOTHING" if or_nothing else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}){tail}"


@lru_cache(maxsize=64)
def _update(table: str, key: tuple[str, ...], columns: tuple[str, ...], add: bool) -> str:
    changes = ", ".join(f"{name} = {f'{name} + ' if add else ''}?" for name in columns)
    return f"UPDATE {table} SET {changes} WHERE {' AND '.join(f'{name} = ?' for name in key)}"
