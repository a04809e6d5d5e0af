"""A payment that did not arrive is credit again: the same credits, on the same terms."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tillbook.common.errors import InvalidInput, PermissionDenied, WrongState
from tillbook.credit import queries
from tillbook.credit.basis import View, basis_at
from tillbook.credit.models import Credit, ReverseReason
from tillbook.credit.reporting import Line, roll_forward
from tillbook.credit.terms import expiry_after
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import of_credit
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db


def balance(credit):
    row = queries.balance_of(credit.customer_id, "GBP")
    return row.available_minor, row.held_minor


def check_book() -> None:
    assert not list(findings())
    assert not verify().broken


@pytest.fixture
def by(admin_actor, now):
    return {"actor": admin_actor, "now": now}


def test_a_completed_refund_that_came_back_is_credit_again(ask, credit, by):
    refund = ask()
    refunds.complete(refund.pk, **by)
    assert balance(credit) == (195_000, 0)
    failed = refunds.fail(refund.pk, reason="Account closed", **by)
    assert (failed.status, failed.fail_reason, failed.failed_at) == ("failed", "Account closed", by["now"])
    assert balance(credit) == (200_000, 0)
    back = Transfer.objects.order_by("seq").last()
    assert (back.house, back.inward, back.amount_minor, back.reference) == (
        "payouts",
        True,
        5000,
        refund.number,
    )
    check_book()


def test_failing_twice_gives_back_once(ask, credit, by):
    refund = ask()
    refunds.complete(refund.pk, **by)
    for _ in range(2):
        refunds.fail(refund.pk, reason="Account closed", **by)
    assert balance(credit) == (200_000, 0)
    assert Event.objects.filter(action="refund.failed").count() == 1


def test_one_that_was_not_completed_is_released(ask, credit, by):
    refund = ask()
    refunds.fail(refund.pk, reason="Account closed", **by)
    assert balance(credit) == (200_000, 0)
    assert not Transfer.objects.filter(inward=True, house="payouts").exists()
    check_book()


def test_credit_that_expired_meanwhile_gets_the_grace_period(ask, credit, by, now):
    refund = ask()
    refunds.complete(refund.pk, **by)
    Credit.objects.update(expires_at=now + timedelta(days=1))
    later = now + timedelta(days=5)
    refunds.fail(refund.pk, reason="Account closed", actor=by["actor"], now=later)
    row = Credit.objects.select_related("account").get()
    assert row.expires_at == expiry_after(30, later)
    assert row.account.available_minor == 5000  # the rest had its time, and expired
    check_book()


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_needed(ask, credit, by, reason):
    refund = ask()
    with pytest.raises(InvalidInput, match="Say why"):
        refunds.fail(refund.pk, reason=reason, **by)
    assert balance(credit) == (195_000, 5000)


def test_what_was_declined_or_pays_nobody_can_not_fail(ask, credit, by, staff_actor, now):
    refund = ask()
    refunds.decline(refund.pk, reason="No", **by)
    with pytest.raises(WrongState):
        refunds.fail(refund.pk, reason="Account closed", **by)
    reversal = refunds.request_reversal(
        customer_id=credit.customer_id, credit_id=credit.id, reason=ReverseReason.DUPLICATE, key="v",
        actor=staff_actor, now=now,
    )  # fmt: skip
    with pytest.raises(WrongState, match="reversal"):
        refunds.fail(reversal.pk, reason="Account closed", **by)


def test_staff_fail_nothing(ask, staff_actor, now):
    refund = ask()
    with pytest.raises(PermissionDenied):
        refunds.fail(refund.pk, reason="Account closed", actor=staff_actor, now=now)
    assert Refund.objects.get().status == "requested"


def test_a_refund_said_to_have_failed_without_its_transfer_is_found(ask, by):
    refund = ask()
    refunds.complete(refund.pk, **by)
    Refund.objects.update(status="failed")
    assert [(finding.subject, finding.problem) for finding in findings()] == [
        (refund.number, "has a state or amount that its transfers do not give"),
        (refund.number, "is in another state than its history says"),
    ]


def test_the_way_of_the_money_goes_there_and_back(ask, credit, by):
    refund = ask()
    refunds.complete(refund.pk, **by)
    refunds.fail(refund.pk, reason="Account closed", **by)
    row = Credit.objects.select_related("account").get()
    found = of_credit(row, queries.transfers_of_credit(row))
    ((goal, went, back),) = [(each.goal, each.went_minor, each.back_minor) for each in found.whereabouts.ways]
    assert (str(goal), went, back) == ("refund", 5000, 5000)
    assert found.whereabouts.adds_up


def test_what_came_back_is_told_apart_from_what_orders_gave_back(ask, credit, by, now):
    refund = ask()
    refunds.complete(refund.pk, **by)
    refunds.fail(refund.pk, reason="Account closed", **by)
    after = now + timedelta(days=1)
    basis = basis_at(after, view=View.EFFECTIVE, recorded_by=after, now=after)
    moves = roll_forward(now - timedelta(days=1), basis, actor=by["actor"]).moves
    assert {each.line: each.minor for each in moves} == {
        Line.ISSUED: 200_000, Line.PAID_OUT: -5_000, Line.NOT_RECEIVED: 5_000,
    }  # fmt: skip
