"""A shop whose customers paid through a gateway, and want money back to their cards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.payouts.paypal_server import CLIENT, WEBHOOK, PayPal
from tests.payouts.paypal_server import SECRET as PAYPAL_SECRET
from tests.payouts.stripe_server import SECRET, Stripe
from tests.payouts.test_adapters import WHSEC, signed
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.ledger.verification import verify
from tillbook.orders import services as orders
from tillbook.orders.charges import Charge
from tillbook.orders.services import LineInput
from tillbook.payouts import gateway_accounts, sendings
from tillbook.payouts.asking import ask_once
from tillbook.payouts.models import Sending
from tillbook.payouts.verification import findings as sending_findings
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee
from tillbook.refunds.verification import findings


@dataclass
class Gate:
    """What the tests do, in few words. Time goes on only where a test says so."""

    staff: Actor
    admin: Actor
    now: datetime
    numbers: Any = field(default_factory=lambda: count(1))

    def use_stripe(self, server: Stripe) -> None:
        gateway_accounts.set_account(
            "stripe", secret=SECRET, webhook_secret=WHSEC, api_base=server.url, actor=self.admin, now=self.now
        )

    def use_paypal(self, server: PayPal) -> None:
        gateway_accounts.set_account(
            "paypal", secret=PAYPAL_SECRET, client_id=CLIENT, webhook_secret=WEBHOOK, api_base=server.url,
            actor=self.admin, now=self.now,
        )  # fmt: skip

    def customer(self) -> Customer:
        found, _ = Customer.objects.get_or_create(
            username="jo", defaults={"first_name": "Jo", "currency": "GBP", "created_at": self.now}
        )
        return found

    def refund(
        self,
        charge: str,
        minor: int = 12_34,
        /,
        *,
        gateway: str = "stripe",
        paid: int = 50_00,
        currency: str = "GBP",
        **more: Any,
    ) -> Refund:
        """An order paid twice as much as it costs by the charge, and some of that asked back."""
        number = next(self.numbers)
        by = {"actor": self.staff, "now": self.now}
        order = orders.place(
            customer_id=self.customer().pk, currency=currency, lines=[LineInput("CUP", "A cup", 1, 1_00)],
            key=f"o{number}", **by,
        )  # fmt: skip
        orders.receive_payment(
            order.pk, amount=Money(paid, currency), method="card", charge=Charge(gateway, charge),
            received_at=self.now, key=f"p{number}", **by,
        )  # fmt: skip
        credit = self.customer().credits.order_by("-id")[0]
        asked = {
            "customer_id": self.customer().pk, "amount": Money(minor, currency), "method": "gateway",
            "payee": Payee("Jo"), "payment_date": self.now.date(), "charge": Charge(gateway, charge),
            "credit_id": credit.id, "key": f"r{number}",
        }  # fmt: skip
        return refunds.request(**{**asked, **by, **more})

    def send(self, refund: Refund, **more: Any) -> Sending:
        return sendings.send(refund.pk, **{"actor": self.admin, "now": self.now, **more})

    def ask(self, **later: int) -> list[Sending]:
        """The round that asks, so much later."""
        at = self.now + timedelta(**later)
        return ask_once(lambda: at)

    def hear(self, refund: Refund, status: str, **about: Any) -> Sending | None:
        """Stripe tells by itself, in an event that it signs."""
        sending = Sending.objects.get(refund=refund)
        told = {
            "id": sending.reference or "re_told", "object": "refund", "status": status,
            "amount": sending.amount_minor, "currency": sending.currency.lower(),
            "metadata": {"tillbook_key": sending.key},
        }  # fmt: skip
        said = {"id": "evt_1", "object": "event", "type": "refund.updated", "data": {"object": told | about}}
        body = json.dumps(said).encode()
        return sendings.hear("stripe", signed(body), body, now=self.now)

    @property
    def figures(self) -> tuple[int, int]:
        row = balance_of(self.customer().pk, "GBP")
        return row.available_minor, row.held_minor

    def check_book(self) -> None:
        assert verify().broken == []
        assert [*findings(), *sending_findings()] == []


def states(refund: Refund) -> tuple[str, str]:
    """How the refund stands, and its sending."""
    return Refund.objects.get(pk=refund.pk).status, Sending.objects.get(refund=refund).state
