"""A redirect is made from what somebody looked at: another person's correction is not written over."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tillbook.events.models import Event
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import StaleRefund, approve, version_of
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

pytestmark = pytest.mark.django_db

ACCOUNT, OTHER_ACCOUNT = "20-00-00 55779911", "60-16-13 31926819"
DAY = date(2026, 1, 2)


@pytest.fixture
def change(staff_actor, now):
    """Say where a refund goes: as it was asked for, but for what is given."""

    def _change(refund: Refund, **more: Any) -> Refund:
        asked = {"method": "bank_transfer", "payee": Payee("Jo", ACCOUNT), "payment_date": DAY, "note": ""}
        return payees.change(refund.pk, **(asked | more), actor=staff_actor, now=now)

    return _change


@pytest.fixture
def refund(ask) -> Refund:
    return ask(payee="Jo", account=ACCOUNT)


CORRECTIONS = [
    {"payee": Payee("Jo", OTHER_ACCOUNT)},
    {"payee": Payee("Joanna", ACCOUNT)},
    {"payment_date": date(2026, 1, 5)},
    {"note": "Refund reversal"},
]


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_what_somebody_else_corrected_is_looked_at_before_it_is_corrected_again(refund, change, correction):
    seen = version_of(refund)
    corrected = change(refund, **correction)
    with pytest.raises(StaleRefund, match="was changed since you opened it"):
        change(refund, note="Rang", seen=seen)
    assert version_of(Refund.objects.get()) == version_of(corrected)
    assert Event.objects.filter(action="refund.changed").count() == 1
    assert change(refund, note="Rang", seen=version_of(corrected)).note == "Rang"


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_nobody_says_yes_to_what_they_have_not_seen(refund, change, admin_actor, now, correction):
    seen = version_of(refund)
    change(refund, **correction)
    for say_yes in (approve, refunds.complete):
        with pytest.raises(StaleRefund):
            say_yes(refund.pk, seen=seen, actor=admin_actor, now=now)
    assert Refund.objects.get().status == "requested"


def test_the_same_correction_sent_twice_is_done_once(refund, change):
    seen = version_of(refund)
    for _ in range(2):
        assert change(refund, payee=Payee("Jo", OTHER_ACCOUNT), seen=seen).bank_account == OTHER_ACCOUNT
    assert Event.objects.filter(action="refund.changed").count() == 1


def test_an_account_that_is_kept_is_the_one_that_it_has_by_then(refund, change):
    change(refund, payee=Payee("Jo", OTHER_ACCOUNT))
    kept = change(refund, payee=Payee("Jo"), note="Rang", keep_account=True)
    assert (kept.bank_account, kept.note) == (OTHER_ACCOUNT, "Rang")
    assert change(refund, payee=Payee("Jo", ACCOUNT), keep_account=True).bank_account == ACCOUNT
    assert change(refund, payee=Payee("Jo"), method="cash", keep_account=True).bank_account == ""
