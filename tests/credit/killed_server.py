"""Forks workers over the book and kills each at the moment it is told: run by `test_killed.py`.

Forking is what makes a hundred kills cheap: Django is set up once, and no connection is open here.
A line on standard input is a round: its number, and either the milliseconds from the first
answer until the kill, or the number of the worker's statements at which it kills itself ("at 17").
The worker writes a line after each answer: what was done, its key, and what moved.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

import django

django.setup()  # before the models are imported

from django.db import connection, transaction  # noqa: E402

from tillbook.common.actor import Actor, Role  # noqa: E402
from tillbook.common.money import Money  # noqa: E402
from tillbook.credit import services  # noqa: E402
from tillbook.credit.models import GiveReason, Source  # noqa: E402
from tillbook.credit.services import Issue, Taking  # noqa: E402
from tillbook.ledger.models import House  # noqa: E402
from tillbook.orders import services as orders  # noqa: E402
from tillbook.orders.recalculation import recalculate  # noqa: E402
from tillbook.orders.services import LineInput  # noqa: E402
from tillbook.refunds import services as refunds  # noqa: E402
from tillbook.refunds.models import Refund  # noqa: E402
from tillbook.returns import services as returns  # noqa: E402
from tillbook.returns.services import RmaLineInput  # noqa: E402

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
STAFF, ADMIN = Actor("staff", Role.STAFF, "test", 1), Actor("admin", Role.ADMIN, "test", 2)
CUSTOMERS = [1, 2, 3]
GBP = "GBP"

statements = count(1)


def told(what: str, key: str, parts: Any = ()) -> None:
    moved = ",".join(f"{part.credit_id}:{part.amount_minor}" for part in parts)
    os.write(1, f"{what} {key} {moved or '-'}\n".encode())


def by(key: str, n: int) -> dict[str, Any]:
    return {"customer_id": CUSTOMERS[n % 3], "key": key, "actor": ADMIN, "now": NOW}


def spending(name: str) -> Iterator[None]:
    for n in count():
        key = f"{name}.{n}"
        told("spend", key, services.spend(amount=Money(1, GBP), reference="N1", **by(key, n)))
        yield


def batches(name: str) -> Iterator[None]:
    for n in count():
        keys = [f"{name}.{n}.{part}" for part in range(1 + n * 17 % 90)]  # PostgreSQL copies the long ones
        takings = [Taking(CUSTOMERS[m % 3], Money(1, GBP), "N2", key) for m, key in enumerate(keys)]
        for key, parts in zip(
            keys, services.accepted(services.take_many(takings, actor=ADMIN, now=NOW)), strict=True
        ):
            told("batch", key, parts)
        yield


def holding(name: str) -> Iterator[None]:
    for n in count():
        key = f"{name}.{n}"
        told("hold", key, services.hold(amount=Money(5, GBP), reference="N3", **by(key, n)))
        end = {**by(f"{key}.end", n), "hold_key": key}
        if n % 3:
            told("capture", f"{key}.end", services.capture(amount=Money(2, GBP), **end))
        else:
            told("release", f"{key}.end", services.release(**end))
        yield


def issuing(name: str) -> Iterator[None]:
    for n in count():
        keys = [f"{name}.{n}.{part}" for part in range(1 + n % 4)]
        issues = [
            Issue(CUSTOMERS[m % 3], Money(7, GBP), Source.MANUAL, House.RECEIPTS, GiveReason.DEPOSIT, "", key)
            for m, key in enumerate(keys)
        ]
        services.accepted(services.issue_many(issues, actor=ADMIN, now=NOW))
        for key in keys:
            told("issue", key)
        yield


def refunding(name: str) -> Iterator[None]:
    for n in count():
        key = f"{name}.{n}"
        payee = refunds.Payee(name="Jo", bank_account="20-00-00 55779911")
        wanted = {**by(key, n), "actor": STAFF, "amount": Money(3, GBP), "payee": payee}
        refund = refunds.request(method=Refund.Method.BANK_TRANSFER, payment_date=NOW.date(), **wanted)
        told("request", key)
        if n % 3:
            refunds.complete(refund.pk, actor=ADMIN, now=NOW)
            told("complete", refund.number)
        else:
            refunds.decline(refund.pk, reason="Mistake", actor=ADMIN, now=NOW)
            told("decline", refund.number)
        yield


def selling(name: str) -> Iterator[None]:
    for n in count():
        key = f"{name}.{n}"
        with transaction.atomic():  # as a program's one request is
            order = orders.place(currency=GBP, lines=[LineInput("CUP", "A cup", 1, 100)], **by(key, n))
            too_much = {"amount": Money(107, GBP), "method": "card", "key": f"{key}.paid"}
            orders.receive_payment(order.pk, actor=ADMIN, now=NOW, **too_much)
        told("sell", f"{key}.paid")
        cup = RmaLineInput(order.lines.get().pk, "CUP", "A cup", 1, 7)
        back = {"currency": GBP, "order_id": order.pk, "lines": [cup], "reason": "faulty"}
        returns.open_rma(close_at_once=True, **back, **by(f"{key}.back", n))
        told("return", f"{key}.back")
        yield


def recalculating(_name: str) -> Iterator[None]:
    while True:
        for customer_id in [CUSTOMERS[-1] + 1, *CUSTOMERS]:  # the one with a wrong figure first
            found = recalculate(customer_id, repair=True, actor=ADMIN, now=NOW)
            if found.repaired:
                told("recalculate", str(customer_id))
        yield


SHAPES: list[Callable[[str], Iterator[None]]] = [
    spending, spending, batches, holding, issuing, refunding, selling, recalculating
]  # fmt: skip


def count_statements(last: int | None) -> None:
    """Kill this process at its `last` statement, counted in the driver: the book goes past Django's cursors."""
    connection.ensure_connection()
    raw = connection.connection

    def counted() -> None:
        if next(statements) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    if connection.vendor == "sqlite":
        raw.set_trace_callback(lambda _: counted())
        return
    wait = raw.wait

    def counted_wait(*rest: Any, **named: Any) -> Any:
        counted()
        return wait(*rest, **named)

    raw.wait = counted_wait


def work(number: int, last: int | None, ready: int) -> None:
    """Every shape in a thread of its own, until this process is killed."""

    def keep_on(place: int, shape: Callable[[str], Iterator[None]]) -> None:
        try:
            count_statements(last)
            for _ in shape(f"r{number}.{place}"):
                os.write(ready, b".")
        finally:  # by an error
            traceback.print_exc()
            os._exit(1)

    threads = [threading.Thread(target=keep_on, args=each) for each in enumerate(SHAPES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    for order in sys.stdin:
        number, how, wanted = order.split()
        reading, ready = os.pipe()
        child = os.fork()
        if not child:
            try:
                work(int(number), int(wanted) if how == "at" else None, ready)
            finally:
                os._exit(1)
        os.close(ready)
        if how == "after":
            os.read(reading, 1)
            time.sleep(int(wanted) / 1000)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reading)
        os.write(1, f"ended {number} {os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1}\n".encode())


main()
