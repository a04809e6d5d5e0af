"""What a database reads to answer a statement, in tests, whose tables are small."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction


def plan_of(statement: str, bound: Sequence[object] = (), *, first: Sequence[str] = ()) -> str:
    """How the database answers `statement`; PostgreSQL, after it was told `first`, which holds for this alone."""
    postgresql = connection.vendor == "postgresql"
    explain = "EXPLAIN (COSTS OFF)" if postgresql else "EXPLAIN QUERY PLAN"
    with transaction.atomic(), connection.cursor() as cursor:
        for each in first if postgresql else ():
            cursor.execute(each)
        cursor.execute(f"{explain} {statement}", bound or None)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
        transaction.set_rollback(True)
    return plan


def plan_by(index: str, table: str, statement: str, bound: Sequence[object] = ()) -> str:
    """The same; on PostgreSQL with no index of `table` but `index` and its constraints' own.

    It would read a small table whole, and between two indexes it chooses by what it counted last: in a test,
    by what the tests before it left. SQLite counts nothing by itself, and chooses among them all.
    """
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    others = [name for name, what in found.items() if what["index"] and not what["unique"] and name != index]
    first = [
        "SET CONSTRAINTS ALL IMMEDIATE",  # no index goes while a check waits
        "SET LOCAL enable_seqscan = off",
        "SET LOCAL enable_bitmapscan = off",
        *[f'DROP INDEX "{name}"' for name in others],
    ]
    return plan_of(statement, bound, first=first)
