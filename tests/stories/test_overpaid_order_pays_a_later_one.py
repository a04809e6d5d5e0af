"""A customer pays too much; the excess pays a later order; a void takes back what is left."""

from __future__ import annotations

import pytest

from tillbook.common.money import Money
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.ledger.queries import verify
from tillbook.orders import services as orders
from tillbook.orders.models import Order, Payment

pytestmark = pytest.mark.django_db


def test_the_excess_is_credit_at_once_and_a_void_takes_back_what_is_unspent(staff_actor, now):
    common = {"actor": staff_actor, "now": now}
    customer = customers.add(username="jo", currency="GBP", **common)

    def place(number, minor):
        line = orders.LineInput("A1", "Lamp", 1, minor)
        return orders.place(
            number=number, customer_id=customer.pk, currency="GBP", lines=[line], key=number, **common
        )

    first, second = place("N1", 10_000), place("N2", 1_500)
    payment = orders.receive_payment(
        first.pk, amount=Money(12_000, "GBP"), method=Payment.Method.CARD, received_at=now, key="p", **common
    )
    row = balance_of(customer.pk, "GBP")
    assert (row.available_minor, row.held_minor, row.owing_minor) == (2_000, 0, 1_500)
    assert Order.objects.get(pk=first.pk).paid_status == "over_paid"

    orders.pay_with_credit(second.pk, amount=Money(1_500, "GBP"), key="c", **common)
    row = balance_of(customer.pk, "GBP")
    assert (row.available_minor, row.held_minor, row.owing_minor) == (500, 0, 0)

    voided = orders.void_payment(payment.pk, reason="Card charged back", key="v", **common)
    assert (voided.taken_back_minor, voided.missing_minor) == (500, 1_500)
    row = balance_of(customer.pk, "GBP")
    assert (row.available_minor, row.held_minor, row.owing_minor) == (0, 0, 11_500)
    assert verify().broken == []
