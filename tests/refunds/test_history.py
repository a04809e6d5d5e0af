"""A refund is what its events made of it: honest histories agree, and a row changed past the program does not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.refunds import payees, receipt
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import approve, standing
from tillbook.refunds.models import Approval, Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db

FIRST, OTHER = "20-00-00 55779911", "60-16-13 31926819"


@pytest.fixture
def by(admin_actor: Actor, now) -> dict[str, Any]:
    return {"actor": admin_actor, "now": now}


@pytest.fixture
def redirect(staff_actor: Actor, now):
    """Pay a refund to that account by bank transfer instead."""

    def _redirect(refund: Refund, account: str) -> Refund:
        return payees.change(
            refund.pk, method=Refund.Method.BANK_TRANSFER, payee=Payee("Jo Bloggs", account),
            payment_date=date(2026, 3, 2), note="", actor=staff_actor, now=now,
        )  # fmt: skip

    return _redirect


@pytest.fixture
def cheque(credit, staff_actor: Actor, now):
    """Ask for a refund by cheque."""

    def _cheque() -> Refund:
        return refunds.request(
            customer_id=credit.customer_id, amount=Money(50_00, "GBP"), method=Refund.Method.CHEQUE,
            payee=Payee("Jo Bloggs", postal_address="1 Mill Lane"), payment_date=date(2026, 3, 2), key="c",
            actor=staff_actor, now=now,
        )  # fmt: skip

    return _cheque


def told() -> list[tuple[str, str]]:
    return [(each.subject, each.problem) for each in findings()]


def test_one_that_was_redirected_and_approved_again_agrees(ask, by, redirect):
    refund = ask(account=FIRST)
    approve(refund.pk, **by)
    redirect(refund, OTHER)
    approve(refund.pk, **by)
    assert told() == []
    refunds.complete(refund.pk, **by)
    assert told() == []
    refunds.fail(refund.pk, reason="Account closed", **by)
    assert told() == []


def test_a_cheque_that_had_its_number_agrees_when_it_is_paid_another_way(cheque, by, redirect):
    refund = cheque()
    receipt.number_cheque(refund.pk, cheque_number="123", **by)
    assert told() == []
    redirect(refund, OTHER)
    assert told() == []
    refunds.complete(refund.pk, **by)
    assert told() == []


def test_a_cheque_that_was_received_agrees_until_its_day_is_moved(cheque, by, now):
    refund = cheque()
    refunds.complete(refund.pk, cheque_number="7", received_on=now.date(), **by)
    assert told() == []
    Refund.objects.update(received_at=now.replace(year=2027))
    assert told() == [(refund.number, "was received on another day than its history says")]


def test_an_approval_that_ended_does_not_come_back(ask, by, redirect):
    refund = ask(account=FIRST)
    approve(refund.pk, **by)
    redirect(refund, OTHER)
    redirect(refund, FIRST)
    assert told() == []
    Approval.objects.update(voided_at=None)
    assert standing(Refund.objects.get(pk=refund.pk))
    assert told() == [(refund.number, "was approved otherwise than its history says")]
