"""What one operation takes in a book of some size: whether it grows with the book."""

from __future__ import annotations

import itertools
import random
import resource
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from secrets import token_hex

from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.book import CURRENCY, PER_CUSTOMER
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.orders import checkout
from tillbook.orders.recalculation import recalculate
from tillbook.staff.models import User
from tillbook.staff.services import add_user

TURNS = 300
_BY = Actor.system("bench")
_KEYS = itertools.count()
_RUN = token_hex(4)  # a book may be measured again
_LOGIN = "allauth.account.auth_backends.AuthenticationBackend"


def figures(transfers: int, turns: int = TURNS) -> dict[str, float]:
    """What is done -> its median milliseconds, each time for another customer; and the process's memory."""
    customers = transfers // PER_CUSTOMER
    chance = random.Random(7)  # noqa: S311 - the same customers every time
    works = {**_works(), "page of a customer": _page()}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(turns + 20):  # the first ones open connections and prepare statements
        customer_id = chance.randint(1, customers)
        for name, work in works.items():
            began = time.perf_counter()
            work(customer_id)
            if turn >= 20:
                taken[name].append(1_000 * (time.perf_counter() - began))
    found = {name: statistics.median(each) for name, each in taken.items()}
    return {**found, "memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024}


def pay_orders() -> None:
    """A voided payment for each order: what a recalculation must not read of other customers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_payment (order_id, customer_id, amount_minor, method, reference, "
            "received_at, recorded_at, recorded_by, void_reason, voided_at) SELECT id, customer_id, 1, "
            "'card', '', placed_at, placed_at, 'bench', 'bench', placed_at FROM orders_order"
        )
        cursor.execute("VACUUM ANALYZE orders_payment" if connection.vendor == "postgresql" else "ANALYZE")


def key() -> str:
    """A key that no request had."""
    return f"growth-{_RUN}-{next(_KEYS)}"


def spend(customer_id: int) -> None:
    """One spend."""
    checkout.spend(
        customer_id=customer_id, amount=Money(1, CURRENCY), reference="SO-1", key=key(), actor=_BY,
        now=timezone.now(),
    )  # fmt: skip


def _works() -> dict[str, Callable[[int], object]]:
    def issue(customer_id: int) -> None:
        credit.give(
            customer_id=customer_id, amount=Money(1, CURRENCY), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=timezone.now() + timedelta(days=3_650), key=key(), actor=_BY, now=timezone.now(),
        )  # fmt: skip

    def hold_and_capture(customer_id: int) -> None:
        held = key()
        asked = {"customer_id": customer_id, "actor": _BY, "now": timezone.now()}
        credit.hold(amount=Money(1, CURRENCY), reference="SO-1", key=held, **asked)
        credit.capture(hold_key=held, key=key(), **asked)

    def compare(customer_id: int) -> None:
        found = recalculate(customer_id, repair=False, actor=_BY, now=timezone.now())
        assert not found.differences, found

    return {"spend": spend, "issue": issue, "hold and capture": hold_and_capture, "recalculation": compare}


def logged_in() -> Client:
    """The panel as an admin sees it."""
    user = User.objects.filter(username="bench").first() or add_user(
        username="bench", role=Role.ADMIN, password=token_hex(), actor=_BY, now=timezone.now()
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend=_LOGIN)
    return client


def _page() -> Callable[[int], None]:
    client = logged_in()

    def page(customer_id: int) -> None:
        assert client.get(f"/customers/customer-{customer_id}/").status_code == 200

    return page
