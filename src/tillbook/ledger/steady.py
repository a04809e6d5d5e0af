"""Reading the book as it stood at one moment, while the shop goes on working.

On PostgreSQL a moment is an exported snapshot, which several processes share. On SQLite every
process has a read transaction of its own: what belongs together is read in one of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from django.db.models import Q
from psycopg.types.numeric import Int8BinaryLoader

Range = tuple[int | None, int | None]  # the first and the last customer's id; None: no bound
EVERYBODY: Range = (None, None)

_CURSORS = itertools.count()  # PostgreSQL knows each by a name of its own

_MEMORY_KIB = 64 * 1024  # of a process: what is grouped, or looked up again and again, stays in it

_AT_ONCE = 5_000  # rows in memory

OF_A_RANGE = 250_000  # transfers: a few seconds' work in full, which an interrupted check loses


@contextmanager
def shared_moment() -> Iterator[str]:
    """The name of a snapshot that other connections may read by, for as long as this lasts."""
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        yield ""
        return
    keeper = connections.create_connection("default")
    try:
        with keeper.cursor() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            yield cursor.fetchone()[0]
            cursor.execute("ROLLBACK")
    finally:
        keeper.close()


@contextmanager
def steady(moment: str = "") -> Iterator[None]:
    """Read everything inside as of one moment: that of `shared_moment` where it is named, else now.

    Nothing can be written inside. Within somebody's transaction it is that transaction's view.
    """
    if connection.in_atomic_block:
        yield
        return
    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        # Deferred on SQLite: the default of this program would take the one writer's place.
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if postgresql else "BEGIN DEFERRED")
        try:
            if moment:
                # The name is the server's own; the statement takes no parameter.
                cursor.execute(f"SET TRANSACTION SNAPSHOT '{moment}'")
            if postgresql:
                # Compiling costs more than these few long statements gain by it.
                cursor.execute("SET LOCAL jit = off")
                cursor.execute(f"SET LOCAL work_mem = '{_MEMORY_KIB}kB'")
            else:
                cursor.execute(f"PRAGMA cache_size = -{_MEMORY_KIB}")
            yield
        finally:
            cursor.execute("ROLLBACK")


def ranges(at_least: int) -> list[Range]:
    """Ranges of customers, together all there are, of about as many transfers each.

    The counts that accounts keep of their transfers only balance the work: whatever they say,
    every customer is in exactly one range.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer_id, sum(transfers) FROM ledger_account GROUP BY customer_id ORDER BY customer_id"
        )
        counted = [(customer_id, int(count)) for customer_id, count in cursor.fetchall()]
    total = sum(count for _, count in counted)
    size = max(1, min(OF_A_RANGE, -(-total // max(1, at_least))))
    ends, so_far = [], 0
    for customer_id, count in counted[:-1]:
        so_far += count
        if so_far >= size:
            ends.append(customer_id)
            so_far = 0
    starts = [None, *(end + 1 for end in ends)]
    return list(zip(starts, [*ends, None], strict=True))


def within(wanted: Range, column: str) -> tuple[str, list[int]]:
    """The condition that `column`, a customer's id, lies in the range, and its parameters."""
    first, last = wanted
    bounds = [(f"{column} >= %s", first), (f"{column} <= %s", last)]
    given = [(text, bound) for text, bound in bounds if bound is not None]
    return " AND ".join(text for text, _ in given) or "TRUE", [bound for _, bound in given]


def of_range(wanted: Range) -> Q:
    """The same condition for a model's `customer_id`."""
    first, last = wanted
    given = {"customer_id__gte": first, "customer_id__lte": last}
    return Q(**{name: bound for name, bound in given.items() if bound is not None})


def streamed(
    statement: str, parameters: list[Any], *, numbered_moments: bool = False
) -> Iterator[tuple[Any, ...]]:
    """The rows of a SELECT, as the driver gives them, a few thousand in memory at a time.

    PostgreSQL sends them binary from a cursor of its own; with `numbered_moments` a moment stays the
    number that it sends, of microseconds since 2000. Call it inside `steady`.
    """
    connection.ensure_connection()
    raw = connection.connection
    if connection.vendor == "postgresql":
        with raw.cursor(f"streamed_{next(_CURSORS)}", binary=True) as cursor:
            if numbered_moments:
                cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)
            yield from _fetched(cursor.execute(statement, parameters))
        return
    yield from _fetched(raw.cursor().execute(statement.replace("%s", "?"), parameters))


def _fetched(cursor: Any) -> Iterator[tuple[Any, ...]]:
    return itertools.chain.from_iterable(iter(lambda: cursor.fetchmany(_AT_ONCE), []))
