"""What `verify` says of payments that somebody changed behind the program's back."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.orders.till import Till, gbp, line
from tests.refunds.charged import ONE
from tillbook.common.actor import Actor, Role
from tillbook.orders.charges import note_paid_back
from tillbook.orders.payment_verification import findings

ADMIN = Actor("boss", Role.ADMIN, "test", 99)
CHANGED = "has a payment that is not as it came in: its amount, day, way or charge was changed"
NOT_VOIDED = "has a payment that was not voided as its history says"
PAID_BACK = "has a payment of which something else was paid back than its history says"


@pytest.fixture
def till(staff_actor: Actor, now) -> Till:
    return Till(staff_actor, now)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_shop_s_payments_are_as_they_came_in(till: Till) -> None:
    order = till.place(line(10_00))
    by_card = till.pay(order, 4_00, charge=ONE, reference="R-1")
    till.void(till.pay(order, 1_00))
    till.pay(order, 6_00, received_at=None)
    for key, minor in (("n1", 50), ("n2", 1_25)):
        note_paid_back(by_card.pk, amount=gbp(minor), reason="Dashboard", key=key, actor=ADMIN, now=till.now)
    assert list(findings()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("charge = 'ch_mine'", CHANGED),
        ("gateway = 'paypal'", CHANGED),
        ("gateway = '', charge = ''", CHANGED),
        ("method = 'cash'", CHANGED),
        ("reference = 'R-2'", CHANGED),
        ("amount_minor = 500", CHANGED),
        ("received_at = recorded_at, recorded_at = '2020-01-01 00:00:00+00:00'", None),
        ("received_at = '2020-01-01 00:00:00+00:00'", CHANGED),
        ("voided_at = recorded_at", NOT_VOIDED),
        ("paid_back_minor = 1", PAID_BACK),
    ],
)
def test_a_payment_that_was_changed_is_found(till: Till, change: str, problem: str | None) -> None:
    order = till.place(line(10_00))
    till.pay(order, 4_00, charge=ONE, reference="R-1")
    execute(f"UPDATE orders_payment SET {change}")
    expected = [] if problem is None else [(till.customer.pk, f"order {order.number}", problem)]
    assert list(findings()) == expected


def test_a_payment_that_went_to_another_order_or_away_is_found(till: Till) -> None:
    first, second = till.place(line(10_00)), till.place(line(20_00))
    kept, gone = till.pay(first, 4_00), till.pay(first, 5_00)
    execute(f"UPDATE orders_payment SET order_id = {second.pk} WHERE id = {kept.pk}")
    execute(f"DELETE FROM orders_payment WHERE id = {gone.pk}")
    assert list(findings()) == [
        (till.customer.pk, f"order {second.number}", CHANGED),
        (till.customer.pk, f"order {first.number}", "had a payment that is not there any more"),
    ]
