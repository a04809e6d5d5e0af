"""A shop with an account to pay from, and customers who want their money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import pytest

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.payouts import matching, services
from tillbook.payouts.models import Booking, Payout, Statement
from tillbook.payouts.statements.columns import Columns
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee

LAYOUT = Columns(date="date", reference=("text",), amount="amount", account="account")


@dataclass
class Till:
    """What the tests do, in few words."""

    staff: Actor
    admin: Actor
    now: datetime

    def customer(self, name: str, minor: int = 100_00) -> Customer:
        made = Customer.objects.create(
            username=name, first_name=name.title(), currency="AUD", created_at=self.now
        )
        credits.give(
            customer_id=made.pk, amount=Money(minor, "AUD"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="g", actor=self.admin, now=self.now,
        )  # fmt: skip
        return made

    def refund(
        self, name: str, minor: int = 12_34, account: str = "062-000 12345678", **more: object
    ) -> Refund:
        found = Customer.objects.filter(username=name).first() or self.customer(name)
        asked = {
            "customer_id": found.pk, "amount": Money(minor, "AUD"), "method": "bank_transfer",
            "payee": Payee(name.title(), account), "payment_date": self.now.date(), "key": f"r{minor}",
            "actor": self.staff, "now": self.now,
        }  # fmt: skip
        return refunds.request(**(asked | more))

    def create(self, *chosen: Refund, key: str = "p", **more: object) -> Payout:
        numbers = [each.number for each in chosen] or None
        asked = {
            "source": "Main", "format": "aba", "numbers": numbers, "pay_on": date(2026, 3, 4), "key": key,
            "actor": self.admin, "now": self.now,
        }  # fmt: skip
        return services.make(**(asked | more))

    def read(
        self,
        *rows: str,
        data: bytes = b"",
        format: str = "csv",
        layout: Columns = LAYOUT,
        currency: str = "AUD",
    ) -> Statement:
        table = "date,text,amount,account\n" + "\n".join(rows) + "\n"
        return matching.read_statement(
            data or table.encode(), name="bank.csv", format=format, layout=layout, currency=currency,
            actor=self.admin, now=self.now,
        )  # fmt: skip

    def outcomes(self, statement: Statement) -> list[str]:
        return list(
            Booking.objects.filter(statement=statement).order_by("position").values_list("outcome", flat=True)
        )

    def balance(self, name: str) -> tuple[int, int]:
        row = balance_of(Customer.objects.get(username=name).pk, "AUD")
        return row.available_minor, row.held_minor


def make_till(staff: Actor, admin: Actor, now: datetime) -> Till:
    services.add_source(
        name="Main", currency="AUD", holder="Mill Lane Goods", bank_account="062-000 12223123",
        user_id="301500", bank="CBA", actor=admin, now=now,
    )  # fmt: skip
    return Till(staff, admin, now)


@pytest.fixture
def till(staff_actor, admin_actor, now) -> Till:
    return make_till(staff_actor, admin_actor, now)


def state(refund: Refund) -> str:
    return Refund.objects.get(pk=refund.pk).status
