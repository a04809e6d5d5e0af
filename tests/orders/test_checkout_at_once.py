"""A checkout takes credit for an order at the very moment at which that order is placed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from tests.databases import at_once
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.ledger.verification import verify
from tillbook.orders import checkout
from tillbook.orders.models import Order
from tillbook.orders.recalculation import recalculate

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Till:
    till = Till(Actor.system("test"), now)
    credit.give(
        customer_id=till.customer.pk, amount=gbp(50_00), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    return till


def spend(till: Till, by: dict[str, Any]) -> object:
    return checkout.spend(customer_id=till.customer.pk, amount=gbp(12_00), reference="WEB-1", **by)


def spend_many(till: Till, by: dict[str, Any]) -> object:
    key = by.pop("key")
    return checkout.spend_many([credit.Taking(till.customer.pk, gbp(12_00), "WEB-1", key)], **by)


@pytest.mark.parametrize("take", [spend, spend_many])
def test_what_waits_for_the_order_to_be_placed_pays_it(
    till: Till, take: Callable[[Till, dict[str, Any]], object]
) -> None:
    placed = threading.Event()

    def place() -> Order:
        with transaction.atomic():
            order = till.place(line(30_00), number="WEB-1")
            placed.set()
            time.sleep(0.3)  # nobody else sees it yet; who pays comes to wait for the lock meanwhile
        return order

    by = till.by

    def pay() -> object:
        assert placed.wait(30)
        return take(till, by)

    answers: Sequence[object] = at_once([place, pay])
    assert isinstance(answers[0], Order), answers
    order = Order.objects.get()
    assert (order.credit_used_minor, order.owing_minor) == (12_00, 18_00), answers
    result = recalculate(till.customer.pk, repair=False, actor=till.staff, now=till.now)
    assert not result.differences
    assert verify().broken == []
