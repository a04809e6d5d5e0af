"""Paying an order with credit: in its own order, or from the credits that were chosen."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    return Till(staff_actor, now)


def test_amounts_beside_credits_that_were_not_chosen_are_not_passed_over(till: Till, as_staff: Client):
    order = till.place(line(1_000))
    given = credit.give(
        customer_id=till.customer.pk, amount=gbp(1_000), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, **till.by,
    )  # fmt: skip
    address = f"/orders/{order.number}/pay-with-credit/"
    sent = {"key": "k", "way": "automatic", "amount": "10.00", f"credit_{given.id}": "5.00"}
    answer = as_staff.post(address, sent)
    assert answer.status_code == 422
    assert "There are amounts beside credits" in answer.text
    assert till.sums(order) == (0, 0, 0, 1_000)
    assert as_staff.post(address, sent | {"way": "chosen"}).status_code == 302
    assert till.sums(order) == (0, 500, 0, 500)
