"""Ten customers ask for their money: approved by two, sent to two banks, and told by their statements."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import _user_actor
from tests.payouts.conftest import LAYOUT, state
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.ledger.verification import verify
from tillbook.payouts import matching, services
from tillbook.payouts.models import Booking, Payout, Statement
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import ApprovalMissing, Flag, approve
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.provenance import of_credit, of_refund
from tillbook.refunds.verification import findings
from tillbook.shop.details import ApprovalRule

pytestmark = pytest.mark.django_db

IBANS = [
    "DE89 3704 0044 0532 0130 00", "FR14 2004 1010 0505 0001 3M02 606", "NL91 ABNA 0417 1643 00",
    "BE68 5390 0754 7034", "ES91 2100 0418 4502 0005 1332",
]  # fmt: skip
CAMT = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>{}</Stmt>'
    "</BkToCstmrStmt></Document>"
)
ENTRY = (
    '<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{way}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
    "<BookgDt><Dt>2026-03-05</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>{number}</EndToEndId></Refs>"
    "</TxDtls></NtryDtls></Ntry>"
)


class Shop:
    """Two admins, one of the staff, and what they do."""

    def __init__(self, now: datetime) -> None:
        system = Actor.system("test")
        self.now = now
        self.staff = _user_actor("staff", Role.STAFF, system, now)
        self.ann = _user_actor("ann", Role.ADMIN, system, now)
        self.bob = _user_actor("bob", Role.ADMIN, system, now)
        for name, currency, account, user_id in (
            ("Sydney", "AUD", "062-000 12223123", "301500"), ("Berlin", "EUR", "DE89 3704 0044 0532 0130 00", ""),
        ):  # fmt: skip
            services.add_source(
                name=name, currency=currency, holder="Mill Lane Goods", bank_account=account, user_id=user_id,
                bank="CBA", actor=self.ann, now=now,
            )  # fmt: skip

    def asked(self, name: str, currency: str, minor: int, account: str) -> Refund:
        customer = Customer.objects.create(username=name, currency=currency, created_at=self.now)
        credits.give(
            customer_id=customer.pk, amount=Money(minor + 1_00, currency), reason=GiveReason.DEPOSIT,
            refundable=True, expires_at=None, key="g", actor=self.ann, now=self.now,
        )  # fmt: skip
        return refunds.request(
            customer_id=customer.pk, amount=Money(minor, currency), method="bank_transfer",
            payee=Payee(name.title(), account), payment_date=self.now.date(), key="r", actor=self.staff,
            now=self.now,
        )  # fmt: skip

    def agree(self, refund: Refund) -> None:
        for admin in (self.ann, self.bob):
            approve(refund.pk, acknowledged=list(Flag), actor=admin, now=self.now)

    def pay(self, source: str, format: str) -> Payout:
        day = (self.now + timedelta(days=2)).date()
        return services.make(
            source=source, format=format, pay_on=day, key=format, actor=self.bob, now=self.now
        )

    def read(self, data: str, format: str, **more: Any) -> Statement:
        return matching.read_statement(
            data.encode(), name="bank", format=format, actor=self.ann, now=self.now, **more
        )


def test_eight_are_paid_one_comes_back_and_one_is_left(now: datetime, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(
        settings.TILLBOOK_SHOP, currency="AUD", approval_rules=(ApprovalRule(2),)
    )
    shop = Shop(now)
    australian = [shop.asked(f"au{n}", "AUD", 10_00 + n, f"062-000 1234567{n}") for n in range(5)]
    european = [shop.asked(f"eu{n}", "EUR", 20_00 + n, account) for n, account in enumerate(IBANS)]
    everyone = [*australian, *european]
    for refund in everyone:
        shop.agree(refund)

    tampered = Refund.objects.get(pk=european[0].pk)  # somebody with the database's password
    was, tampered.bank_account = tampered.bank_account, "GB82 WEST 1234 5698 7654 32"
    Refund.objects.bulk_update([tampered], ["bank_account"])
    with pytest.raises(ApprovalMissing, match="was changed after it was approved"):
        refunds.complete(tampered.pk, actor=shop.bob, now=now)
    assert shop.pay("Berlin", "csv").refunds == 4  # it is left out
    services.cancel(Payout.objects.get().number, reason="To be sent as pain.001", actor=shop.bob, now=now)
    tampered.bank_account = was
    Refund.objects.bulk_update([tampered], ["bank_account"])

    aba, pain = shop.pay("Sydney", "aba"), shop.pay("Berlin", "pain001")
    assert (aba.total_minor, pain.total_minor) == (50_10, 100_10)
    assert b"pain.001.001.09" in services.take_file(pain.number, actor=shop.bob, now=now)

    rows = [f"2026-03-05,{each.number},-{Money(each.amount_minor, 'AUD').decimal()}," for each in australian]
    told = shop.read("date,text,amount,account\n" + "\n".join(rows), "csv", layout=LAYOUT, currency="AUD")
    entries = [
        ENTRY.format(number=each.number, amount=Money(each.amount_minor, "EUR").decimal(), way="DBIT")
        for each in european[:4]
    ]
    entries.append(ENTRY.format(number=european[3].number, amount="20.03", way="CRDT"))
    statement = shop.read(CAMT.format("".join(entries)), "camt053")
    outcomes = Booking.objects.filter(statement__in=[told, statement]).values_list("outcome", flat=True)
    assert sorted(outcomes) == ["came_back", *["paid"] * 9]

    assert [state(each) for each in everyone] == [*["completed"] * 8, "failed", "approved"]
    figures = [balance_of(each.customer_id, each.currency) for each in everyone]
    assert [row.available_minor for row in figures] == [*[1_00] * 8, 21_03, 1_00]
    assert [row.held_minor for row in figures] == [*[0] * 9, 20_04]
    assert not list(findings())
    assert not verify().broken
    for credit in Credit.objects.select_related("account"):
        assert of_credit(credit).whereabouts.adds_up
    for refund in everyone:
        parts = of_refund(Refund.objects.get(pk=refund.pk)).parts
        assert sum(part.amount_minor for part in parts) == refund.amount_minor
