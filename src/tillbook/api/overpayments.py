"""What was paid too much and nobody has dealt with, each with a suggestion.

To pay another order with it, spend its credit on that order; to pay it out, request a refund of it.
"""

from __future__ import annotations

from typing import Literal

from ninja import Query, Router
from pydantic import BaseModel, Field

from tillbook.api.credits import CreditOut, Nothing, told
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.shapes import (
    Money,
    Page,
    Paging,
    page,
    stood_at,
)
from tillbook.credit import queries
from tillbook.credit.overpaid import DealtWith, keep
from tillbook.credit.services import CreditNotFound
from tillbook.orders import overpayments

router = Router(tags=["Overpayments"])


class Suggestion(BaseModel):
    """What could be done, and why; with `pay`, that much on that order."""

    choice: Literal["pay", "refund", "keep", "ask"]
    why: Literal["unpaid_order", "paid_twice", "rounding", "cancelled", "unclear"] = Field(
        examples=["unpaid_order"]
    )
    order: str | None = Field(examples=["SO-1043"])
    amount: Money | None


class OverpaymentOut(BaseModel):
    """An overpayment: the credit that it became, and the order it was of, if that is in this shop."""

    credit: CreditOut
    order: str | None = Field(examples=["SO-1042"])
    suggestion: Suggestion


class OverpaymentFilters(Paging):
    """Which overpayments: all that wait, the oldest first."""


def _told(found: overpayments.Overpayment) -> OverpaymentOut:
    pays = found.unpaid
    return OverpaymentOut(
        credit=told(found.credit),
        order=None if found.order is None else found.order.number,
        suggestion=Suggestion(
            choice=found.choice.value,
            why=found.why.value,
            order=None if pays is None else pays.number,
            amount=None if pays is None else Money.of(found.pay_minor, found.credit.currency),
        ),
    )


@read(router, "/overpayments", Page[OverpaymentOut])
def list_overpayments(request: ApiRequest, filters: Query[OverpaymentFilters]) -> Page[OverpaymentOut]:
    """What was paid too much and nobody has dealt with, the oldest first."""
    after = stood_at(filters.cursor, queries.by_number)
    rows = overpayments.page(after=after, limit=filters.limit + 1)
    return page(rows, filters.limit, _told, lambda row: row.credit.number)


@change(router, "/overpayments/{public:number}/keep", 200, CreditOut, CreditNotFound, DealtWith)
def keep_overpayment(request: ApiRequest, number: str, body: Nothing) -> CreditOut:
    """Keep it as credit of the customer: it leaves the list, and no money moves. `number` is its credit's."""
    credit = queries.by_number(number)
    return told(
        keep(
            customer_id=credit.customer_id,
            credit_id=credit.id,
            key=request.key,
            actor=request.actor,
            now=request.now,
        )
    )
