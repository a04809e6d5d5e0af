"""Real threads, each with its own connection: whatever arrives at once, no cent moves twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import pytest

from tests.databases import at_once, codes
from tillbook.common.actor import Actor, Role
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
    """Call with 0, 1, 2 ... at once; what became of each."""
    return codes([lambda n=n: call(n) for n in range(count)])


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


def test_of_twenty_who_give_back_what_was_spent_one_does(now):
    customer = customer_with_credit(2000, now)
    by = {"customer_id": customer.pk, "reference": "N1", "actor": ADMIN, "now": now}
    services.spend(amount=gbp(500), key="s", **by)
    outcomes = race(20, lambda n: services.restore(currency="GBP", key=f"r{n}", **by))
    assert (outcomes.count("done"), outcomes.count("more_than_spent")) == (1, 19)
    assert balance(customer) == (2000, 0)
    assert verify().broken == []


def test_what_was_spent_is_given_back_in_twenty_parts_at_once_and_no_more(now):
    customer = customer_with_credit(2000, now)
    by = {"customer_id": customer.pk, "reference": "N1", "actor": ADMIN, "now": now}
    services.spend(amount=gbp(500), key="s", **by)
    outcomes = race(20, lambda n: services.restore(currency="GBP", amount=gbp(100), key=f"r{n}", **by))
    assert (outcomes.count("done"), outcomes.count("more_than_spent")) == (5, 15)
    assert balance(customer) == (2000, 0)
    assert verify().broken == []


def expiring_credit(now: datetime, people: int) -> list[Customer]:
    """Customers with 10.00 each that end in a day."""
    found = [Customer.objects.create(username=f"c{n}", currency="GBP", created_at=now) for n in range(people)]
    for customer in found:
        services.give(
            customer_id=customer.pk, amount=gbp(1000), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=now + timedelta(days=1), key="g", actor=ADMIN, now=now,
        )  # fmt: skip
    return found


def test_four_daily_rounds_at_once_expire_each_credit_once(now):
    people = expiring_credit(now, 20)
    later = now + timedelta(days=2)
    counts = at_once([lambda: services.expire_due(actor=ADMIN, now=later)] * 4)
    assert sum(counts) == 20, counts
    assert {balance(each) for each in people} == {(0, 0)}
    assert Transfer.objects.filter(reason="expired").count() == 20
    assert verify().broken == []


def test_credit_that_ends_while_it_is_spent_is_spent_or_expires(now):
    people = expiring_credit(now, 8)
    later = now + timedelta(days=2)

    def spend(customer: Customer) -> object:
        return services.spend(  # by a clock that is a little slow
            customer_id=customer.pk, amount=gbp(600), reference="N1", key="s", actor=ADMIN, now=now
        )

    spends = [lambda each=each: spend(each) for each in people]
    outcomes = codes([*spends, *[lambda: services.expire_due(actor=ADMIN, now=later)] * 2])
    assert outcomes[8:] == ["done"] * 2
    for customer, outcome in zip(people, outcomes[:8], strict=True):
        gone = Transfer.objects.filter(customer_id=customer.pk, house="breakage").values_list("amount_minor")
        assert (outcome, list(gone)) in (("done", [(400,)]), ("insufficient_credit", [(1000,)]))
        assert balance(customer) == (0, 0)
    assert verify().broken == []
