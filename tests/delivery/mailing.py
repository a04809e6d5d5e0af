"""A shop that mails its customers, and what it takes to look at that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from tests.delivery.mailbox import Mailbox, parsed
from tillbook.common.actor import Actor, Role
from tillbook.common.mail_kinds import MailKind
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery.mail_finding import Watch, find
from tillbook.delivery.mail_sending import send_due
from tillbook.delivery.models import Mail
from tillbook.refunds import asks
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.shop import policies
from tillbook.shop.services import save

STAFF = Actor(name="olivia", role=Role.STAFF, origin="test", user_id=901)
ADMIN = Actor(name="ada", role=Role.ADMIN, origin="test", user_id=902)
_SYSTEM = Actor.system("test")


@dataclass
class Mailing:
    """A shop whose clock stands still until somebody turns it."""

    now: datetime
    keys: Any = field(default_factory=count)
    watch: Watch = field(default_factory=Watch)

    def clock(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time

    def set(self, **values: Any) -> None:
        save("mails", values, seen=policies.version(), actor=ADMIN, now=self.now)

    def switch(self, *kinds: MailKind, on: bool = True) -> None:
        self.set(mails={kind: {"on": on} for kind in kinds})

    def write(self, kind: MailKind, subject: str, body: str) -> None:
        self.set(mails={kind: {"texts": {"en": {"subject": subject, "body": body}}}})

    def customer(self, username: str = "jo", **more: Any) -> Customer:
        details = {"first_name": "Jo", "last_name": "Marsh", "email": f"{username}@example.com", **more}
        return customers.add(username=username, currency="GBP", actor=_SYSTEM, now=self.now, **details)

    def give(self, customer: Customer, minor: int = 2_550, **more: Any) -> Credit:
        terms = {"reason": GiveReason.DEPOSIT, "refundable": True, "expires_at": None, **more}
        return credit.give(
            customer_id=customer.pk, amount=Money(minor, "GBP"), key=f"give-{next(self.keys)}",
            actor=_SYSTEM, now=self.now, **terms,
        )  # fmt: skip

    def ask(self, customer: Customer, minor: int = 1_000, *, actor: Actor = STAFF) -> Refund:
        return refunds.request(
            customer_id=customer.pk, amount=Money(minor, "GBP"), method=Refund.Method.BANK_TRANSFER,
            payee=Payee(name="Jo Marsh", bank_account="20-00-00 55779911"), payment_date=date(2026, 3, 6),
            key=f"ask-{next(self.keys)}", actor=actor, now=self.now,
        )  # fmt: skip

    def ask_by_cheque(self, customer: Customer, minor: int = 1_000) -> Refund:
        return refunds.request(
            customer_id=customer.pk, amount=Money(minor, "GBP"), method=Refund.Method.CHEQUE,
            payee=Payee(name="Jo Marsh", postal_address="1 Mill Lane"), payment_date=date(2026, 3, 6),
            key=f"ask-{next(self.keys)}", actor=STAFF, now=self.now,
        )  # fmt: skip

    def wish(self, customer: Customer, minor: int = 1_000) -> Ask:
        """Ask as the customer, on their own page."""
        return asks.ask(
            customer_id=customer.pk, amount=Money(minor, "GBP"), method=Refund.Method.BANK_TRANSFER,
            payee=Payee(name="Jo Marsh", bank_account="20-00-00 55779911"), key=f"wish-{next(self.keys)}",
            actor=Actor.customer(customer.pk, "own page"), now=self.now,
        )  # fmt: skip

    def round(self, **more: Any) -> int:
        """Find what is new and send what is due; returns how many messages went."""
        find(self.watch, self.now)
        return send_due(self.clock, **more)

    def only(self) -> Mail:
        return Mail.objects.get()

    def states(self) -> list[str]:
        return list(Mail.objects.order_by("pk").values_list("state", flat=True))


def texts(mailbox: Mailbox) -> list[str]:
    """The bodies of what came, in the order in which it came."""
    return [parsed(_bytes(each.content)).get_content() for each in mailbox.envelopes]


def text(mailbox: Mailbox) -> str:
    [only] = texts(mailbox)
    return only


def _bytes(content: bytes | str | None) -> bytes:
    assert isinstance(content, bytes)
    return content


Given = Callable[..., None]
