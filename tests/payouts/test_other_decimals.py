"""Yen have no decimals and dinars three: files, statements, gateways and the book agree about both."""

from __future__ import annotations

import csv
from datetime import date
from io import BytesIO

import pytest
from python_calamine import CalamineWorkbook

from tests.payouts.conftest import LAYOUT, Till, state
from tests.payouts.paypal_server import PayPal
from tests.payouts.test_adapters import attempt, paypal_account
from tests.payouts.test_statements import MT940
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.ledger.verification import verify
from tillbook.payouts import services
from tillbook.payouts.entries import UnreadableStatement
from tillbook.payouts.gateways import paypal
from tillbook.payouts.gateways.adapter import State
from tillbook.payouts.models import Booking
from tillbook.payouts.statements import camt053, columns, mt940
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.verification import findings

# currency -> minor units of a refund, and the amount as it is written
REFUNDED = [("JPY", 1_234, "1234"), ("KWD", 1_234, "1.234"), ("KWD", 12_345_000, "12345.000")]
EACH = pytest.mark.parametrize(("currency", "minor", "written"), REFUNDED)

CAMT = """<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
  <Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
   <BookgDt><Dt>2026-03-04</Dt></BookgDt>
   <NtryDtls><TxDtls><Refs><EndToEndId>{refund}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
</Stmt></BkToCstmrStmt></Document>"""


def asked(till: Till, currency: str, minor: int) -> Refund:
    """A refund in the currency, and an account of the shop's to pay it from."""
    services.add_source(
        name="Abroad", currency=currency, holder="Mill Lane Goods", bank_account="0001 123 1234567",
        actor=till.admin, now=till.now,
    )  # fmt: skip
    customer = Customer.objects.create(username="jo", currency=currency, created_at=till.now)
    credits.give(
        customer_id=customer.pk, amount=Money(minor + 1, currency), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=till.admin, now=till.now,
    )  # fmt: skip
    return till.refund("jo", amount=Money(minor, currency), account="0005 777 7654321")


def check_paid(refund: Refund) -> None:
    assert state(refund) == "completed"
    row = balance_of(refund.customer_id, refund.currency)
    assert (row.available_minor, row.held_minor) == (1, 0)
    assert not list(findings())
    assert not verify().broken


@pytest.mark.django_db
@EACH
def test_a_refund_is_completed_to_its_last_unit(till: Till, currency: str, minor: int, written: str):
    refund = asked(till, currency, minor)
    assert str(Money(refund.amount_minor, currency)) == f"{written} {currency}"
    refunds.complete(refund.pk, actor=till.admin, now=till.now)
    check_paid(refund)


@pytest.mark.django_db
@EACH
def test_a_table_for_the_bank_says_the_amount(till: Till, currency: str, minor: int, written: str):
    refund = asked(till, currency, minor)
    payout = till.create(source="Abroad", format="csv")
    file = services.take_file(payout.number, actor=till.admin, now=till.now).decode("utf-8-sig")
    (row,) = csv.DictReader(file.splitlines())
    assert (row["reference"], row["amount"], row["currency"]) == (refund.number, written, currency)
    services.cancel(payout.number, reason="As a sheet", actor=till.admin, now=till.now)
    sheet = till.create(source="Abroad", format="xlsx", key="sheet")
    file = services.take_file(sheet.number, actor=till.admin, now=till.now)
    cells = CalamineWorkbook.from_filelike(BytesIO(file)).get_sheet_by_index(0).to_python()[1]
    assert cells[5:7] == [minor if currency == "JPY" else minor / 1000, currency]


@pytest.mark.django_db
@pytest.mark.parametrize("format", ["csv", "camt053", "mt940"])
@EACH
def test_a_statement_of_each_format_completes_it(
    till: Till, currency: str, minor: int, written: str, format: str
):
    refund = asked(till, currency, minor)
    till.create(source="Abroad", format="csv")
    data = {
        "csv": f"date,text,amount,account\n2026-03-04,{refund.number},-{written},\n",
        "camt053": CAMT.format(currency=currency, amount=written, refund=refund.number),
        "mt940": MT940.replace("EUR1", f"{currency}1").replace("RF-1042", refund.number)
        .replace("D12,34", f"D{written.replace('.', ',')}{',' if currency == 'JPY' else ''}")
        .replace("EUR", currency),
    }[format]  # fmt: skip
    statement = till.read(data=data.encode(), format=format, currency=currency)
    assert Booking.objects.filter(statement=statement).first().minor == -minor
    assert till.outcomes(statement)[0] == "paid"
    check_paid(refund)


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", "1234.00", 1_234), ("JPY", "1234.", 1_234), ("KWD", "1.2", 1_200), ("KWD", "12", 12_000)],
)
def test_camt_may_write_more_or_fewer_decimals(currency: str, amount: str, minor: int):
    (found,) = camt053.read(CAMT.format(currency=currency, amount=amount, refund="RF-1").encode())
    assert found.minor == -minor


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "12.5"), ("KWD", "1.2345")])
def test_a_part_of_the_last_unit_is_refused_by_each_format(currency: str, amount: str):
    table = f"date,text,amount,account\n2026-03-04,x,{amount},\n"
    mt = MT940.replace("D12,34", f"D{amount.replace('.', ',')}").replace("EUR1", f"{currency}1")
    for read in (
        lambda: camt053.read(CAMT.format(currency=currency, amount=amount, refund="x").encode()),
        lambda: mt940.read(mt.encode()),
        lambda: columns.read(table.encode(), LAYOUT, currency),
    ):
        with pytest.raises(UnreadableStatement, match=f"is not an amount in {currency}"):
            read()


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("JPY", '"1,234"', 1_234), ("JPY", '"1,234,567.0"', 1_234_567), ("KWD", '"1,234.567"', 1_234_567)],
)
def test_a_table_has_thousands_too(currency: str, amount: str, minor: int):
    table = f"date,text,amount,account\n2026-03-04,x,{amount},\n"
    (found,) = columns.read(table.encode(), LAYOUT, currency)
    assert (found.minor, found.booked_on) == (minor, date(2026, 3, 4))


def test_paypal_takes_yen_whole(paypal_server: PayPal):
    paypal_server.captures["CAP1"] = {"value": "5000", "currency_code": "JPY"}
    outcome = paypal.refund(paypal_account(paypal_server), attempt("CAP1", 1_234, currency="JPY"))
    (paid,) = paypal_server.refunds.values()
    assert outcome.state is State.SUCCEEDED
    assert paid["amount"] == {"value": "1234", "currency_code": "JPY"}


def test_paypal_is_sent_no_amount_that_it_can_t_write(paypal_server: PayPal):
    account = paypal_account(paypal_server)
    for currency, minor in [("KWD", 1_234), ("HUF", 1_250)]:
        paypal_server.captures["CAP1"] = {"value": "5000", "currency_code": currency}
        outcome = paypal.refund(account, attempt("CAP1", minor, currency=currency))
        assert (outcome.state, outcome.reason) == (
            State.FAILED, f"An amount in {currency} can't be that exact there.",
        )  # fmt: skip
    assert not paypal_server.refunds
