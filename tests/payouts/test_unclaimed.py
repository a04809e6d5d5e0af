"""A bank's statement shows who has the money: cheques by their number, and what was cancelled too early."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.payouts.conftest import LAYOUT, Till, state
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.payouts import matching
from tillbook.payouts.entries import Entry, keys_of
from tillbook.payouts.models import Booking, Statement
from tillbook.payouts.statements import camt053, mt940
from tillbook.payouts.statements.columns import columns_of
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.receipt import number_cheque
from tillbook.refunds.unclaimed import cancel
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
MT940 = """:20:X
:25:062000/12223123
:28C:1/1
:60F:C260301AUD100,00
:61:2603040304D12,34NCHK000123//BANK1
:86:PRESENTED
:62F:C260304AUD87,66
"""
CAMT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Ntry>'
    '<Amt Ccy="AUD">12.34</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
    "<BookgDt><Dt>2026-03-04</Dt></BookgDt><NtryDtls><TxDtls><Refs><ChqNb>000123</ChqNb></Refs></TxDtls>"
    "</NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
)


@pytest.fixture
def now(now):
    return now + 5 * DAY  # so that the bank's days have come


def ask(till: Till, method: str = "cheque", key: str = "k", minor: int = 12_34) -> Refund:
    payee = Payee("Jo", postal_address="1 Mill Lane" if method == "cheque" else "")
    return till.refund("jo", minor, method=method, payee=payee, key=key)


def cheque(till: Till, number: str = "123", **more: object) -> Refund:
    return refunds.complete(ask(till, **more).pk, cheque_number=number, actor=till.admin, now=till.now)


def known(refund: Refund) -> date | None:
    return Refund.objects.get(pk=refund.pk).received_on


def check_book() -> None:
    assert not list(findings())
    assert not verify().broken


@pytest.mark.parametrize(
    "text",
    [
        "CHEQUE 000123",
        "Chq no. 123",
        "CHQ#123 presented",
        "check 123",
        "Scheck-Nr. 00123",
        "CHK:123",
        "cheque123",
    ],
)
def test_a_cheque_that_is_presented_is_received(till: Till, text: str):
    refund = cheque(till)
    asked = till.now.date()
    statement = till.read(f"{asked},{text},-12.34,")
    assert till.outcomes(statement) == ["received"]
    assert known(refund) == asked
    assert Booking.objects.get().refund_id == refund.pk
    check_book()


@pytest.mark.parametrize(
    "row",
    [
        "CHEQUE 124,-12.34,", "CHEQUE 123,-12.35,", "CHEQUE 1234,-12.34,", "Order 123,-12.34,",
        "CHEQUE 123,12.34,", "exchequer 123,-12.34,",
    ],
)  # fmt: skip
def test_another_number_amount_or_way_is_no_match(till: Till, row: str):
    refund = cheque(till)
    assert till.outcomes(till.read(f"{till.now.date()},{row}")) == ["unmatched"]
    assert (known(refund), state(refund)) == (None, "completed")


def test_another_currency_is_no_match(till: Till):
    refund = cheque(till)
    table = f"date,text,amount,account\n{till.now.date()},CHEQUE 123,-12.34,\n".encode()
    matching.read_statement(
        table, name="x", format="csv", layout=LAYOUT, currency="EUR", actor=till.admin, now=till.now
    )
    assert (Booking.objects.get().outcome, known(refund)) == ("unmatched", None)


def test_a_refunds_own_number_shows_its_cash_and_paypal(till: Till):
    refund = refunds.complete(ask(till, "cash").pk, actor=till.admin, now=till.now)
    assert till.outcomes(till.read(f"{till.now.date()},{refund.number},-12.34,")) == ["received"]
    again = till.read(f"{till.now.date()},{refund.number} seen again,-12.34,")
    assert till.outcomes(again) == ["known"]
    assert Event.objects.filter(action="refund.received").count() == 1


def test_what_the_bank_paid_before_anybody_said_so_is_completed_and_received(till: Till):
    refund = ask(till)
    number_cheque(refund.pk, cheque_number="123", actor=till.admin, now=till.now)
    assert till.outcomes(till.read(f"{till.now.date()},CHEQUE 123,-12.34,")) == ["paid"]
    assert (state(refund), known(refund)) == ("completed", till.now.date())
    check_book()


def test_a_day_that_can_not_be_is_the_nearest_that_can(till: Till):
    early, late = cheque(till, "1", key="1"), cheque(till, "2", key="2")
    till.read("1999-01-01,CHEQUE 1,-12.34,", "2099-01-01,CHEQUE 2,-12.34,")
    assert known(early) == known(late) == till.now.date()


def test_a_number_that_came_again_is_the_cheque_that_is_out(till: Till):
    first = cheque(till, key="1")
    till.read(f"{till.now.date()},CHEQUE 123,-12.34,")
    second = cheque(till, key="2")
    till.read(f"{till.now.date()},CHEQUE 123 again,-12.34,")
    assert known(first) == known(second) == till.now.date()


def test_a_cheque_that_bounced_is_credit_again(till: Till):
    refund = cheque(till)
    entry = Entry(till.now.date(), 12_34, "AUD", ("CHEQUE 123 RETURNED",), returned=True)
    found = matching._settled(entry, Statement(), till.admin, till.now)
    assert (found.outcome, state(refund)) == ("came_back", "failed")
    assert till.balance("jo") == (100_00, 0)


def test_a_cheque_that_was_cancelled_and_is_presented_after_all_is_told(till: Till):
    refund = cheque(till)
    till.now += 91 * DAY
    cancel(refund.pk, actor=till.admin, now=till.now)
    events = Event.objects.count()
    statement = till.read(
        f"{till.now.date()},CHEQUE 123,-12.34,", f"{till.now.date()},{refund.number},-12.34,"
    )
    assert till.outcomes(statement) == ["differs", "differs"]
    said = (
        f"{refund.number} was cancelled as unclaimed on {till.now.date()}, and was paid nevertheless; "
        "its credit is there again."
    )
    assert {each.problem for each in Booking.objects.all()} == {said}
    assert (state(refund), till.balance("jo")) == ("failed", (100_00, 0))
    assert Event.objects.count() == events
    check_book()


@pytest.mark.parametrize(
    ("read", "data"), [(mt940.read, MT940), (camt053.read, CAMT)], ids=["mt940", "camt053"]
)
def test_banks_formats_tell_a_cheques_number(till: Till, read, data):
    assert [(each.cheque, each.minor) for each in read(data.encode())] == [("000123", -12_34)]
    refund = cheque(till)
    matching.read_statement(
        data.encode(), name="x", format=read.__module__.rpartition(".")[2], actor=till.admin, now=till.now
    )
    assert Booking.objects.get().outcome == "received"
    assert known(refund) is not None


def test_a_table_may_have_a_column_for_it(till: Till):
    refund = cheque(till)
    named = {"date": "day", "amount": "sum", "reference": "text", "cheque": "serial"}
    layout = columns_of(named, date_format="%Y-%m-%d", decimal=".")
    table = f"day,sum,text,serial\n{till.now.date()},-12.34,Presented,000123\n"
    matching.read_statement(
        table.encode(), name="x", format="csv", layout=layout, currency="AUD", actor=till.admin, now=till.now
    )
    assert known(refund) == till.now.date()


def test_entries_keep_the_keys_that_they_always_had():
    entry = Entry(date(2026, 3, 4), -12_34, "AUD", ("RF-1042",), "Jo", "1", "X", returned=False, cheque="7")
    assert keys_of([entry]) == ["014737ba7141d923e077f28d8b655e0b359852196f6c799cfb1cf728011c6b1d"]


def test_progress_is_told_entry_by_entry(till: Till):
    told: list[tuple[int, int]] = []
    matching.read_statement(
        b"date,text,amount,account\n2026-03-04,a,-1,\n2026-03-04,b,-1,\n", name="x", format="csv", layout=LAYOUT,
        currency="AUD", on_progress=lambda read, size: told.append((read, size)), actor=till.admin, now=till.now,
    )  # fmt: skip
    assert told == [(1, 2), (2, 2)]
    assert Statement.objects.count() == 1
