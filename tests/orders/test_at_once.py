"""Several people deal with one order at the same moment: what is paid for it moves once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.databases import codes
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.events.models import Event
from tillbook.ledger.models import Kind, Transfer
from tillbook.orders import checkout

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Iterator[Till]:
    till = Till(Actor.system("test"), now)
    yield till
    till.check_book()


def test_of_twenty_who_void_a_payment_one_does(till: Till) -> None:
    order = till.place(line(1000))
    payment = till.pay(order, 1700)
    assert Counter(codes([lambda: till.void(payment)] * 20)) == {"done": 1, "wrong_state": 19}
    assert (till.sums(order), till.figures) == ((0, 0, 0, 1000), (0, 0, 1000))
    assert Event.objects.filter(action="payment.voided").count() == 1


def test_of_twenty_who_cancel_an_order_one_does(till: Till) -> None:
    order = till.place(line(1000))
    till.pay(order, 1000)
    assert Counter(codes([lambda: till.cancel(order)] * 20)) == {"done": 1, "wrong_state": 19}
    assert till.credits == [(order.number, 1000, 1000)]


def test_what_is_held_for_an_order_is_captured_or_released_while_it_is_cancelled(till: Till) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(8 * 400), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    orders = [till.place(line(1000)) for _ in range(8)]
    for order in orders:
        held = {**till.by, "key": f"hold of {order.pk}"}
        checkout.hold(customer_id=till.customer.pk, amount=gbp(400), reference=order.number, **held)
    captures = [
        lambda order=order: checkout.capture(
            customer_id=till.customer.pk, hold_key=f"hold of {order.pk}", **till.by
        )
        for order in orders
    ]
    outcomes = codes([*captures, *[lambda order=order: till.cancel(order) for order in orders]])
    assert outcomes[8:] == ["done"] * 8
    for order, outcome in zip(orders, outcomes[:8], strict=True):
        moved = Transfer.objects.filter(reference=order.number).exclude(kind=Kind.HOLD)
        kinds = sorted(moved.values_list("kind", flat=True))
        # What was captured came back when the order was cancelled after it.
        assert (outcome, kinds) in (("done", ["capture", "post"]), ("wrong_state", ["release"]))
        assert till.sums(order) == (0, 0, 0, 0)
    assert till.figures == (8 * 400, 0, 0)
