"""Real threads, each with its own connection: whatever arrives at once, no cent moves twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import cycle
from typing import Any

import pytest

from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import GiveReason
from tillbook.credit.services import Taking
from tillbook.customers.models import Customer
from tillbook.ledger.models import Balance, Kind, Transfer
from tillbook.ledger.verification import verify

ADMIN = Actor("admin", Role.ADMIN, "test", 2)

pytestmark = pytest.mark.usefixtures("own_database")


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def customer_with_credit(minor: int, now: datetime, username: str = "jo") -> Customer:
    customer = Customer.objects.create(username=username, currency="GBP", created_at=now)
    give(customer, minor, "g", now)
    return customer


def give(customer: Customer, minor: int, key: str, now: datetime) -> None:
    services.give(
        customer_id=customer.pk, amount=gbp(minor), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key=key, actor=ADMIN, now=now,
    )  # fmt: skip


def race(count: int, call: Callable[[int], Any]) -> list[str]:
    """Call with 0, 1, 2 ... at once; what became of each: done, or the refusal's code."""
    return [_code(each) for each in at_once([lambda n=n: call(n) for n in range(count)])]


def _code(outcome: Any) -> str:
    if isinstance(outcome, Exception) and not isinstance(outcome, Refusal):
        raise outcome
    return outcome.code if isinstance(outcome, Refusal) else "done"


def balance(customer: Customer) -> tuple[int, int]:
    row = queries.balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def test_fifty_spends_at_once_of_a_credit_for_twenty(now):
    customer = customer_with_credit(2000, now)
    outcomes = race(
        50,
        lambda n: services.spend(
            customer_id=customer.pk, amount=gbp(100), reference=f"N{n}", key=f"s{n}", actor=ADMIN, now=now
        ),
    )
    assert (outcomes.count("done"), outcomes.count("insufficient_credit")) == (20, 30)
    assert balance(customer) == (0, 0)
    assert Transfer.objects.count() == 21
    assert verify().broken == []


def test_the_same_request_twenty_times_at_once_moves_once(now):
    customer = customer_with_credit(2000, now)
    outcomes = race(
        20,
        lambda _: services.spend(
            customer_id=customer.pk, amount=gbp(100), reference="N1", key="s", actor=ADMIN, now=now
        ),
    )
    assert outcomes == ["done"] * 20
    assert balance(customer) == (1900, 0)
    assert Transfer.objects.count() == 2


def test_a_hold_captured_and_released_at_once_ends_once(now):
    customer = customer_with_credit(2000, now)
    common = {"customer_id": customer.pk, "actor": ADMIN, "now": now}
    services.hold(amount=gbp(500), reference="N1", key="h", **common)
    ways = cycle([services.capture, services.release])
    calls = [next(ways) for _ in range(20)]
    outcomes = race(20, lambda n: calls[n](hold_key="h", key=f"e{n}", **common))
    assert (outcomes.count("done"), outcomes.count("hold_already_resolved")) == (1, 19)
    assert balance(customer) in {(1500, 0), (2000, 0)}
    assert verify().broken == []


def test_the_first_credits_of_a_customer_all_at_once_all_count(now):
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    assert race(20, lambda n: give(customer, 100, f"g{n}", now)) == ["done"] * 20
    assert balance(customer) == (2000, 0)
    assert Balance.objects.count() == 1
    assert verify().broken == []


def test_batches_over_the_same_customers_in_opposite_order_do_not_wait_for_each_other(now):
    people = [customer_with_credit(10_000, now, f"c{n}") for n in range(6)]

    def batch(n: int) -> Sequence[Any]:
        order = people if n % 2 else list(reversed(people))
        takings = [Taking(each.pk, gbp(10), f"N{n}", f"b{n}", Kind.POST) for each in order]
        return services.accepted(services.take_many(takings, actor=ADMIN, now=now))

    assert race(16, batch) == ["done"] * 16
    assert [balance(each) for each in people] == [(10_000 - 16 * 10, 0)] * 6
    assert verify().broken == []


def test_books_opened_by_batches_in_opposite_order_do_not_wait_for_each_other(now):
    people = [Customer.objects.create(username=f"c{n}", currency="GBP", created_at=now) for n in range(8)]

    def batch(n: int) -> Sequence[Any]:
        chosen = people[n % 4 :] if n % 2 else list(reversed(people))[n % 4 :]
        takings = [Taking(each.pk, gbp(1), f"N{n}", f"b{n}") for each in chosen]
        return services.take_many(takings, actor=ADMIN, now=now)

    assert race(16, batch) == ["done"] * 16
    assert Balance.objects.count() == 8
    assert Transfer.objects.count() == 0
