"""How many spends a second one database takes: through the service, and at its raw limit."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
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
EARLIER = 50_000  # transfers before the first measurement
CREDIT_MINOR = 10**12
_AMOUNT = Money(1, "GBP")

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


class Shape(NamedTuple):
    """Who asks: how many callers of the service, how many raw ones beside them, and how much at once."""

    name: str
    callers: int
    raw_callers: int
    batch: int = 1
    hot: bool = False  # half of all traffic is on one customer


SHAPES = [
    Shape("one client", 1, 1),
    Shape("8 threads", 8, 8),
    Shape("64 threads, raw 8", 64, 8),
    Shape("8 threads, half on one", 8, 8, hot=True),
    Shape("batches of 1,000", 1, 1, batch=1_000),
    Shape("batches of 8,000", 1, 1, batch=8_000),
]


def measure() -> None:
    """Print the figures of the database that the settings name."""
    places = _shop()
    print(f"\n{connection.vendor}, spends a second, durable, medians of {ROUNDS}")
    print(f"{'':<24}{'service':>12}{'raw':>12}{'ratio':>8}   spread")
    for shape in SHAPES:
        print(_compare(shape, places).line(), flush=True)


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
    _some_history(places)
    return places


def _some_history(places: list[Place]) -> None:
    """Transfers of earlier days: PostgreSQL plans otherwise for an empty book than for a real one."""
    work, _ = _service(itertools.cycle(places), 1_000)
    for _ in range(EARLIER // 1_000):
        work()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _compare(shape: Shape, places: list[Place]) -> Figure:
    ours, limit = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(shape.callers, lambda: _service(_turns(shape, places), shape.batch)))
        limit.append(_rate(shape.raw_callers, lambda: _raw(_turns(shape, places), shape.batch)))
    ratios = [mine / theirs for mine, theirs in zip(ours, limit, strict=True)]
    return Figure(shape.name, round(statistics.median(ours)), round(statistics.median(limit)), ratios)


def _turns(shape: Shape, places: list[Place]) -> Iterator[Place]:
    """Whose turn it is, begun elsewhere by each caller, so that they seldom meet on one row."""
    start = next(_STARTS) * 7 % len(places)
    turns = places[start:] + places[:start]
    return itertools.cycle([each for place in turns for each in (places[0], place)] if shape.hot else turns)


_STARTS = itertools.count()
_KEYS = itertools.count()


def _service(turns: Iterator[Place], size: int) -> tuple[Work, Callable[[], None]]:
    actor = Actor.system("bench")

    def one() -> int:
        credit.spend(
            customer_id=next(turns)[0], amount=_AMOUNT, reference="SO-1", key=f"bench-{next(_KEYS)}",
            actor=actor, now=timezone.now(),
        )  # fmt: skip
        return 1

    def many() -> int:
        takings = [
            credit.Taking(next(turns)[0], _AMOUNT, "SO-1", f"bench-{next(_KEYS)}") for _ in range(size)
        ]
        credit.accepted(credit.take_many(takings, actor=actor, now=timezone.now()))
        return size

    return one if size == 1 else many, connection.close


def _raw(turns: Iterator[Place], size: int) -> tuple[Work, Callable[[], None]]:
    write, close = raw.writer()

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
        except BaseException:
            start.abort()  # nobody waits for a caller that failed
            raise
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
