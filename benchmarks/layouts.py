"""Other ways to lay the book out on PostgreSQL beside the one it has: the same rows and work, in turns.

The loops run inside the server, each spend with a commit that waits for no disk, so that the work is what
is measured and not the way to it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable

from django.db import connection

from benchmarks.figures import ROUNDS
from tillbook.common import statements

SPENDS = 200_000
PARTS = 16
_BURST = 20_000
_BATCH = 1_000
_COUNTS = (64, 10_000)  # customers who share the spends

Rows = list[list[str]]

# What the table is called -> its storage options, and whether what is available has an index.
_LAYOUTS = {
    "with the index that was dropped": ("", True),
    "as it is": ("", False),
    "fillfactor 90": ("fillfactor = 90", False),
    "fillfactor 70": ("fillfactor = 70", False),
    "vacuumed after 1 %": ("autovacuum_vacuum_scale_factor = 0.01", False),
}
_STORED = (
    "SELECT pg_relation_size(s.relid), pg_indexes_size(s.relid), s.n_dead_tup, s.autovacuum_count, "
    "100.0 * s.n_tup_hot_upd / s.n_tup_upd FROM pg_stat_user_tables AS s WHERE s.relname = %s"
)


def updated() -> Rows:
    """What spends leave behind of the rows that they change, in each layout."""
    tables = [
        (f"{model}_{count}_{place}", model, count, name)
        for count in _COUNTS
        for place, name in enumerate(_LAYOUTS)
        for model in ("balance", "account")
    ]
    for table, model, count, name in tables:
        _make(table, model, count, *_LAYOUTS[name])
    for count in _COUNTS:
        _run(_loop([_update(*each[:3]) for each in tables if each[2] == count], SPENDS))
    time.sleep(70)  # autovacuum looks once a minute
    stored = {table: statements.select(_STORED, [table])[0] for table, *_ in tables}
    rates = _rates({table: [_update(table, model, count)] for table, model, count, _ in tables})
    rows = []
    for table, model, count, name in sorted(tables, key=lambda each: (each[1], each[2])):
        heap, indexes, dead, vacuums, hot = stored[table]
        sizes = [f"{each / 1e3:,.0f} kB" for each in (heap, indexes)]
        rows.append(
            [f"{model}, {count:,}", name, *sizes, f"{dead:,}", f"{vacuums}", f"{hot:.1f} %", rates[table]]
        )
    for table, *_ in tables:
        _run(f"DROP TABLE {table}")
    return rows


def _make(table: str, model: str, count: int, options: str, indexed: bool) -> None:
    _run(f"DROP TABLE IF EXISTS {table}")
    _run(f"CREATE TABLE {table} (LIKE ledger_{model} INCLUDING ALL) {f'WITH ({options})' if options else ''}")
    values = (
        "n, 'GBP', 1000000000, 0, 0" if model == "balance" else "n, n, 'GBP', 1000000000, 0, 1, sha256('')"
    )
    _run(f"INSERT INTO {table} SELECT {values} FROM generate_series(1, {count}) AS n")
    if indexed:
        _run(f"CREATE INDEX ON {table} ({'available_minor' if model == 'balance' else 'id'})")
    _run(f"VACUUM ANALYZE {table}")


def _update(table: str, model: str, count: int) -> str:
    place = f"customer_id = 1 + i * 7919 % {count}"
    if model == "balance":
        return f"UPDATE {table} SET available_minor = available_minor - 1 WHERE {place};"
    return (
        f"UPDATE {table} SET posted_minor = posted_minor - 1, transfers = transfers + 1, "
        f"digest = sha256(int8send(i)) WHERE {place};"
    )


def partitioned() -> Rows:
    """The book's transfers in one table and in parts by customer: each figure of both, and their ratio."""
    free = _fill()
    works: dict[str, Callable[[str], float]] = {
        "rows a second, one a commit": lambda name: _BURST / _seconds(_insert(name, free[name], 1)),
        "rows a second, 1,000 a commit": lambda name: _BURST / _seconds(_insert(name, free[name], _BATCH)),
        "look-ups of a key a second": lambda name: _BURST / _seconds(_look_up(name, "t.key = s.key")),
        "chains read a second": lambda name: _BURST / _seconds(_look_up(name, "t.account_id = s.account_id")),
        "seconds of one grouped sum": lambda name: _seconds(_GROUPED.format(name)),
        "seconds of a full vacuum of the table": lambda name: _seconds(
            f"VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) {name}"
        ),
    }
    rows: Rows = []
    for what, work in works.items():
        found = [(work("plain"), work("parted")) for _ in range(ROUNDS)]
        plain, parted = (statistics.median(each) for each in zip(*found, strict=True))
        ratio = statistics.median(mine / theirs for theirs, mine in found)
        rows.append([what, _short(plain), _short(parted), f"{ratio:.2f}"])
    sizes = [sum(row[0] for row in statements.select(_INDEXES, [f"{name}%"])) for name in ("plain", "parted")]
    depths = [
        max(row[1] for row in statements.select(_INDEXES, [f"{name}%"])) for name in ("plain", "parted")
    ]
    rows.append(["MB of indexes", *(_short(each / 1e6) for each in sizes), f"{sizes[1] / sizes[0]:.2f}"])
    rows.append(["levels of the deepest index", *map(str, depths), ""])
    _run("DROP TABLE plain, parted, staged")
    return rows


_GROUPED = "SELECT customer_id, account_id, sum(amount_minor) FROM {} GROUP BY 1, 2"
_INDEXES = (
    "SELECT pg_relation_size(i.indexrelid), (bt_metap(i.indexrelid::regclass::text)).level + 1 "
    "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid "
    "WHERE c.relname LIKE %s AND c.relkind = 'r'"
)


def _fill() -> dict[str, list[int]]:
    """Both tables with most of the book's rows; where the rows begin that are left to insert in each."""
    _run(
        "CREATE EXTENSION IF NOT EXISTS pageinspect",
        "DROP TABLE IF EXISTS plain, parted, staged",
        "CREATE TABLE plain (LIKE ledger_transfer INCLUDING ALL)",
        "CREATE TABLE parted (LIKE ledger_transfer INCLUDING ALL) PARTITION BY HASH (customer_id)",
        *[
            f"CREATE TABLE parted_{part} PARTITION OF parted "
            f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part})"
            for part in range(PARTS)
        ],
        "CREATE TABLE staged AS SELECT row_number() OVER (ORDER BY random()) AS n, t.* "
        "FROM ledger_transfer AS t",
        "CREATE UNIQUE INDEX ON staged (n)",
    )
    ((total,),) = statements.select("SELECT count(*) FROM staged", [])
    left = total - 2 * ROUNDS * _BURST
    for name in ("plain", "parted"):
        _run(f"INSERT INTO {name} SELECT {_columns()} FROM staged WHERE n <= {left}", f"ANALYZE {name}")
    _run("VACUUM ANALYZE staged", "CHECKPOINT")
    return {name: [left] for name in ("plain", "parted")}


def _columns() -> str:
    rows = statements.select(
        "SELECT string_agg(attname, ', ' ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = 'plain'::regclass AND attnum > 0",
        [],
    )
    return str(rows[0][0])


def _insert(name: str, free: list[int], at_once: int) -> str:
    first = free[0]
    free[0] += _BURST
    rows = f"n > {first} + (i - 1) * {at_once} AND n <= {first} + i * {at_once}"
    return _loop(
        [f"INSERT INTO {name} SELECT {_columns()} FROM staged WHERE {rows};"], _BURST // at_once
    )  # fmt: skip


def _look_up(name: str, same: str) -> str:
    """Of rows from all over the book."""
    ((total,),) = statements.select("SELECT count(*) FROM plain", [])
    return _loop(
        [
            "SELECT * INTO s FROM staged WHERE n = 1 + i * 7919 % " + f"{total};",
            f"PERFORM t.* FROM {name} AS t WHERE t.customer_id = s.customer_id AND {same};",
        ],
        _BURST,
        "s staged%ROWTYPE;",
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _rates(works: dict[str, list[str]]) -> dict[str, str]:
    """Turns a second of each, the median of the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(_BURST / _seconds(_loop(work, _BURST)))
    return {name: f"{statistics.median(each):,.0f}" for name, each in taken.items()}


def _loop(work: Iterable[str], turns: int, declared: str = "") -> str:
    body = " ".join(work)
    return f"DO $$ DECLARE {declared} BEGIN FOR i IN 1..{turns}::bigint LOOP {body} COMMIT; END LOOP; END $$"


def _seconds(*asked: str) -> float:
    began = time.perf_counter()
    _run(*asked)
    return time.perf_counter() - began


def _run(*asked: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for statement in asked:
            cursor.execute(statement)
