"""Two admins work the same refunds at the same moment."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction

from tests.conftest import _user_actor
from tests.databases import at_once, wait_until_one_waits
from tests.payouts.conftest import Till, make_till
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.payouts import services
from tillbook.payouts.models import Booking, Item, Payout, Statement
from tillbook.payouts.services import NothingToPay
from tillbook.refunds import services as refunds
from tillbook.refunds.in_payout import NotReady
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.receipt import ChequeTaken
from tillbook.refunds.unclaimed import cancel
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now) -> Till:
    system = Actor.system("test")
    till = make_till(
        _user_actor("staff", Role.STAFF, system, now), _user_actor("admin", Role.ADMIN, system, now), now
    )
    for each in range(20):
        till.refund(f"c{each}", 10_00 + each)
    return till


def test_each_refund_is_in_one_file(till: Till):
    chosen = list(Refund.objects.order_by("pk"))
    outcomes = at_once([lambda key=key: till.create(*chosen, key=key) for key in "abcd"])
    assert Counter(map(type, outcomes)) == {Payout: 1, NotReady: 3}
    assert (Payout.objects.count(), Item.objects.count()) == (1, 20)


def test_all_that_is_ready_goes_once(till: Till):
    outcomes = at_once([lambda key=key: till.create(key=key) for key in "abcd"])
    assert Counter(map(type, outcomes)) == {Payout: 1, NothingToPay: 3}
    assert Item.objects.count() == 20


def test_one_key_at_once_is_one_payout(till: Till):
    outcomes = at_once([lambda: till.create(key="same")] * 4)
    assert {each.pk for each in outcomes} == {Payout.objects.get().pk}


def test_one_statement_read_at_once_pays_each_refund_once(till: Till):
    till.create()
    rows = [f"2026-03-04,{each.number},-{each.amount_minor / 100:.2f}," for each in Refund.objects.all()]
    outcomes = at_once([lambda: till.read(*rows)] * 3)
    assert all(isinstance(each, Statement) for each in outcomes), outcomes
    assert Statement.objects.count() == 1
    assert Counter(Booking.objects.values_list("outcome", flat=True)) in ({"paid": 20}, Counter(paid=20))
    assert set(Refund.objects.values_list("status", flat=True)) == {"completed"}
    assert not list(findings())
    assert not verify().broken


def test_of_two_statements_at_once_that_name_one_refund_on_two_days_one_is_told(till: Till):
    till.create()
    asked = list(Refund.objects.order_by("pk"))

    def read(day: int) -> Statement:
        return till.read(*(f"2026-03-0{day},{each.number},-{each.amount_minor / 100:.2f}," for each in asked))

    outcomes = at_once([lambda: read(4), lambda: read(5)])
    assert all(isinstance(each, Statement) for each in outcomes), outcomes
    assert Counter(Booking.objects.values_list("outcome", flat=True)) == {"paid": 20, "differs": 20}
    assert not list(findings())
    assert not verify().broken


@pytest.mark.only_on("postgresql")  # SQLite begins no transaction that writes while another one does
def test_a_sum_that_waits_while_its_file_is_cancelled_pays_nothing(till: Till):
    """It found the payout before the books were its own; what the other did meanwhile counts."""
    payout = till.create()
    line = f"2026-03-04,{payout.number},-{Money(payout.total_minor, 'AUD').decimal()},"
    cancelled = threading.Event()

    def cancel_slowly() -> None:
        with transaction.atomic():
            services.cancel(payout.number, reason="Wrong day", actor=till.admin, now=till.now)
            cancelled.set()
            wait_until_one_waits()

    def read() -> list[str]:
        cancelled.wait(60)
        return till.outcomes(till.read(line))

    assert at_once([cancel_slowly, read]) == [None, ["differs"]]
    assert Booking.objects.get().problem == f"{payout.number} was cancelled, and was paid nevertheless."
    assert set(Refund.objects.values_list("status", "payout")) == {("requested", "")}
    assert not list(findings())


def test_a_hundred_completed_by_two_at_once_are_each_paid_once(till: Till):
    for each in range(80):
        till.refund(f"d{each}", 5_00)
    ids = list(Refund.objects.values_list("pk", flat=True))

    def complete(order: list[int]) -> int:
        done = [refunds.complete(each, actor=till.admin, now=till.now).status for each in order]
        return done.count("completed")

    assert at_once([lambda: complete(ids), lambda: complete(ids[::-1])]) == [100, 100]
    assert not list(findings())
    assert not verify().broken


def test_one_that_is_cancelled_by_twenty_at_once_is_credit_again_once(till: Till):
    refund = till.refund("c0", 10_00, method="cash", payee=Payee("C0"), key="cash")
    refunds.complete(refund.pk, actor=till.admin, now=till.now)
    later = till.now + timedelta(days=91)
    outcomes = at_once([lambda: cancel(refund.pk, actor=till.admin, now=later).status] * 20)
    assert outcomes == ["failed"] * 20
    assert Event.objects.filter(action="refund.failed").count() == 1
    assert till.balance("c0") == (90_00, 10_00)  # of the fixture's refund
    assert not list(findings())
    assert not verify().broken


def test_two_refunds_that_get_one_cheque_at_once_are_told_apart(till: Till):
    payee = Payee("Jo", postal_address="1 Mill Lane")
    asked = [till.refund(f"c{each}", 5_00, method="cheque", payee=payee, key="q") for each in range(8)]

    def complete(refund: Refund) -> Refund:
        return refunds.complete(refund.pk, cheque_number="77", actor=till.admin, now=till.now)

    outcomes = at_once([lambda each=each: complete(each) for each in asked])
    assert Counter(map(type, outcomes)) == {Refund: 1, ChequeTaken: 7}
    assert Refund.objects.filter(status="completed").count() == 1
    assert not list(findings())
    assert not verify().broken
