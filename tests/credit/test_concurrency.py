"""Real threads, each with its own connection, against one credit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.ledger.models import Transfer
from tillbook.ledger.queries import verify

ADMIN = Actor("admin", Role.ADMIN, "test", 2)


def race(count, work):
    def one(number):
        try:
            return work(number)
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def customer_with_credit(minor, now):
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    services.give(
        customer_id=customer.pk,
        amount=Money(minor, "GBP"),
        reason=GiveReason.DEPOSIT,
        refundable=True,
        expires_at=None,
        key="g",
        actor=ADMIN,
        now=now,
    )
    return customer


def test_fifty_spends_at_once_of_a_credit_for_twenty(own_database, now):
    customer = customer_with_credit(2000, now)

    def spend(number):
        services.spend(
            customer_id=customer.pk,
            amount=Money(100, "GBP"),
            reference=f"N{number}",
            key=f"s{number}",
            actor=ADMIN,
            now=now,
        )
        return "done"

    outcomes = race(50, spend)
    assert outcomes.count("done") == 20
    assert outcomes.count("insufficient_credit") == 30
    row = queries.balance_of(customer.pk, "GBP")
    assert (row.available_minor, row.held_minor) == (0, 0)
    assert Transfer.objects.count() == 21
    assert verify().broken == []


def test_the_same_request_twenty_times_at_once_moves_once(own_database, now):
    customer = customer_with_credit(2000, now)

    def spend(_number):
        return services.spend(
            customer_id=customer.pk,
            amount=Money(100, "GBP"),
            reference="N1",
            key="s",
            actor=ADMIN,
            now=now,
        )

    outcomes = race(20, spend)
    assert all(each == outcomes[0] for each in outcomes)
    assert queries.balance_of(customer.pk, "GBP").available_minor == 1900
