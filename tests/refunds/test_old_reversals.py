"""A refund whose note says "Refund reversal" is a reversal in all that is booked, as the Reverse button's is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.orders.till import Till, line
from tests.refunds.charged import credits, in_cash
from tillbook.common.actor import Actor
from tillbook.common.errors import WrongState
from tillbook.credit.models import Credit, ReverseReason
from tillbook.credit.provenance import Goal, whereabouts
from tillbook.ledger.models import Transfer
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.returns.models import Rma

pytestmark = pytest.mark.django_db

Reverse = Callable[[Till, Credit], Refund]


@pytest.fixture
def till(staff_actor: Actor, now: Any) -> Till:
    return Till(staff_actor, now)


def by_note(till: Till, credit: Credit) -> Refund:
    return in_cash(
        till, credit.account.available_minor, credit_id=credit.id, note="Refund reversal: given by mistake"
    )


def by_button(till: Till, credit: Credit) -> Refund:
    return refunds.request_reversal(
        customer_id=credit.customer_id, credit_id=credit.id, reason=ReverseReason.GIVEN_BY_MISTAKE, **till.by
    )


BOTH = pytest.mark.parametrize("reverse", [by_note, by_button])


@BOTH
def test_an_order_overpaid_by_mistake_owes_nothing_after_it(till: Till, admin_actor: Actor, reverse: Reverse):
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    mistaken = till.pay(order, 5_000)
    [credit] = credits(till)
    refunds.complete(reverse(till, credit).pk, actor=admin_actor, now=till.now)
    till.void(mistaken)
    assert till.figures == (0, 0, 0)
    assert till.status(order) == "fully_paid"
    till.check_book()


@BOTH
def test_a_return_can_be_done_again_after_it(till: Till, admin_actor: Actor, reverse: Reverse):
    order = till.place(line(10_000))
    till.pay(order, 10_000)
    rma = till.close(till.open_rma(order, till.back(order, 1, None)))
    [credit] = credits(till)
    refunds.complete(reverse(till, credit).pk, actor=admin_actor, now=till.now)
    assert Rma.objects.get(pk=rma.pk).outcome == Rma.Outcome.REVERSED
    till.close(till.open_rma(order, till.back(order, 1, None)))
    assert till.figures == (10_000, 0, 0)
    till.check_book()


@BOTH
def test_it_goes_back_where_the_credit_came_from(till: Till, admin_actor: Actor, reverse: Reverse):
    till.pay(till.place(line(10_000)), 12_000)
    [credit] = credits(till)
    refund = reverse(till, credit)
    assert whereabouts(credit).ways[0].is_held
    refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    capture = Transfer.objects.get(customer_id=credit.customer_id, kind="capture")
    assert (capture.house, capture.amount_minor, capture.reason) == (credit.house, 2_000, "reversal")
    [credit] = credits(till)
    found = whereabouts(credit)
    [way] = found.ways
    assert (way.goal, way.went_minor, way.back_minor, way.held_minor) == (Goal.REVERSAL, 2_000, 0, 0)
    assert found.adds_up


def test_of_several_credits_each_goes_back_to_its_own(till: Till, admin_actor: Actor):
    order = till.place(line(10_000))
    till.pay(order, 12_000)
    till.close(till.open_rma(order, till.back(order, 1, 1_000)))
    refund = in_cash(till, 2_500, note="REFUND REVERSAL")
    refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    captured = Transfer.objects.filter(kind="capture").order_by("account_id")
    assert [(each.house, each.amount_minor) for each in captured] == [
        ("receipts", 2_000), ("sales_returns", 500),
    ]  # fmt: skip
    till.check_book()


def test_no_payment_of_it_can_fail(till: Till, admin_actor: Actor):
    till.pay(till.place(line(10_000)), 12_000)
    refund = by_note(till, credits(till)[0])
    refunds.complete(refund.pk, actor=admin_actor, now=till.now)
    with pytest.raises(WrongState, match="no payment of it can fail"):
        refunds.fail(refund.pk, reason="Account closed", actor=admin_actor, now=till.now)
    assert till.figures == (0, 0, 0)


def test_declined_it_leaves_the_credit_as_it_was(till: Till, admin_actor: Actor):
    till.pay(till.place(line(10_000)), 12_000)
    refund = by_note(till, credits(till)[0])
    refunds.decline(refund.pk, reason="No mistake", actor=admin_actor, now=till.now)
    assert till.figures == (2_000, 0, 0)
    assert whereabouts(credits(till)[0]).adds_up
    till.check_book()
