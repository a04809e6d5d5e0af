"""Statements over many rows at once, on both databases, past Django's cursors.

A change of the book is two trips to the database: one that locks and reads, one that writes
and commits. So statements are handed over in lists. Table and column names come from
constants, values are always bound; each is marked `%s`, and nothing else in a statement is a `%s`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections

from tillbook.common.statements import postgresql, sqlite

Columns = Mapping[str, str]  # name -> PostgreSQL's type
Rows = Sequence[Sequence[Any]]


class Query(NamedTuple):
    """A SELECT and its parameters."""

    statement: str
    parameters: Sequence[Any]


class Insert(NamedTuple):
    """New rows, whose values are in the order of `columns`."""

    table: str
    columns: Columns
    rows: Rows
    or_nothing: bool = False  # leave alone what is there already


class Update(NamedTuple):
    """Rows to change: each holds the key's values, then the new ones, and names a row of its own.

    With `add` the new values are added to those that are there.
    """

    table: str
    key: Columns
    columns: Columns
    rows: Rows
    add: bool = False


Change = Insert | Update


def wanted(columns: Columns, rows: Iterable[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """A table `wanted` of `rows`, each once, for a FROM clause, and the parameters for it.

    Values are whole numbers and texts. Join the table that is searched with CROSS JOIN and
    WHERE: then SQLite walks `wanted` and looks up.
    """
    once = sorted(set(rows))
    if len(once) == 1:
        return _one_wanted(tuple(columns.items())), list(once[0])
    many: tuple[str, list[Any]] = _dialect().wanted(columns, once)
    return many


@lru_cache(maxsize=64)
def _one_wanted(columns: tuple[tuple[str, str], ...]) -> str:
    picked = ", ".join(f"CAST(%s AS {kind}) AS {name}" for name, kind in columns)
    return f"(SELECT {picked}) AS wanted"


def select(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a SELECT, in one go."""
    return read([Query(statement, parameters)])[0]


def read(queries: Sequence[Query]) -> list[list[tuple[Any, ...]]]:
    """The rows of each query. They run one after the other, but are sent in one trip."""
    wrapper = _ready()
    with wrapper.wrap_database_errors:
        rows: list[list[tuple[Any, ...]]] = _dialect().read(wrapper.connection, queries)
    return rows


def write(changes: Iterable[Change], *, commit: bool = False) -> None:
    """Make the changes, one after the other, in one trip as far as they are few.

    Outside a transaction very many new rows of a table are not one change: PostgreSQL gets them by thousands.
    With `commit` the transaction ends with them, in the same trip where that is possible: then
    nothing may follow in it. Its `atomic` block, which must be the outermost, finds nothing left to do.
    """
    wrapper = _ready()
    with wrapper.wrap_database_errors:
        _dialect().write(wrapper.connection, [each for each in changes if each.rows], commit=commit)


def write_ahead(new: Insert) -> None:
    """Hand over new rows while more are being decided: PostgreSQL stores them in the meantime.

    Within a transaction. What it refuses is raised by the next statement here; until then nothing else may
    use the connection.
    """
    wrapper = _ready()
    assert wrapper.in_atomic_block  # or a refusal that nobody hears would leave half of the rows
    with wrapper.wrap_database_errors:
        _dialect().write_ahead(wrapper.connection, new)


@lru_cache(maxsize=1)
def is_postgresql() -> bool:
    """Whether the database is PostgreSQL. A process has one kind, and asking Django each time takes long."""
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def moment(at: datetime) -> Any:
    """A moment as the database takes it for a parameter: SQLite keeps text, in UTC."""
    return _dialect().moment(at)


def _dialect() -> Any:
    return postgresql if is_postgresql() else sqlite


def _ready() -> Any:
    """Django's connection of this thread: open, and not waiting for a rollback."""
    wrapper = connections[DEFAULT_DB_ALIAS]
    if wrapper.connection is None:
        wrapper.ensure_connection()
    if wrapper.needs_rollback:
        wrapper.validate_no_broken_transaction()
    return wrapper
