"""The shop behind the browser: one customer, made and read through the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils import timezone

from tests.orders.till import Till, gbp
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.issuing import Issue, issue_many
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.queries import by_number
from tillbook.customers import services as customers
from tillbook.customers.links import new_link
from tillbook.customers.models import Customer
from tillbook.ledger.models import House
from tillbook.payouts import matching
from tillbook.payouts import services as payouts
from tillbook.payouts.statements.columns import Columns
from tillbook.refunds import asks
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.policies import version
from tillbook.shop.services import save


@dataclass
class Shop(Till):
    """Jo Marsh's account, with an admin beside the member of staff."""

    admin: Actor = field(kw_only=True)

    def __post_init__(self) -> None:
        self.customer = customers.add(
            username="jo",
            first_name="Jo",
            last_name="Marsh",
            email="jo@example.com",
            postal_address="14 Mill Lane\nLeeds LS1 4AP",
            currency="GBP",
            actor=self.staff,
            now=self.now,
        )

    def prospect(self, username: str) -> Customer:
        return customers.add(
            username=username, kind=Customer.Kind.PROSPECT, currency="GBP", actor=self.staff, now=self.now
        )

    def deposit(self, minor: int) -> Credit:
        """A credit that may be paid out."""
        return self._give(minor, GiveReason.DEPOSIT, refundable=True)

    def deposits(self, count: int) -> None:
        """That many credits, of 0.01 each."""
        issues = [
            Issue(
                customer_id=self.customer.pk,
                amount=gbp(1),
                source=Source.MANUAL,
                house=House.RECEIPTS,
                reason=GiveReason.DEPOSIT,
                reference="",
                key=f"deposit-{place}",
            )
            for place in range(count)
        ]
        issue_many(issues, actor=self.admin, now=self.now)

    def goodwill(self, minor: int) -> Credit:
        """A credit that only pays orders."""
        return self._give(minor, GiveReason.GOODWILL, refundable=False)

    def _give(self, minor: int, reason: GiveReason, *, refundable: bool) -> Credit:
        return credit.give(
            customer_id=self.customer.pk,
            amount=gbp(minor),
            reason=reason,
            refundable=refundable,
            expires_at=None,
            **{**self.by, "actor": self.admin},
        )

    def own_pages(self, *methods: str) -> None:
        """Let customers have pages of their own, and ask there to be paid out by these methods."""
        values = {"own_page": True, "own_page_methods": methods}
        save("own_page", values, seen=version(), actor=self.admin, now=self.now)

    def link(self) -> str:
        """A link to Jo's own page, as a mail has it."""
        token = new_link(self.customer, works_for=timedelta(minutes=30), now=timezone.now())
        return f"/my/open/{token}/"

    def customer_asks(self, minor: int) -> Ask:
        """Jo asks on their own page to be paid out in cash."""
        self.own_pages("cash")
        return asks.ask(
            customer_id=self.customer.pk,
            amount=gbp(minor),
            method="cash",
            payee=Payee("Jo Marsh"),
            **{**self.by, "actor": Actor.customer(self.customer.pk, "test")},
        )

    def ask(self, minor: int) -> Refund:
        """A refund in cash, requested by staff."""
        return refunds.request(
            customer_id=self.customer.pk,
            amount=gbp(minor),
            method=Refund.Method.CASH,
            payee=refunds.Payee("Jo Marsh"),
            payment_date=date(2026, 3, 3),
            **self.by,
        )

    def paid_by_the_bank(self) -> tuple[str, str]:
        """The numbers of a payout, and of a statement that says one of its refunds was paid."""
        payouts.add_source(
            name="Main", currency="GBP", holder="Mill Lane Goods", bank_account="60-16-13 31926819",
            user_id="123456", actor=self.admin, now=self.now,
        )  # fmt: skip
        refund = refunds.request(
            customer_id=self.customer.pk, amount=gbp(12_34), method="bank_transfer",
            payee=Payee("Jo Marsh", "20-00-00 55779911"), payment_date=date(2026, 3, 3), **self.by,
        )  # fmt: skip
        made = payouts.make(
            source="Main", format="bacs18", numbers=[refund.number], pay_on=self.now.date(), key="p",
            actor=self.admin, now=self.now,
        )  # fmt: skip
        table = f"day,text,sum\n{self.now.date()},{refund.number},-12.34\n{self.now.date()},Coffee,-2.00\n"
        layout = Columns(date="day", reference=("text",), amount="sum")
        read = matching.read_statement(
            table.encode(), name="bank.csv", format="csv", layout=layout, currency="GBP",
            actor=self.admin, now=self.now,
        )  # fmt: skip
        return made.number, read.number

    def left_of(self, given: Credit) -> tuple[int, int]:
        """What remains of a credit, and how much of that is held."""
        account = by_number(given.number).account
        return account.posted_minor, account.held_minor

    def refunds(self) -> list[tuple[str, str, int]]:
        """Number, state and amount of every refund, oldest first."""
        rows = Refund.objects.order_by("pk")
        return [(row.number, row.status, row.amount_minor) for row in rows]
