"""Spends per second through the service, beside the raw statements in the same driver.

    make bench

Each database gets a process and an empty shop of its own. The service and the raw limit take
turns, so that a slow moment of the machine meets both; figures are medians, ratios of the same run.
"""

from __future__ import annotations

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
ROUNDS = 5
SECONDS = 1.5  # of one measurement
CUSTOMERS = 64
BATCH = 1_000
THREADS = 8
CREDIT_MINOR = 10**12

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


def main() -> None:
    """Measure both databases, or the one that the arguments name."""
    with tempfile.TemporaryDirectory(prefix="tillbook-bench-") as folder:
        for name in sys.argv[1:] or ["sqlite", "postgresql"]:
            url = f"sqlite:///{folder}/bench.sqlite3" if name == "sqlite" else _postgresql_url()
            environment = {**os.environ, "TILLBOOK_DATABASE_URL": url, "TILLBOOK_DATA_DIR": folder}
            measured = [sys.executable, __file__, "--measure", name]
            subprocess.run(measured, env=environment, check=True, cwd=ROOT)


def _postgresql_url() -> str:
    """An empty database on the embedded server that the tests use too."""
    import psycopg

    from tests.databases import embedded_server_url

    url = embedded_server_url()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS tillbook_bench WITH (FORCE)")
        server.execute("CREATE DATABASE tillbook_bench")
    return url.replace("/postgres?", "/tillbook_bench?")


def measure(name: str) -> None:
    """Print the figures of the database that the settings name."""
    places = _shop()
    print(f"\n{name}, spends a second, durable, medians of {ROUNDS}")
    print(f"{'':<24}{'service':>12}{'raw':>12}{'ratio':>8}   spread")
    for title, threads, size in (
        ("one client", 1, 1),
        (f"{THREADS} threads", THREADS, 1),
        (f"batches of {BATCH:,}", 1, BATCH),
    ):
        print(_compare(title, places, threads, size).line(), flush=True)


def _shop() -> list[tuple[int, int]]:
    """Customers with one large credit each: (customer id, account id)."""
    from django.core.management import call_command
    from django.utils import timezone

    from tillbook.common.actor import Actor
    from tillbook.common.money import Money
    from tillbook.credit import services as credit
    from tillbook.credit.models import GiveReason
    from tillbook.customers import services as customers

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


def _compare(name: str, places: list[tuple[int, int]], threads: int, size: int) -> Figure:
    # A batch of the raw limit names no row twice: one UPDATE would change it only once.
    ours, raw = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(threads, lambda: _service(places, size)))
        raw.append(_rate(threads, lambda: _raw(places, size)))
    ratios = [mine / theirs for mine, theirs in zip(ours, raw, strict=True)]
    return Figure(name, round(statistics.median(ours)), round(statistics.median(raw)), ratios)


def _service(places: list[tuple[int, int]], size: int) -> tuple[Work, Callable[[], None]]:
    from django.db import connection
    from django.utils import timezone

    from tillbook.common.actor import Actor
    from tillbook.common.money import Money
    from tillbook.credit import services as credit

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


def _shuffled(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places, begun elsewhere by each thread, so that they seldom meet on one row."""
    start = next(_STARTS) * 7 % len(places)
    return places[start:] + places[:start]


def _raw(places: list[tuple[int, int]], size: int) -> tuple[Work, Callable[[], None]]:
    import raw

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


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
    if sys.argv[1:2] == ["--measure"]:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tillbook.config.settings")
        import django

        django.setup()
        measure(sys.argv[2])
    else:
        main()
