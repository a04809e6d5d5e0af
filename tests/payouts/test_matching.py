"""A bank's statement completes what was paid and fails what came back, once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.payouts.conftest import LAYOUT, Till, state
from tests.payouts.test_statements import IN_BATCHES
from tillbook.common.errors import PermissionDenied
from tillbook.common.money import Money
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.orders import services as orders
from tillbook.orders.services import LineInput
from tillbook.payouts import matching, services
from tillbook.payouts.entries import UnreadableStatement
from tillbook.payouts.models import Booking, Statement
from tillbook.refunds import services as refunds
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db


def check_book() -> None:
    assert not list(findings())
    assert not verify().broken


def test_eight_are_paid_one_came_back_and_one_is_left(till: Till):
    asked = [till.refund(f"c{each}", 10_00 + each, f"062-000 1234567{each}") for each in range(10)]
    till.create()
    rows = [f"2026-03-04,{each.number} refund,-{each.amount_minor / 100:.2f}," for each in asked[:9]]
    statement = till.read(*rows, f"2026-03-05,RETURN {asked[8].number},10.08,", "2026-03-05,Coffee,-4.50,")
    assert till.outcomes(statement) == ["paid"] * 9 + ["came_back", "unmatched"]
    assert [state(each) for each in asked] == ["completed"] * 8 + ["failed", "requested"]
    assert till.balance("c8") == (100_00, 0)
    assert till.balance("c9") == (89_91, 10_09)
    check_book()


def test_what_the_bank_paid_is_completed_though_its_money_is_gone_meanwhile(till: Till):
    maria = Customer.objects.create(username="maria", currency="AUD", created_at=till.now)
    by = {"actor": till.staff, "now": till.now}
    order = orders.place(
        customer_id=maria.pk, currency="AUD", lines=[LineInput("CUP", "A cup", 1, 50_00)], key="o", **by
    )
    payment = orders.receive_payment(order.pk, amount=Money(80_00, "AUD"), method="card", key="p", **by)
    refund = till.refund("maria", 30_00)
    till.create()
    orders.void_payment(payment.pk, reason="Bounced", key="v", **by)
    statement = till.read(f"2026-03-04,{refund.number},-30.00,")
    assert (till.outcomes(statement), state(refund)) == (["paid"], "completed")
    assert till.balance("maria") == (0, 0)
    check_book()


def test_the_same_statement_twice_changes_nothing(till: Till):
    refund = till.refund("jo")
    till.create()
    rows = f"2026-03-04,{refund.number},-12.34,", f"2026-03-05,{refund.number} returned,12.34,"
    first = till.read(*rows)
    events = Event.objects.count()
    assert till.read(*rows).pk == first.pk
    assert (Event.objects.count(), Booking.objects.count(), Statement.objects.count()) == (events, 2, 1)


def test_a_statement_that_overlaps_does_only_what_is_new(till: Till):
    one, two = till.refund("jo"), till.refund("al", 5_00)
    till.create()
    till.read(f"2026-03-04,{one.number},-12.34,")
    second = till.read(f"2026-03-04,{one.number},-12.34,", f"2026-03-05,{two.number},-5.00,")
    assert till.outcomes(second) == ["paid"]
    assert (state(one), state(two)) == ("completed", "completed")


WITH_NAMES = replace(LAYOUT, name="text")


def test_a_statement_that_is_read_again_with_one_more_column_says_what_is_known(till: Till):
    """Its entries have other keys then, and are the same money all the same."""
    paid, back = till.refund("jo"), till.refund("al", 5_00)
    till.create()
    rows = (
        f"2026-03-04,{paid.number},-12.34,", f"2026-03-04,{back.number},-5.00,", f"2026-03-05,{back.number},5.00,",
        f"2026-03-05,{paid.number} again,-12.34,", "2026-03-05,Coffee,-4.50,",
    )  # fmt: skip
    said = ["paid", "paid", "came_back", "differs", "unmatched"]
    statement = till.read(*rows)
    assert till.outcomes(statement) == said
    assert till.read(*rows, layout=WITH_NAMES).pk == statement.pk
    again = Booking.objects.filter(statement=statement).order_by("pk")[5:]
    assert [(each.outcome, each.refund_id) for each in again] == [
        ("known", paid.pk), ("known", back.pk), ("known", back.pk), ("differs", paid.pk), ("unmatched", None),
    ]  # fmt: skip
    assert (state(paid), state(back)) == ("completed", "failed")
    check_book()


def test_a_sum_that_is_read_again_with_one_more_column_is_known(till: Till):
    till.refund("jo")
    payout = till.create()
    row = f"2026-03-04,{payout.number},-12.34,"
    till.read(row)
    till.read(row, layout=WITH_NAMES)
    found = Booking.objects.order_by("pk").values_list("outcome", "payout_id")
    assert list(found) == [("paid", payout.pk), ("known", payout.pk)]


def test_what_fitted_nothing_may_fit_once_one_more_column_is_read(till: Till):
    refund = till.refund("jo")
    till.create()
    row = "2026-03-04,Transfer,-12.34,062000 12345678"
    assert till.outcomes(till.read(row, layout=replace(LAYOUT, account=""))) == ["unmatched"]
    assert till.outcomes(till.read(row)) == ["unmatched", "paid"]
    assert state(refund) == "completed"


def test_a_refund_that_left_the_account_twice_is_told(till: Till):
    refund = till.refund("jo")
    till.create()
    once, again = f"2026-03-04,{refund.number},-12.34,", f"2026-03-05,{refund.number} again,-12.34,"
    assert till.outcomes(till.read(once, again)) == ["paid", "differs"]
    assert Booking.objects.get(outcome="differs").problem == (
        f"{refund.number} left the account on 2026-03-04 already."
    )
    assert till.outcomes(till.read(f"2026-03-04,{refund.number} same day,-12.34,")) == ["known"]
    assert state(refund) == "completed"
    check_book()


def test_one_that_was_completed_by_hand_is_known_once(till: Till):
    refund = till.refund("jo")
    refunds.complete(refund.pk, actor=till.admin, now=till.now)
    twice = (f"2026-03-04,{refund.number},-12.34,",) * 2
    assert till.outcomes(till.read(*twice)) == ["known", "differs"]


def test_a_payment_without_a_reference_is_known_by_account_and_amount(till: Till):
    refund = till.refund("jo")
    till.create()
    statement = till.read("2026-03-04,Transfer,-12.34,062000 12345678")
    assert till.outcomes(statement) == ["paid"]
    assert state(refund) == "completed"


def test_what_could_be_two_refunds_is_neither(till: Till):
    till.refund("jo", key="1")
    till.refund("jo", key="2")
    till.create()
    assert till.outcomes(till.read("2026-03-04,Transfer,-12.34,062000 12345678")) == ["unmatched"]


def test_one_sum_for_a_file_pays_all_that_is_in_it(till: Till):
    one, two = till.refund("jo"), till.refund("al", 5_00)
    payout = till.create()
    statement = till.read(f"2026-03-04,{payout.number} REFUNDS,-17.34,")
    assert till.outcomes(statement) == ["paid"]
    assert (state(one), state(two)) == ("completed", "completed")
    check_book()


def test_one_sum_that_names_the_file_alone_pays_all_that_is_in_it(till: Till):
    """As banks book a SEPA file: no text, and the marks that the file bore."""
    one, two = till.refund("jo"), till.refund("al", 5_00)
    payout = till.create()
    details = f"<Btch><PmtInfId>{payout.number}-20260304090000</PmtInfId></Btch>"
    camt = IN_BATCHES.format(details=details).replace("EUR", "AUD").encode()
    statement = till.read(data=camt, format="camt053")
    assert till.outcomes(statement) == ["paid"]
    assert Booking.objects.get().text == f"{payout.number}-20260304090000"
    assert (state(one), state(two)) == ("completed", "completed")
    check_book()


def test_a_file_that_was_cancelled_and_is_booked_is_told(till: Till):
    refund = till.refund("jo")
    payout = till.create()
    services.cancel(payout.number, reason="Wrong day", actor=till.admin, now=till.now)
    statement = till.read(f"2026-03-04,{payout.number},-12.34,")
    booking = Booking.objects.get(statement=statement)
    assert (booking.outcome, booking.payout) == ("differs", payout)
    assert booking.problem == f"{payout.number} was cancelled, and was paid nevertheless."
    assert state(refund) == "requested"
    check_book()


@pytest.mark.parametrize(
    ("row", "outcome", "problem"),
    [
        ("2026-03-04,{refund},-12.35,", "differs", "is over 12.34 AUD"),
        ("2026-03-04,{payout},-12.35,", "differs", "is over 12.34 AUD"),
        ("2026-03-04,RF-99999,-12.34,", "unmatched", ""),
        ("2026-03-04,{refund} and RF-1,-12.34,", "paid", ""),
        ("2026-03-04,no reference,-12.34,", "unmatched", ""),
        ("2026-03-04,somebody paid,12.34,", "unmatched", ""),
    ],
)
def test_what_does_not_fit_is_listed_with_why(till: Till, row, outcome, problem):
    refund = till.refund("jo")
    payout = till.create()
    statement = till.read(row.format(refund=refund.number, payout=payout.number))
    booking = Booking.objects.get(statement=statement)
    assert booking.outcome == outcome
    assert problem in booking.problem
    assert state(refund) == ("completed" if outcome == "paid" else "requested")


def test_a_declined_refund_that_the_bank_paid_is_told(till: Till):
    refund = till.refund("jo")
    refunds.decline(refund.pk, reason="No", actor=till.admin, now=till.now)
    statement = till.read(f"2026-03-04,{refund.number},-12.34,")
    booking = Booking.objects.get(statement=statement)
    assert (booking.outcome, booking.problem) == ("differs", f"{refund.number} is already declined.")
    assert till.balance("jo") == (100_00, 0)


def test_nothing_can_come_back_of_what_was_never_sent(till: Till):
    refund = till.refund("jo")
    statement = till.read(f"2026-03-04,{refund.number},12.34,")
    assert till.outcomes(statement) == ["differs"]
    assert state(refund) == "requested"


def test_a_file_that_cannot_be_read_changes_nothing(till: Till):
    refund = till.refund("jo")
    till.create()
    with pytest.raises(UnreadableStatement, match="Line 3"):
        till.read(f"2026-03-04,{refund.number},-12.34,", "yesterday,x,1,")
    assert state(refund) == "requested"
    assert not Statement.objects.exists()


def test_staff_read_no_statements(till: Till):
    with pytest.raises(PermissionDenied):
        matching.read_statement(b"", name="x", format="camt053", actor=till.staff, now=till.now)


def test_a_kind_of_file_is_chosen(till: Till):
    with pytest.raises(Exception, match="Choose one of camt053, mt940, csv"):
        matching.read_statement(b"", name="x", format="pdf", actor=till.admin, now=till.now)
    with pytest.raises(Exception, match="which columns"):
        matching.read_statement(b"", name="x", format="csv", actor=till.admin, now=till.now)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Cheque 000123", ["000123"]),
        ("CHQ no. 7 presented", ["7"]),
        ("cheque---Nr---42", ["42"]),
        ("cheque number:9", ["9"]),
        ("cheques 1, chk#2", ["1", "2"]),
        ("cheque-" + "-" * 100_000, []),  # to look at it in every way would take a minute
        ("checkout 17", []),
    ],
)
def test_a_cheque_is_named_by_its_number(text, numbers):
    assert matching._CHEQUE.findall(text) == numbers


def test_a_refund_that_failed_by_hand_and_went_with_the_sum_is_told(till: Till):
    failed, paid = till.refund("ann"), till.refund("bob")
    payout = till.create(failed, paid)
    refunds.fail(failed.pk, reason="Account closed", actor=till.admin, now=till.now)
    statement = till.read(f"2026-03-04,{payout.number},-24.68,")
    [told] = statement.bookings.all()
    assert (told.outcome, state(paid)) == ("differs", "completed")
    assert told.problem.startswith(f"{failed.number} failed, and was paid nevertheless")


def test_one_that_came_back_before_the_sum_was_read_is_not(till: Till):
    back, paid = till.refund("ann"), till.refund("bob")
    payout = till.create(back, paid)
    till.read(f"2026-03-05,{back.number},12.34,")
    assert till.outcomes(till.read(f"2026-03-04,{payout.number},-24.68,")) == ["paid"]
    assert (state(back), state(paid)) == ("failed", "completed")


@pytest.mark.parametrize("sum_first", [True, False])
def test_what_left_the_account_alone_and_in_its_file_s_sum_is_told(till: Till, sum_first: bool):
    twice, once = till.refund("ann"), till.refund("bob")
    payout = till.create(twice, once)
    rows = [f"{payout.number},-24.68,", f"{twice.number},-12.34,"]
    first, second = rows if sum_first else reversed(rows)
    assert till.outcomes(till.read(f"2026-03-04,{first}")) == ["paid"]
    [told] = till.read(f"2026-03-09,{second}").bookings.all()
    assert told.outcome == "differs"
    assert f"{twice.number} left the account on 2026-03-04 already" in told.problem
    assert (state(twice), state(once)) == ("completed", "completed")


def test_the_sum_s_own_entries_of_the_same_day_are_known(till: Till):
    one, other = till.refund("ann"), till.refund("bob")
    payout = till.create(one, other)
    till.read(f"2026-03-04,{payout.number},-24.68,")
    details = f"2026-03-04,{one.number},-12.34,\n2026-03-04,{other.number},-12.34,"
    assert till.outcomes(till.read(details)) == ["known", "known"]
