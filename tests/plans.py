"""What a database reads to answer a statement, in tests, whose tables are small."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction


def plan_by(index: str, table: str, statement: str, bound: Sequence[object] = ()) -> str:
    """How the database answers `statement`; PostgreSQL, with no index of `table` but `index` and its constraints' own.

    It would read a small table whole, and between two indexes it chooses by what it last counted: in a test,
    by what the tests before it left. SQLite counts nothing by itself, and chooses among them all.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no index goes while a check waits
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            for other, what in connection.introspection.get_constraints(cursor, table).items():
                if what["index"] and not what["unique"] and other != index:
                    cursor.execute(f'DROP INDEX "{other}"')
        explain = "EXPLAIN (COSTS OFF)" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {statement}", bound)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
        transaction.set_rollback(True)
    return plan
