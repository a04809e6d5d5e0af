"""Ten customers ask for their money: approved by two, sent to two banks, and told by their statements."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import _user_actor
from tests.payouts.conftest import LAYOUT, state
from tests.stories import ten_customers
from tests.stories.ten_customers import Asking
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


class Shop:
    """Two admins, one of the staff, and what they do."""

    def __init__(self, now: datetime) -> None:
        system = Actor.system("test")
        self.now = now
        self.pay_on = (now + timedelta(days=2)).date()
        self.staff = _user_actor("staff", Role.STAFF, system, now)
        self.ann = _user_actor("ann", Role.ADMIN, system, now)
        self.bob = _user_actor("bob", Role.ADMIN, system, now)
        for source in (ten_customers.SYDNEY, ten_customers.BERLIN):
            services.add_source(**source, actor=self.ann, now=now)

    def asked(self, who: Asking) -> Refund:
        currency = who.amount.currency
        customer = Customer.objects.create(username=who.username, currency=currency, created_at=self.now)
        credits.give(
            customer_id=customer.pk, amount=Money(who.amount.minor + ten_customers.LEFT_OVER, currency),
            reason=GiveReason.DEPOSIT, refundable=True, expires_at=None, key="g", actor=self.ann, now=self.now,
        )  # fmt: skip
        return refunds.request(
            customer_id=customer.pk, amount=who.amount, method="bank_transfer",
            payee=Payee(who.name, who.account), payment_date=self.now.date(), key="r", actor=self.staff,
            now=self.now,
        )  # fmt: skip

    def agree(self, refund: Refund) -> None:
        for admin in (self.ann, self.bob):
            approve(refund.pk, acknowledged=list(Flag), actor=admin, now=self.now)

    def pay(self, source: str, format: str) -> Payout:
        return services.make(
            source=source, format=format, pay_on=self.pay_on, key=format, actor=self.bob, now=self.now
        )

    def file(self, payout: Payout) -> bytes:
        return services.take_file(payout.number, actor=self.bob, now=self.now)

    def read(self, data: str, format: str, **more: Any) -> Statement:
        return matching.read_statement(
            data.encode(), name="bank", format=format, actor=self.ann, now=self.now, **more
        )


def test_eight_are_paid_one_comes_back_and_one_is_left(now: datetime, settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(
        settings.TILLBOOK_SHOP, currency="AUD", approval_rules=(ApprovalRule(2),)
    )
    shop = Shop(now)
    everyone = [shop.asked(each) for each in ten_customers.EVERYONE]
    numbers = {each.customer.username: each.number for each in everyone}
    for refund in everyone:
        shop.agree(refund)

    tampered = Refund.objects.get(customer__username="eu0")  # by somebody with the database's password
    was, tampered.bank_account = tampered.bank_account, ten_customers.STRANGERS_ACCOUNT
    Refund.objects.bulk_update([tampered], ["bank_account"])
    with pytest.raises(ApprovalMissing, match="was changed after it was approved"):
        refunds.complete(tampered.pk, actor=shop.bob, now=now)
    assert shop.pay("Berlin", "csv").refunds == 4  # it is left out
    services.cancel(Payout.objects.get().number, reason="To be sent as pain.001", actor=shop.bob, now=now)
    tampered.bank_account = was
    Refund.objects.bulk_update([tampered], ["bank_account"])

    aba, pain = shop.pay("Sydney", "aba"), shop.pay("Berlin", "pain001")
    assert (aba.total_minor, pain.total_minor) == (50_10, 100_10)
    ten_customers.check_aba(shop.file(aba), numbers, shop.pay_on)
    ten_customers.check_pain(shop.file(pain), numbers, shop.pay_on)

    told = shop.read(ten_customers.table_that_pays(numbers), "csv", layout=LAYOUT, currency="AUD")
    statement = shop.read(ten_customers.camt_that_pays_and_returns(numbers), "camt053")
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
