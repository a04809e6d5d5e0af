"""Several people end one refund at the same moment: its money moves once, and every record says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.databases import codes
from tests.orders.till import Till, line
from tests.refunds.charged import in_cash
from tillbook.common.actor import Actor
from tillbook.ledger.models import Transfer
from tillbook.orders.models import Payment
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Iterator[Till]:
    till = Till(Actor.system("test"), now)
    yield till
    till.check_book()


def asked(till: Till) -> Refund:
    """A refund of all that an order overpaid."""
    till.pay(till.place(line(1000)), 1500)
    return in_cash(till, 500)


def complete(till: Till, refund: Refund) -> Refund:
    return refunds.complete(refund.pk, actor=till.staff, now=till.now)


def ending(refund: Refund) -> list[tuple[str, int]]:
    """The transfers of the refund after its hold."""
    rows = Transfer.objects.filter(reference=refund.number).exclude(kind="hold")
    return list(rows.values_list("kind", "amount_minor"))


def test_ten_who_complete_and_ten_who_decline_end_it_once(till: Till) -> None:
    refund = asked(till)
    by = {"actor": till.staff, "now": till.now}
    ways = [
        lambda: refunds.complete(refund.pk, **by),
        lambda: refunds.decline(refund.pk, reason="Mistake", **by),
    ]
    outcomes = codes(ways * 10)
    completed = Refund.objects.get().status == Refund.Status.COMPLETED
    # Whoever wants what came about is told so; the others are refused.
    assert outcomes == (["done", "wrong_state"] if completed else ["wrong_state", "done"]) * 10
    assert ending(refund) == [("capture" if completed else "release", 500)]
    assert till.figures == (0 if completed else 500, 0, 0)


@pytest.mark.parametrize("paid", [True, False])
def test_twenty_who_say_that_it_failed_make_it_credit_again_once(till: Till, paid: bool) -> None:
    refund = asked(till)
    if paid:
        complete(till, refund)
    by = {"actor": till.staff, "now": till.now}
    assert codes([lambda: refunds.fail(refund.pk, reason="Account closed", **by)] * 20) == ["done"] * 20
    assert ending(refund) == ([("capture", 500), ("post", 500)] if paid else [("release", 500)])
    assert till.figures == (500, 0, 0)


def test_what_is_paid_while_its_payment_is_voided_was_there_or_stays(till: Till) -> None:
    owed = [asked(till) for _ in range(8)]
    payments = list(Payment.objects.order_by("order_id"))
    completes = [lambda refund=refund: complete(till, refund) for refund in owed]
    voids = [lambda payment=payment: till.void(payment) for payment in payments]
    outcomes = codes([*completes, *voids])
    assert outcomes[8:] == ["done"] * 8
    for refund, payment, outcome in zip(owed, payments, outcomes[:8], strict=True):
        refund.refresh_from_db()
        assert (outcome, refund.status) in (("done", "completed"), ("source_not_backed", "requested"))
        assert till.sums(payment.order) == (0, 0, 500, 1500)
    left = outcomes.count("source_not_backed")
    assert till.figures == (0, 500 * left, 8 * 1500)
    # Declined, the credit without money behind it is gone with the payment.
    for refund in Refund.objects.filter(status="requested"):
        refunds.decline(refund.pk, reason="Not paid", actor=till.staff, now=till.now)
    assert till.figures == (0, 0, 8 * 1500 - 500 * left)
