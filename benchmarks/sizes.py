"""Whether a spend takes longer for a customer with a long history, or with very many credits."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator

from django.db import connection
from django.utils import timezone

from benchmarks.figures import Figure
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Source
from tillbook.customers import services as customers
from tillbook.ledger.models import House
from tillbook.orders import checkout

HISTORY = 100_000  # transfers
CREDITS = 10_000
_AT_ONCE = 5_000
_SPENDS = 100  # of each customer in a round
_ROUNDS = 5
_KEYS = itertools.count()
_BY = Actor.system("bench")


def figures() -> Iterator[Figure]:
    """Seconds of one spend, beside those of a customer with ten transfers and ten credits."""
    ten = _customer("ten", credits=10)
    _spend_all(ten, 10)
    long = _customer("long-history", credits=10)
    _spend_all(long, HISTORY)
    many = _customer("many-credits", credits=CREDITS)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    taken: dict[int, list[float]] = {ten: [], long: [], many: []}
    for customer_id in taken:
        _seconds(customer_id)
    for _ in range(_ROUNDS):
        spends: dict[int, list[float]] = {customer_id: [] for customer_id in taken}
        for _ in range(_SPENDS):
            for customer_id, each in spends.items():
                each.append(_seconds(customer_id))
        for customer_id, each in spends.items():
            taken[customer_id].append(statistics.median(each))
    for what, customer_id in ((f"{HISTORY:,} transfers", long), (f"{CREDITS:,} credits", many)):
        name = f"a spend with {what}, beside one with ten"
        yield Figure(name, "1.2", "lower", "seconds", taken[customer_id], taken[ten])


def _customer(username: str, *, credits: int) -> int:
    now = timezone.now()
    customer_id = customers.add(username=username, currency="GBP", actor=_BY, now=now).pk
    for first in range(0, credits, _AT_ONCE):
        issues = [
            credit.Issue(
                customer_id,
                Money(10**6, "GBP"),
                Source.MANUAL,
                House.RECEIPTS,
                "deposit",
                "",
                f"credit-{number}",
            )
            for number in range(first, min(credits, first + _AT_ONCE))
        ]
        credit.accepted(credit.issue_many(issues, actor=_BY, now=now))
    return int(customer_id)


def _spend_all(customer_id: int, count: int) -> None:
    for first in range(0, count, _AT_ONCE):
        takings = [
            credit.Taking(customer_id, Money(1, "GBP"), "SO-1", f"size-{next(_KEYS)}")
            for _ in range(min(_AT_ONCE, count - first))
        ]
        credit.accepted(credit.take_many(takings, actor=_BY, now=timezone.now()))


def _seconds(customer_id: int) -> float:
    now = timezone.now()
    began = time.perf_counter()
    checkout.spend(
        customer_id=customer_id, amount=Money(1, "GBP"), reference="SO-1", key=f"size-{next(_KEYS)}",
        actor=_BY, now=now,
    )  # fmt: skip
    return time.perf_counter() - began
