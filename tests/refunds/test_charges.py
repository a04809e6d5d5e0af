"""Refunds by the method gateway go back to the charge that the credit came from."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from tests.orders.till import Till, line
from tests.refunds.charged import ONE, TWO, back
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput, KeyReused
from tillbook.events.models import Event
from tillbook.orders.charges import NO_CHARGE
from tillbook.refunds import payees
from tillbook.refunds.approvals import content
from tillbook.refunds.charges import charge_to
from tillbook.refunds.in_payout import NotReady, enter_payout
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.queries import ready_for_payout
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db
ADMIN = Actor("boss", Role.ADMIN, "test", 99)


@pytest.fixture
def till(staff_actor, now):
    till = Till(staff_actor, now)
    yield till
    till.check_book()
    assert list(findings()) == []


def test_the_only_charge_is_found(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refund = back(till, 500)
    assert charge_to(Refund.objects.get()) == charge_to(refund) == ONE
    told = Event.objects.get(action="refund.requested").data
    assert (told["method"], told["gateway"], told["charge"]) == ("gateway", "stripe", "ch_1")


def test_one_of_several_is_named(till):
    order = till.place(line(1_000))
    till.pay(order, 500, charge=ONE)
    till.pay(order, 500, charge=TWO)
    till.cancel(order)
    with till.refused(InvalidInput, "charge"):
        back(till, 100)
    with pytest.raises(InvalidInput, match="one of ch_1, CAP2"):
        back(till, 100)
    assert charge_to(back(till, 100, TWO)) == TWO


def test_money_that_no_card_brought_goes_back_to_none(till):
    till.pay(till.place(line(1_000)), 1_500)
    with till.refused(InvalidInput, "method"):
        back(till, 500)
    with till.refused(InvalidInput, "charge"):
        back(till, 500, ONE)


def test_another_customer_s_charge_is_refused(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    with till.refused(InvalidInput, "charge"):
        back(till, 500, TWO)


def test_another_method_takes_no_charge(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    with till.refused(InvalidInput, "charge"):
        back(till, 500, ONE, method="cash")


def test_asked_twice_it_is_one_refund_and_another_charge_is_another_request(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    assert back(till, 500, ONE, key="r") == back(till, 500, ONE, key="r")
    with till.refused(KeyReused, "key"):
        back(till, 500, key="r")


def test_where_it_goes_is_corrected_both_ways(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refund = back(till, 500)
    where = {
        "payee": Payee("Jo"),
        "payment_date": date(2026, 3, 2),
        "note": "",
        "actor": till.staff,
        "now": till.now,
    }
    approved = content(refund)
    payees.change(refund.pk, method="cash", **where)
    refund.refresh_from_db()
    assert (refund.method, charge_to(refund)) == ("cash", NO_CHARGE)
    assert content(refund) != approved
    assert Event.objects.get(action="refund.changed").data["changed"]["charge"] == ["ch_1", ""]
    assert list(findings()) == []
    payees.change(refund.pk, method="gateway", **where)
    refund.refresh_from_db()
    assert charge_to(refund) == ONE
    assert content(refund) == approved


def test_an_approval_is_for_one_charge(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refund = back(till, 500)
    before = content(refund)
    refund.charge = "ch_2"
    assert content(refund) != before
    refund.charge, refund.gateway = "ch_1", "paypal"
    assert content(refund) != before


def test_it_waits_for_no_payout_of_the_bank(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    back(till, 500)
    assert ready_for_payout() == []


@pytest.mark.parametrize("half", [{"gateway": ""}, {"charge": ""}])
def test_the_database_itself_keeps_no_half_of_a_charge(till, half):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    back(till, 500)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.update(**half)


def test_it_enters_no_file_for_the_bank(till):
    till.pay(till.place(line(1_000)), 1_500, charge=ONE)
    refund = back(till, 500)
    with till.refused(NotReady, "refunds"):
        enter_payout([refund], "PO-1001", actor=ADMIN, now=till.now)
    assert Refund.objects.get().payout == ""
