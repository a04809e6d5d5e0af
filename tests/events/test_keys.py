"""One key stands for one request of a customer, whatever kind of request it is (R4)."""

from __future__ import annotations

import pytest

from tests.orders.till import Till, gbp, line
from tillbook.common.errors import InvalidInput, KeyReused
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.events.services import InternalKey, check_key, internal_key


@pytest.fixture
def till(staff_actor, now) -> Till:
    return Till(staff_actor, now)


def give(till: Till, key: str, minor: int = 1000) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(minor), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key=key, actor=till.staff, now=till.now,
    )  # fmt: skip


def test_a_key_that_gave_credit_cannot_receive_a_payment(till: Till) -> None:
    order = till.place(line(5000))
    give(till, "k")
    with till.refused(KeyReused, "key"):
        till.pay(order, 5000, key="k")


def test_a_key_that_received_a_payment_cannot_give_spend_or_hold_credit(till: Till) -> None:
    order = till.place(line(5000))
    give(till, "g")
    till.pay(order, 100, key="k")
    taking = {"customer_id": till.customer.pk, "amount": gbp(10), "reference": "N", "key": "k"}
    for request in (
        lambda: give(till, "k"),
        lambda: credit.spend(**taking, actor=till.staff, now=till.now),
        lambda: credit.hold(**taking, actor=till.staff, now=till.now),
    ):
        with till.refused(KeyReused, "key"):
            request()


def test_nobody_can_send_a_key_of_the_programs_own(till: Till) -> None:
    own = internal_key("RF-1001", "completed")
    assert (own, check_key(own)) == ("~RF-1001/completed", own)
    with till.refused(InvalidInput, "key"):
        give(till, str.__str__(own) + "")
    with till.refused(InvalidInput, "key"):
        give(till, "~expire/1/1")


def test_a_long_key_of_the_programs_own_is_shortened_and_still_its_own() -> None:
    long = internal_key("x" * 300, "overpayment")
    assert (len(long), long[0], isinstance(long, InternalKey)) == (65, "~", True)
