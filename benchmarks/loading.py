"""First imports: credits issued by thousands, beside a COPY of the very rows they become (PostgreSQL)."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from benchmarks.figures import ROUNDS, Figure
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Source
from tillbook.customers import services as customers
from tillbook.ledger.models import House

CREDITS = 8_000  # a batch
_TABLES = ("ledger_account", "ledger_transfer", "credit_credit", "events_event")
_OFFSET = 10**9  # what the copied rows' numbers lie above ours
_BY = Actor.system("bench")
_BATCHES = itertools.count()


def figures() -> Iterator[Figure]:
    """Credits a second; nothing on SQLite, which has no COPY."""
    if connection.vendor != "postgresql":
        return
    customer_id = customers.add(username="loaded", currency="GBP", actor=_BY, now=timezone.now()).pk
    ours, raw = [], []
    for _ in range(ROUNDS):
        first = _highest("ledger_account")
        seconds = _issue(customer_id)
        ours.append(CREDITS / seconds)
        raw.append(CREDITS / _copy([_rows(table, first) for table in _TABLES]))
    yield Figure("first import by COPY", "0.4", "higher", "a second", ours, raw)


def _issue(customer_id: int) -> float:
    batch = next(_BATCHES)
    issues = [
        credit.Issue(
            customer_id,
            Money(100, "GBP"),
            Source.MANUAL,
            House.RECEIPTS,
            "deposit",
            "",
            f"load-{batch}-{number}",
        )
        for number in range(CREDITS)
    ]
    began = time.perf_counter()
    credit.accepted(credit.issue_many(issues, actor=_BY, now=timezone.now()))
    return time.perf_counter() - began


def _highest(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table} WHERE id < %s", [_OFFSET])
        return int(cursor.fetchone()[0])


def _rows(table: str, first: int) -> tuple[str, Sequence[str], list[tuple[Any, ...]]]:
    """The table, its columns, and the rows just issued, under numbers and keys of their own."""
    with connection.cursor() as cursor:
        if table == "events_event":
            cursor.execute(
                f"SELECT * FROM {table} WHERE action = 'credit.issued' ORDER BY id DESC LIMIT {CREDITS}"
            )
        else:
            number = "account_id" if table == "ledger_transfer" else "id"
            cursor.execute(f"SELECT * FROM {table} WHERE {number} > %s AND {number} < %s", [first, _OFFSET])
        columns = [column.name for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        for column in ("id", "account_id"):
            if column in row:
                row[column] += _OFFSET
        if "key" in row:
            row["key"] = f"raw-{row['key']}"
    return table, columns, [tuple(row.values()) for row in rows]


def _copy(tables: Sequence[tuple[str, Sequence[str], list[tuple[Any, ...]]]]) -> float:
    began = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, columns, rows in tables:
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
    return time.perf_counter() - began
