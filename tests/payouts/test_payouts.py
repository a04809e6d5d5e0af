"""Refunds go to the bank in one file, made once, and are in no other."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import replace
from datetime import date
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.conf import LazySettings
from django.db import connection
from python_calamine import CalamineWorkbook

from tests.payouts.conftest import Till, state
from tillbook.common.errors import InvalidInput, KeyReused, PermissionDenied, WrongState
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.payouts import services
from tillbook.payouts.instructions import NotForThisFile
from tillbook.payouts.models import Item, Payout
from tillbook.payouts.services import NothingToPay, PayoutNotFound, SourceNotFound, SourceTaken
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import ApprovalMissing
from tillbook.refunds.in_payout import NotReady
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.services import SelfCompletion
from tillbook.refunds.state import InPayout
from tillbook.shop.details import ApprovalRule

pytestmark = pytest.mark.django_db


def actions(subject: str) -> list[str]:
    return list(Event.objects.filter(subject=subject).order_by("pk").values_list("action", flat=True))


def test_a_payout_is_a_file_of_all_that_is_ready(till: Till):
    first, second = till.refund("jo", 12_34), till.refund("al", 5_00, "012-345 99887766")
    payout = till.create()
    assert (payout.number, payout.total_minor, payout.refunds) == (f"PO-{1000 + payout.pk}", 17_34, 2)
    file = services.take_file(payout.number, actor=till.admin, now=till.now)
    lines = file.decode().split("\r\n")
    assert [line[:1] for line in lines] == ["0", "1", "1", "1", "7", ""]
    assert lines[1].startswith("1062-000 12345678 500000001234Jo")
    assert (first.number in lines[1], second.number in lines[2], payout.number in lines[3]) == (True,) * 3
    assert payout.digest == hashlib.sha256(file).hexdigest()
    assert services.take_file(payout.number, actor=till.admin, now=till.now) == file
    assert actions(payout.number) == ["payout.made", "payout.file_taken", "payout.file_taken"]
    assert [Refund.objects.get(pk=each.pk).payout for each in (first, second)] == [payout.number] * 2
    assert till.balance("jo") == (87_66, 12_34)  # held until the bank has paid


def test_a_file_that_the_bank_debits_twice_is_paid_once(till: Till):
    till.refund("jo", 12_34)
    payout = till.create()
    booked = f"2026-03-04,{payout.number},-12.34,"
    assert till.outcomes(till.read(booked)) == ["paid"]
    again = till.read(booked.replace("03-04", "03-05"))
    assert till.outcomes(again) == ["differs"]
    assert again.bookings.get().problem == f"{payout.number} left the account on 2026-03-04 already."


def test_a_file_that_stands_twice_in_one_statement_is_paid_once(till: Till):
    till.refund("jo", 12_34)
    payout = till.create()
    booked = f"2026-03-04,{payout.number},-12.34,"
    assert till.outcomes(till.read(booked, booked)) == ["paid", "differs"]
    in_other_words = f"2026-03-04,Payout {payout.number},-12.34,"
    assert till.outcomes(till.read(in_other_words)) == ["known"], "the same day's, in another format"


def test_what_the_file_can_t_say_is_left_out_of_all_that_is_ready(till: Till):
    fits, abroad = till.refund("jo", 12_34), till.refund("al", 5_00, "DE02120300000000202051")
    payout = till.create()
    assert (payout.refunds, payout.total_minor) == (1, 12_34)
    assert [Refund.objects.get(pk=each.pk).payout for each in (fits, abroad)] == [payout.number, ""]
    with pytest.raises(NothingToPay, match="goes into this file"):
        till.create(key="again")
    with pytest.raises(NotForThisFile, match=abroad.number):
        till.create(abroad, key="named")


def test_the_old_way_to_reverse_a_mistake_pays_nobody(till: Till):
    paid, mistake = till.refund("jo", 12_34), till.refund("al", 5_00, note="Refund Reversal")
    with pytest.raises(NotReady, match="nobody is paid"):
        till.create(mistake, key="named")
    payout = till.create()
    assert [Refund.objects.get(pk=each.pk).payout for each in (paid, mistake)] == [payout.number, ""]
    refunds.complete(mistake.pk, actor=till.admin, now=till.now)
    assert till.balance("al") == (95_00, 0)


def test_the_file_stands_sealed_in_the_database(till: Till):
    till.refund("jo")
    till.create()
    with connection.cursor() as cursor:
        cursor.execute("SELECT file FROM payouts_payout")
        ((stored,),) = cursor.fetchall()
        cursor.execute("SELECT bank_account FROM payouts_source")
        ((account,),) = cursor.fetchall()
    assert stored.startswith("gAAAA")
    assert "12223123" not in account


def test_a_refund_is_in_one_payout_only(till: Till):
    refund = till.refund("jo")
    till.create(refund)
    with pytest.raises(NotReady, match=f"{refund.number} is in payout PO-"):
        till.create(refund, key="again")
    with pytest.raises(NothingToPay):
        till.create(key="all")
    assert (Payout.objects.count(), Item.objects.count()) == (1, 1)


def test_the_same_key_is_the_same_payout_and_another_content_is_refused(till: Till):
    refund = till.refund("jo")
    assert till.create(refund).pk == till.create(refund).pk
    with pytest.raises(KeyReused):
        till.create(refund, pay_on=date(2026, 3, 5))
    assert Payout.objects.count() == 1


def test_one_that_cannot_go_refuses_a_selection_and_is_left_out_of_all(till: Till):
    good, cash = till.refund("jo"), till.refund("al", method="cash")
    with pytest.raises(NotReady, match=f"{cash.number} is not paid by bank transfer"):
        till.create(good, cash)
    assert not Payout.objects.exists()
    assert Refund.objects.get(pk=good.pk).payout == ""
    assert till.create().refunds == 1


def test_what_needs_an_approval_is_left_out_until_it_has_one(till: Till, settings):
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    refund = till.refund("jo")
    with pytest.raises(ApprovalMissing):
        till.create(refund)
    with pytest.raises(NothingToPay, match="None of the refunds"):
        till.create(key="all")
    assert not Payout.objects.exists()


def test_nobody_pays_much_that_they_asked_for_themselves(till: Till):
    till.customer("jo", 9_000_00)
    own = till.refund("jo", 8_000_00, actor=till.admin)
    with pytest.raises(SelfCompletion):
        till.create(own)
    assert not Payout.objects.exists()


def test_nobody_pays_much_that_they_asked_for_themselves_in_pieces(till: Till, settings):
    """The limit is 1,000 dollars a day and customer: what waits for the bank counts, however it got there."""
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD")
    till.customer("jo", 9_000_00)
    first, second, third = [
        till.refund("jo", 600_00, actor=till.admin, key=f"own{number}") for number in range(3)
    ]
    with pytest.raises(SelfCompletion):  # in one file
        till.create(first, second, key="both")
    assert not Payout.objects.exists()
    payout = till.create(first, key="one")
    with pytest.raises(SelfCompletion):  # in another
        till.create(second, key="two")
    with pytest.raises(NothingToPay):  # in one of all that may go
        till.create(key="all")
    with pytest.raises(SelfCompletion):  # by hand
        refunds.complete(third.pk, actor=till.admin, now=till.now)
    services.cancel(payout.number, reason="Wrong day", actor=till.admin, now=till.now)
    refunds.complete(third.pk, actor=till.admin, now=till.now)
    assert state(third) == "completed"


def test_in_a_payout_a_refund_is_neither_declined_nor_redirected(till: Till):
    refund = till.refund("jo")
    till.create()
    with pytest.raises(InPayout):
        refunds.decline(refund.pk, reason="No", actor=till.admin, now=till.now)
    with pytest.raises(InPayout):
        payees.change(
            refund.pk, method="bank_transfer", payee=Payee("Jo", "062-000 1111111"),
            payment_date=till.now.date(), note="", actor=till.staff, now=till.now,
        )  # fmt: skip
    assert state(refund) == "requested"


def test_a_cancelled_payout_lets_its_refunds_go(till: Till):
    refund = till.refund("jo")
    payout = till.create()
    for _ in range(2):
        services.cancel(payout.number, reason="Bank refused the file", actor=till.admin, now=till.now)
    assert actions(payout.number) == ["payout.made", "payout.cancelled"]
    with pytest.raises(WrongState, match="cancelled"):
        services.take_file(payout.number, actor=till.admin, now=till.now)
    assert till.create(refund, key="second").refunds == 1


def test_a_payout_of_which_something_was_paid_is_not_cancelled(till: Till):
    refund = till.refund("jo")
    payout = till.create()
    refunds.complete(refund.pk, actor=till.admin, now=till.now)
    with pytest.raises(WrongState, match=f"{refund.number} of {payout.number} is already completed"):
        services.cancel(payout.number, reason="Late", actor=till.admin, now=till.now)
    assert Payout.objects.get().status == "made"


def unapproved_but_paid(till: Till, settings: LazySettings) -> Refund:
    """A refund that waits, and that a statement shows as paid: its approval was missing then."""
    refund = till.refund("jo")
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    assert till.outcomes(till.read(f"2026-03-04,{refund.number},-12.34,")) == ["differs"]
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=())  # as if it were approved
    return refund


def test_what_a_statement_shows_as_paid_is_not_paid_again(till: Till, settings):
    paid = unapproved_but_paid(till, settings)
    with pytest.raises(NotReady, match=f"{paid.number} as paid on 2026-03-04 already. Complete it instead"):
        till.create(paid)
    with pytest.raises(NothingToPay):
        till.create()
    waits = till.refund("al")
    assert [item.refund for item in till.create().items.all()] == [waits]
    assert refunds.complete(paid.pk, actor=till.admin, now=till.now).status == "completed"


def test_an_entry_over_another_amount_keeps_no_refund_from_being_paid(till: Till):
    refund = till.refund("jo")
    assert till.outcomes(till.read(f"2026-03-04,Fee {refund.number},-0.50,")) == ["differs"]
    assert till.create(refund).refunds == 1


@pytest.mark.parametrize(
    ("asked", "refusal", "says"),
    [
        ({"format": "pdf"}, InvalidInput, "Choose one of aba"),
        ({"format": "bacs18"}, NotForThisFile, "pays in GBP, not in AUD"),
        ({"source": "Other"}, SourceNotFound, "no account 'Other'"),
        ({"pay_on": date(2026, 3, 1)}, InvalidInput, "from today"),
        ({"pay_on": date(2026, 5, 1)}, InvalidInput, "a month"),
    ],
)
def test_what_cannot_be_made_leaves_nothing_half_done(till: Till, asked, refusal, says):
    refund = till.refund("jo")
    with pytest.raises(refusal, match=says):
        till.create(refund, **asked)
    assert not Payout.objects.exists()
    assert Refund.objects.get().payout == ""
    assert not Event.objects.filter(action="refund.entered_payout").exists()


def test_staff_make_no_payouts_and_take_no_files(till: Till):
    till.refund("jo")
    with pytest.raises(PermissionDenied):
        till.create(actor=till.staff)
    payout = till.create()
    for forbidden in (
        lambda: services.take_file(payout.number, actor=till.staff, now=till.now),
        lambda: services.cancel(payout.number, reason="x", actor=till.staff, now=till.now),
    ):
        with pytest.raises(PermissionDenied):
            forbidden()


HEADS = ["reference", "name", "branch", "account", "bic", "amount", "currency", "pay_on"]


def test_any_bank_takes_a_table(till: Till):
    """Its numbers are as they are written, with their zeros, and no cell is a formula."""
    till.customer("jo", 2_000_00)
    first = till.refund("jo", 1_234_56, payee=Payee("Zoë Day", "062-000 01234567"))
    second = till.refund("al", 5, payee=Payee("=1+1", "DE02120300000000202051"), key="2")
    payout = till.create(format="csv")
    file = services.take_file(payout.number, actor=till.admin, now=till.now).decode("utf-8-sig")
    assert list(csv.reader(file.splitlines())) == [
        HEADS,
        [first.number, "Zoë Day", "062000", "01234567", "", "1234.56", "AUD", "2026-03-04"],
        [second.number, "'=1+1", "", "DE02120300000000202051", "", "0.05", "AUD", "2026-03-04"],
    ]


def test_a_sheet_has_numbers_to_count_with_and_texts_that_stay_as_they_are(till: Till):
    till.customer("jo", 2_000_00)
    first = till.refund("jo", 1_234_56, payee=Payee("Zoë Day", "062-000 01234567"))
    second = till.refund("al", 5, payee=Payee("=1+1", "DE02120300000000202051"), key="2")
    payout = till.create(format="xlsx")
    file = services.take_file(payout.number, actor=till.admin, now=till.now)
    book = CalamineWorkbook.from_filelike(BytesIO(file))
    assert book.sheet_names == [payout.number]
    assert book.get_sheet_by_index(0).to_python() == [
        HEADS,
        [first.number, "Zoë Day", "062000", "01234567", "", 1234.56, "AUD", "2026-03-04"],
        [second.number, "=1+1", "", "DE02120300000000202051", "", 0.05, "AUD", "2026-03-04"],
    ]
    with ZipFile(BytesIO(file)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml"), "a formula"


def test_a_source_is_checked_and_named_once(till: Till):
    good = {"name": "Second", "currency": "AUD", "holder": "Mill", "bank_account": "062-000 12223123",
            "actor": till.admin, "now": till.now}  # fmt: skip
    for wrong, refusal in [
        ({"bank_account": "12"}, InvalidInput), ({"currency": "XYZ1"}, InvalidInput), ({"holder": " "}, InvalidInput),
        ({"name": "Main"}, SourceTaken), ({"actor": till.staff}, PermissionDenied),
    ]:  # fmt: skip
        with pytest.raises(refusal):
            services.add_source(**(good | wrong))
    assert services.add_source(**good).bank_account == "062-000 12223123"


def test_an_unknown_payout_is_not_found(till: Till):
    with pytest.raises(PayoutNotFound):
        services.get("PO-9999")


def test_the_balance_is_what_it_was_after_making_and_cancelling(till: Till):
    till.refund("jo")
    before = balance_of(Customer.objects.get().pk, "AUD")
    services.cancel(till.create().number, reason="x", actor=till.admin, now=till.now)
    after = balance_of(Customer.objects.get().pk, "AUD")
    assert (after.available_minor, after.held_minor) == (before.available_minor, before.held_minor)
