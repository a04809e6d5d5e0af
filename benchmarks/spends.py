"""How many spends a second one database takes: through the service, and at its raw limit."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from benchmarks import raw
from benchmarks.figures import ROUNDS, Caller, Figure, Work, rate
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.orders import checkout

CUSTOMERS = 64
EARLIER = 50_000  # transfers before the first measurement
CREDIT_MINOR = 10**12
_AMOUNT = Money(1, "GBP")

Place = tuple[int, int]  # a customer's id and their account's


class Shape(NamedTuple):
    """Who asks: how many callers of the service, how many raw ones beside them, and how much at once."""

    name: str
    goal: str
    callers: int
    raw_callers: int
    batch: int = 1
    hot: bool = False  # half of all traffic is on one customer


SHAPES = [
    Shape("one client", "0.6", 1, 1),
    Shape("eight threads", "0.8", 8, 8),
    Shape("64 callers, raw from eight", "1.5", 64, 8),
    Shape("half on one customer, eight threads", "2", 8, 8, hot=True),
    Shape("batches of 8,000", "0.7", 1, 1, batch=8_000),
]


def figures() -> Iterator[Figure]:
    """Each shape of traffic, through the service and raw, in turns."""
    places = shop()
    for shape in SHAPES:
        ours, limit = [], []
        for _ in range(ROUNDS):
            ours.append(rate(shape.callers, service(shape, places)))
            limit.append(rate(shape.raw_callers, _raw(shape, places)))
        yield Figure(f"spends, {shape.name}", shape.goal, "higher", "a second", ours, limit)


def shop(prefix: str = "") -> list[Place]:
    """Customers with one large credit each, who have spent before: (customer id, account id)."""
    by = {"actor": Actor.system("bench"), "now": timezone.now()}
    places = []
    for number in range(CUSTOMERS):
        customer = customers.add(username=f"{prefix}customer-{number}", currency="GBP", **by)
        given = credit.give(
            customer_id=customer.pk, amount=Money(CREDIT_MINOR, "GBP"), reason=GiveReason.DEPOSIT,
            refundable=True, expires_at=None, key="bench", **by,
        )  # fmt: skip
        places.append((customer.pk, given.id))
    work, _ = _service(itertools.cycle(places), 1_000)
    for _ in range(EARLIER // 1_000):
        work()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # PostgreSQL plans otherwise for an empty book than for a real one
    return places


def service(shape: Shape, places: list[Place]) -> Caller:
    """Callers of the service."""
    return lambda: _service(_turns(shape, places), shape.batch, leave=shape.callers > _POOL)


def _raw(shape: Shape, places: list[Place]) -> Caller:
    def caller() -> tuple[Work, Callable[[], None]]:
        turns = _turns(shape, places)
        write, close = raw.writer()

        def work() -> int:
            write([next(turns) for _ in range(shape.batch)])
            return shape.batch

        return work, close

    return caller


def _turns(shape: Shape, places: list[Place]) -> Iterator[Place]:
    """Whose turn it is, begun elsewhere by each caller, so that they seldom meet on one row."""
    start = next(_STARTS) * 7 % len(places)
    turns = places[start:] + places[:start]
    return itertools.cycle([each for place in turns for each in (places[0], place)] if shape.hot else turns)


_STARTS = itertools.count()
_KEYS = itertools.count()
_POOL = 16  # connections that a process keeps to PostgreSQL


def _service(turns: Iterator[Place], size: int, *, leave: bool = False) -> tuple[Work, Callable[[], None]]:
    """Spends of `size` at once; who shall `leave` gives its connection back after each, as a request does."""
    actor = Actor.system("bench")

    def one() -> int:
        checkout.spend(
            customer_id=next(turns)[0], amount=_AMOUNT, reference="SO-1", key=f"bench-{next(_KEYS)}",
            actor=actor, now=timezone.now(),
        )  # fmt: skip
        if leave and connection.vendor == "postgresql":
            connection.close()
        return 1

    def many() -> int:
        takings = [
            credit.Taking(next(turns)[0], _AMOUNT, "SO-1", f"bench-{next(_KEYS)}") for _ in range(size)
        ]
        credit.accepted(credit.take_many(takings, actor=actor, now=timezone.now()))
        return size

    return one if size == 1 else many, connection.close
