"""How many spends a second one database takes: through the service, and at its raw limit."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from benchmarks import raw
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers

ROUNDS = 5
SECONDS = 1.5  # of one measurement
CUSTOMERS = 64
BATCH = 1_000
THREADS = 8
CREDIT_MINOR = 10**12

Place = tuple[int, int]  # a customer's id and their account's
Work = Callable[[], int]  # does one piece of work and says how many spends it was


class Figure(NamedTuple):
    """Spends a second: medians over the rounds, and how far the rounds lie apart."""

    name: str
    ours: int
    raw: int
    ratios: list[float]

    def line(self) -> str:
        ratio = statistics.median(self.ratios)
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}"
        return f"{self.name:<24}{self.ours:>12,}{self.raw:>12,}{ratio:>8.2f}   {spread}"


def measure() -> None:
    """Print the figures of the database that the settings name."""
    places = _shop()
    print(f"\n{connection.vendor}, spends a second, durable, medians of {ROUNDS}")
    print(f"{'':<24}{'service':>12}{'raw':>12}{'ratio':>8}   spread")
    for title, threads, size in (
        ("one client", 1, 1),
        (f"{THREADS} threads", THREADS, 1),
        (f"batches of {BATCH:,}", 1, BATCH),
    ):
        print(_compare(title, places, threads, size).line(), flush=True)


def _shop() -> list[Place]:
    """Customers with one large credit each: (customer id, account id)."""
    call_command("migrate", interactive=False, verbosity=0)
    by = {"actor": Actor.system("bench"), "now": timezone.now()}
    places = []
    for number in range(CUSTOMERS):
        customer = customers.add(username=f"customer-{number}", currency="GBP", **by)
        given = credit.give(
            customer_id=customer.pk, amount=Money(CREDIT_MINOR, "GBP"), reason=GiveReason.DEPOSIT,
            refundable=True, expires_at=None, key="bench", **by,
        )  # fmt: skip
        places.append((customer.pk, given.id))
    return places


def _compare(name: str, places: list[Place], threads: int, size: int) -> Figure:
    ours, limit = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(threads, lambda: _service(places, size)))
        limit.append(_rate(threads, lambda: _raw(places, size)))
    ratios = [mine / theirs for mine, theirs in zip(ours, limit, strict=True)]
    return Figure(name, round(statistics.median(ours)), round(statistics.median(limit)), ratios)


def _service(places: list[Place], size: int) -> tuple[Work, Callable[[], None]]:
    actor, turns = Actor.system("bench"), itertools.cycle(_shuffled(places))

    def work() -> int:
        takings = [
            credit.Taking(next(turns)[0], Money(1, "GBP"), "SO-1", f"bench-{next(_KEYS)}")
            for _ in range(size)
        ]
        credit.accepted(credit.take_many(takings, actor=actor, now=timezone.now()))
        return size

    return work, connection.close


_KEYS = itertools.count()
_STARTS = itertools.count()


def _shuffled(places: list[Place]) -> list[Place]:
    """The places, begun elsewhere by each thread, so that they seldom meet on one row."""
    start = next(_STARTS) * 7 % len(places)
    return places[start:] + places[:start]


def _raw(places: list[Place], size: int) -> tuple[Work, Callable[[], None]]:
    write, close = raw.writer()
    turns = itertools.cycle(_shuffled(places))

    def work() -> int:
        write([next(turns) for _ in range(size)])
        return size

    return work, close


def _rate(threads: int, prepare: Callable[[], tuple[Work, Callable[[], None]]]) -> float:
    """Spends a second of all threads together, each over a connection of its own."""
    done = [0] * threads
    start = threading.Barrier(threads + 1)
    stop = threading.Event()

    def run(place: int) -> None:
        work, close = prepare()
        try:
            work()  # the first one opens the connection and prepares statements
            start.wait()
            while not stop.is_set():
                done[place] += work()
        finally:
            close()

    workers = [threading.Thread(target=run, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(SECONDS)
    stop.set()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - began)
