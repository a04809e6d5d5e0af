"""Money that nobody took: out until it is received, stale after the shop's days, and credit again then."""

from __future__ import annotations

from datetime import date, timedelta
from importlib import import_module

import pytest
from django.db import connection

from tillbook.common.errors import InvalidInput, PermissionDenied, WrongState
from tillbook.common.money import Money
from tillbook.credit import queries
from tillbook.credit.models import Credit, ReverseReason
from tillbook.credit.terms import expiry_after
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.refunds import services as refunds
from tillbook.refunds.ageing import State, page_of_stale, stale
from tillbook.refunds.models import Refund
from tillbook.refunds.receipt import ChequeTaken, NotOut, number_cheque, receive
from tillbook.refunds.state import InPayout
from tillbook.refunds.unclaimed import NotStale, cancel
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
STALE = 91 * DAY  # one more than the shop's ninety


def balance(credit):
    row = queries.balance_of(credit.customer_id, "GBP")
    return row.available_minor, row.held_minor


def check_book() -> None:
    assert not list(findings())
    assert not verify().broken


@pytest.fixture
def by(admin_actor, now):
    return {"actor": admin_actor, "now": now}


@pytest.fixture
def later(admin_actor, now):
    """The same admin when the shop's days are over."""
    return {"actor": admin_actor, "now": now + STALE}


@pytest.fixture
def cheque(credit, staff_actor, now):
    """Ask for a refund by cheque."""

    def ask(minor=5000, key="cheque"):
        return refunds.request(
            customer_id=credit.customer_id, amount=Money(minor, "GBP"), method="cheque",
            payee=refunds.Payee(name="Jo Bloggs", postal_address="1 Mill Lane"), payment_date=date(2026, 1, 2),
            key=key, actor=staff_actor, now=now,
        )  # fmt: skip

    return ask


def told(action):
    return Event.objects.filter(action=action).count()


def test_what_arrives_by_itself_or_pays_nobody_is_not_received(credit, staff_actor, by):
    transfer = refunds.request(
        customer_id=credit.customer_id, amount=Money(2000, "GBP"), method="bank_transfer",
        payee=refunds.Payee(name="Jo Bloggs", bank_account="20-00-00 55779911"),
        payment_date=date(2026, 1, 2), key="transfer", actor=staff_actor, now=by["now"],
    )  # fmt: skip
    reversal = refunds.request_reversal(
        customer_id=credit.customer_id, credit_id=credit.id, reason=ReverseReason.DUPLICATE, key="reversal",
        actor=staff_actor, now=by["now"],
    )  # fmt: skip
    for each in (transfer, reversal):
        with pytest.raises(InvalidInput) as refused:
            refunds.complete(each.pk, received_on=by["now"].date(), **by)
        assert refused.value.field == "received_on"
        each.refresh_from_db()
        assert (each.status, each.received_on) == ("requested", None)
    assert not Event.objects.filter(action="refund.received").exists()


def test_a_cheque_is_out_until_it_is_presented(cheque, by, now):
    refund = refunds.complete(cheque().pk, cheque_number="000123", **by)
    assert (refund.cheque_number, refund.completed_at, refund.received_on) == ("123", now, None)
    received = receive(refund.pk, received_on=now.date(), **by)
    assert (received.received_on, received.received_at) == (now.date(), now)
    for _ in range(2):
        receive(refund.pk, received_on=now.date(), **by)
    assert told("refund.received") == 1


def test_what_a_second_one_knows_of_the_payment_is_not_lost_in_silence(cheque, ask, by, later, now):
    refund = refunds.complete(cheque().pk, cheque_number="000123", **by)
    assert refunds.complete(refund.pk, cheque_number="123", **by) == refund
    assert refunds.complete(refund.pk, **by) == refund
    cash = refunds.complete(ask(key="cash").pk, **by)
    for pk, more in (
        (refund.pk, {"cheque_number": "124"}),
        (refund.pk, {"received_on": now.date()}),
        (cash.pk, {"received_on": now.date()}),
        (cash.pk, {"cheque_number": "9"}),
    ):
        with pytest.raises(WrongState, match="is completed already"):
            refunds.complete(pk, **more, **by)
    receive(cash.pk, received_on=now.date(), **by)
    assert refunds.complete(cash.pk, received_on=now.date(), **by).received_on == now.date()


def test_cash_that_was_handed_over_is_received_with_the_payment(ask, by, later, now):
    refund = refunds.complete(ask().pk, received_on=now.date(), **by)
    assert (refund.received_on, told("refund.received")) == (now.date(), 1)
    with pytest.raises(NotOut):
        cancel(refund.pk, **later)
    check_book()


@pytest.mark.parametrize("days", [-1, 1])
def test_nothing_is_received_before_it_was_asked_for_or_tomorrow(ask, credit, by, now, days):
    day = (now + days * DAY).date()
    refund = ask()
    with pytest.raises(InvalidInput, match="Enter a day from"):
        refunds.complete(refund.pk, received_on=day, **by)
    assert (Refund.objects.get().status, balance(credit)) == ("requested", (195_000, 5000))
    refunds.complete(refund.pk, **by)
    with pytest.raises(InvalidInput, match="Enter a day from"):
        receive(refund.pk, received_on=day, **by)
    assert Refund.objects.get().received_at is None


def test_what_is_not_paid_or_goes_by_bank_is_not_received_by_hand(ask, by, now):
    with pytest.raises(NotOut):
        receive(ask().pk, received_on=now.date(), **by)
    sent = refunds.complete(ask(key="b", account="20-00-00 55779911").pk, **by)
    with pytest.raises(NotOut):
        receive(sent.pk, received_on=now.date(), **by)
    assert not told("refund.received")


@pytest.mark.parametrize("number", ["", " ", "0", "000", "12a", "-1", "1" * 21, "１２"])
def test_a_cheques_number_is_digits(cheque, by, number):
    with pytest.raises(InvalidInput, match="1 to 20 digits"):
        number_cheque(cheque().pk, cheque_number=number, **by)


def test_only_a_cheque_has_a_number(ask, credit, by):
    refund = ask()
    with pytest.raises(InvalidInput, match="not paid by cheque"):
        refunds.complete(refund.pk, cheque_number="12", **by)
    assert (Refund.objects.get().status, balance(credit)) == ("requested", (195_000, 5000))


def test_one_cheque_pays_one_refund_until_it_is_presented(cheque, by, now):
    one, two = cheque(), cheque(2000, "two")
    refunds.complete(one.pk, cheque_number="77", **by)
    with pytest.raises(ChequeTaken):
        refunds.complete(two.pk, cheque_number="0077", **by)
    receive(one.pk, received_on=now.date(), **by)
    assert refunds.complete(two.pk, cheque_number="77", **by).cheque_number == "77"


def test_the_database_too_knows_one_cheque_of_a_number(cheque, by):
    one, two = cheque(), cheque(2000, "two")
    for each in one, two:
        number_cheque(each.pk, cheque_number="77", **by)  # written while neither is paid
    refunds.complete(one.pk, **by)
    with pytest.raises(ChequeTaken):
        refunds.complete(two.pk, **by)
    assert Refund.objects.get(pk=two.pk).status == "requested"
    check_book()


def test_a_cheque_gets_its_number_later_and_once(cheque, by, now):
    refund = refunds.complete(cheque().pk, **by)
    for _ in range(2):
        number_cheque(refund.pk, cheque_number="12", **by)
    assert told("refund.cheque_numbered") == 1
    receive(refund.pk, received_on=now.date(), **by)
    with pytest.raises(WrongState, match="keeps its number"):
        number_cheque(refund.pk, cheque_number="13", **by)


def test_a_stale_cheque_is_the_same_credit_again_once(cheque, credit, by, later):
    refund = refunds.complete(cheque().pk, **by)
    assert balance(credit) == (195_000, 0)
    for _ in range(2):
        failed = cancel(refund.pk, note="Stopped at the bank", **later)
    assert (failed.status, failed.was_unclaimed) == ("failed", True)
    assert failed.fail_reason == f"Unclaimed since {by['now'].date().isoformat()}. Stopped at the bank"
    assert balance(credit) == (200_000, 0)
    event = Event.objects.get(action="refund.failed")
    assert (event.reason, event.actor_name) == ("unclaimed", "admin")
    check_book()


def test_what_nobody_paid_is_released(ask, credit, later):
    cancel(ask().pk, **later)
    assert balance(credit) == (200_000, 0)
    check_book()


def test_what_expired_meanwhile_gets_the_grace_period(cheque, credit, by, later):
    refund = refunds.complete(cheque().pk, **by)
    Credit.objects.update(expires_at=by["now"] + DAY)
    cancel(refund.pk, **later)
    row = Credit.objects.select_related("account").get()
    assert row.expires_at == expiry_after(30, later["now"])
    assert row.account.available_minor == 5000
    check_book()


@pytest.mark.parametrize("days", [0, 1, 90])
def test_nothing_is_cancelled_before_its_time(cheque, credit, by, now, days):
    refund = refunds.complete(cheque().pk, **by)
    with pytest.raises(NotStale, match=f"waited for {days} days"):
        cancel(refund.pk, actor=by["actor"], now=now + days * DAY)
    assert (Refund.objects.get().status, balance(credit)) == ("completed", (195_000, 0))


def test_what_is_at_the_bank_waits_for_it(ask, credit, later):
    refund = ask(account="20-00-00 55779911")
    Refund.objects.update(payout="PO-1001")
    with pytest.raises(InPayout):
        cancel(refund.pk, **later)
    assert balance(credit) == (195_000, 5000)


def test_a_transfer_that_the_bank_made_is_not_unclaimed(ask, by, later):
    refund = refunds.complete(ask(account="20-00-00 55779911").pk, **by)
    with pytest.raises(NotOut):
        cancel(refund.pk, **later)


def test_what_ended_otherwise_or_pays_nobody_stays(ask, credit, by, later, staff_actor, now):
    declined, failed = ask(), ask(key="f")
    refunds.decline(declined.pk, reason="No", **by)
    refunds.fail(failed.pk, reason="Account closed", **by)
    reversal = refunds.request_reversal(
        customer_id=credit.customer_id, credit_id=credit.id, reason=ReverseReason.DUPLICATE, key="v",
        actor=staff_actor, now=now,
    )  # fmt: skip
    for each in declined, failed, reversal:
        with pytest.raises(WrongState):
            cancel(each.pk, **later)
    assert not Refund.objects.filter(was_unclaimed=True).exists()


def test_staff_cancel_and_receive_nothing(cheque, by, staff_actor, now):
    refund = refunds.complete(cheque().pk, **by)
    with pytest.raises(PermissionDenied):
        cancel(refund.pk, actor=staff_actor, now=now + STALE)
    with pytest.raises(PermissionDenied):
        receive(refund.pk, received_on=now.date(), actor=staff_actor, now=now)
    with pytest.raises(PermissionDenied):
        number_cheque(refund.pk, cheque_number="1", actor=staff_actor, now=now)
    assert (Refund.objects.get().status, Refund.objects.get().received_at) == ("completed", None)


def test_the_stale_are_listed_the_oldest_first_and_paged(cheque, ask, by, now, later):
    waiting = ask(1000, "w")
    out = refunds.complete(cheque().pk, actor=by["actor"], now=now + timedelta(hours=1))
    refunds.complete(ask(2000, "fresh").pk, actor=by["actor"], now=now + 5 * DAY)
    refunds.complete(ask(2000, "taken").pk, received_on=now.date(), **by)
    assert stale(now + 90 * DAY) == []
    assert [tuple(each) for each in stale(later["now"])] == [("GBP", 2, 6000)]
    first, second = page_of_stale(later["now"])
    assert [(each.refund.pk, each.state, each.days) for each in (first, second)] == [
        (waiting.pk, State.WAITING, 91), (out.pk, State.OUT, 91),
    ]  # fmt: skip
    assert [each.refund.pk for each in page_of_stale(later["now"], limit=1)] == [waiting.pk]
    cancel(waiting.pk, **later)
    rest = page_of_stale(later["now"], after=Refund.objects.get(pk=waiting.pk), limit=1)
    assert [each.refund.pk for each in rest] == [out.pk]


def test_refunds_of_before_are_told_when_they_were_paid(ask, by, later):
    """What the migration does for a shop that has refunds already."""
    paid, back, never = ask(), ask(key="b"), ask(key="n")
    for each in paid, back:
        refunds.complete(each.pk, **by)
    for each in back, never:
        refunds.fail(each.pk, reason="Account closed", **later)
    Refund.objects.update(completed_at=None)
    migration = import_module("tillbook.refunds.migrations.0008_when_completed").Migration
    with connection.cursor() as cursor:
        for statement in migration.operations[0].sql:
            cursor.execute(statement)
    found = dict(Refund.objects.values_list("pk", "completed_at"))
    assert found == {paid.pk: by["now"], back.pk: by["now"], never.pk: None}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"received_on": date(2026, 3, 1)}, "another day"),
        ({"received_on": None, "received_at": None}, "another day"),
        ({"was_unclaimed": True}, "cancelled"),
    ],
)
def test_what_was_changed_behind_the_program_is_found(cheque, by, now, change, says):
    refund = refunds.complete(cheque().pk, received_on=now.date(), **by)
    check_book()
    Refund.objects.update(**change)
    assert [(each.subject, says in each.problem) for each in findings()] == [(refund.number, True)]


def test_a_cancellation_that_was_taken_back_behind_the_program_is_found(ask, later):
    refund = cancel(ask().pk, **later)
    check_book()
    Refund.objects.update(was_unclaimed=False)
    assert [(each.subject, "cancelled" in each.problem) for each in findings()] == [(refund.number, True)]
