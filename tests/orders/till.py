"""A small shop for tests: one customer, one member of staff, exact figures in minor units."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

import pytest

from tillbook.common.actor import Actor
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries as credit
from tillbook.credit.models import Credit
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Account, Balance, Transfer
from tillbook.ledger.verification import verify
from tillbook.orders import queries, services
from tillbook.orders.models import Order, OrderLine, Payment
from tillbook.orders.recalculation import agreeing, recalculate
from tillbook.orders.services import LineInput
from tillbook.orders.verification import findings as order_findings
from tillbook.orders.verification import lost
from tillbook.refunds.verification import findings as refund_findings
from tillbook.returns import services as returns
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.services import RmaLineInput
from tillbook.returns.verification import findings as return_findings

_TABLES: tuple[Any, ...] = (
    Order, OrderLine, Payment, Rma, RmaLine, Credit, Customer, Account, Balance, Transfer, Event,
)  # fmt: skip


def gbp(minor: int) -> Money:
    return Money(minor, "GBP")


def line(minor: int, *, quantity: int = 1, sku: str = "CUP", line_id: int | None = None) -> LineInput:
    return LineInput(sku, "A thing", quantity, minor, line_id)


@dataclass
class Till:
    staff: Actor
    now: datetime
    keys: Iterator[int] = field(default_factory=count)
    customer: Customer = field(init=False)

    def __post_init__(self) -> None:
        self.customer = customers.add(username="jo", currency="GBP", actor=self.staff, now=self.now)

    @property
    def by(self) -> dict[str, Any]:
        """Who, when, and a fresh key: what every keyed service takes."""
        return {"key": f"key-{next(self.keys)}", "actor": self.staff, "now": self.now}

    def place(self, *lines: LineInput, **more: Any) -> Order:
        owner = {"customer_id": self.customer.pk, "currency": "GBP"}
        return services.place(lines=lines, **{**owner, **self.by, **more})

    def pay(self, order: Order, minor: int, **more: Any) -> Payment:
        asked = {"amount": gbp(minor), "method": "card", "received_at": self.now}
        return services.receive_payment(order.pk, **{**asked, **self.by, **more})

    def spend(self, order: Order, minor: int, **more: Any) -> Order:
        return services.pay_with_credit(order.pk, **{"amount": gbp(minor), **self.by, **more})

    def cancel(self, order: Order, **more: Any) -> Order:
        return services.cancel(order.pk, **{"reason": "Out of stock", **self.by, **more})

    def void(self, payment: Payment, **more: Any) -> services.Voided:
        return services.void_payment(payment.pk, **{"reason": "Bounced", **self.by, **more})

    def edit(self, order: Order, *lines: LineInput, **more: Any) -> Order:
        asked = {"lines": lines, "shipping_minor": 0, "surcharge_minor": 0, "note": ""}
        return services.edit(order.pk, **{**asked, **self.by, **more})

    def open_rma(self, order: Order | None, *lines: RmaLineInput, **more: Any) -> Rma:
        asked = {
            "customer_id": self.customer.pk, "currency": "GBP", "order_id": order and order.pk,
            "lines": lines, "reason": Rma.Reason.FAULTY,
        }  # fmt: skip
        return returns.open_rma(**{**asked, **self.by, **more})

    def close(self, rma: Rma, **more: Any) -> Rma:
        return returns.close(rma.pk, **{**self.by, **more})

    def back(self, order: Order, quantity: int, minor: int | None, position: int = 1) -> RmaLineInput:
        """What comes back of the order's line at `position`."""
        row = OrderLine.objects.get(order=order, position=position)
        return RmaLineInput(row.pk, row.sku, row.description, quantity, minor)

    @property
    def figures(self) -> tuple[int, int, int]:
        """Available, held and owing."""
        row = credit.balance_of(self.customer.pk, "GBP")
        return row.available_minor, row.held_minor, row.owing_minor

    @property
    def credits(self) -> list[tuple[str, int, int]]:
        """Each credit's origin, what was issued and what is available, oldest first."""
        rows = sorted(credit.credits_of(self.customer.pk), key=lambda row: row.id)
        return [(row.source_reference, row.issued_minor, row.account.available_minor) for row in rows]

    def sums(self, order: Order) -> tuple[int, int, int, int]:
        """Received, credit used, overpaid and owing of the order as it stands."""
        row = queries.by_number(order.number)
        return row.received_minor, row.credit_used_minor, row.overpaid_minor, row.owing_minor

    def status(self, order: Order) -> str:
        return queries.by_number(order.number).paid_status

    @contextmanager
    def refused(self, refusal: type[Refusal], field: str | None = None) -> Iterator[None]:
        """The block raises that refusal, naming `field`, and no row of any table changes."""
        before = everything()
        with pytest.raises(refusal) as raised:
            yield
        assert type(raised.value) is refusal
        assert raised.value.field == field
        assert everything() == before

    def check_book(self) -> None:
        """The book verifies, every document agrees with it, and the projection is what they all give."""
        assert verify().broken == []
        assert [*order_findings(), *lost(), *return_findings(), *refund_findings()] == []
        done = recalculate(self.customer.pk, repair=False, actor=self.staff, now=self.now)
        assert done.differences == []
        found = agreeing((self.customer.pk, self.customer.pk), actor=self.staff)
        assert (found.wrong, found.compared[self.customer.pk]) == (set(), done.compared)


def everything() -> list[list[dict[str, Any]]]:
    """Every row of the tables that money and documents stand in."""
    return [list(table.objects.order_by("pk").values()) for table in _TABLES]
