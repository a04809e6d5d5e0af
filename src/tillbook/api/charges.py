"""Charges of cards and wallets: which of them credit came from, and how much may go back to each."""

from __future__ import annotations

from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import read
from tillbook.api.shapes import Currency, Line, Moment, Money, Sent
from tillbook.credit import queries as credit
from tillbook.credit.models import Credit
from tillbook.credit.services import CreditNotFound
from tillbook.customers.models import Customer
from tillbook.customers.queries import CustomerNotFound, by_username
from tillbook.refunds.charges import Possible, charges_of

router = Router(tags=["Refunds"])


class ChargeOut(BaseModel):
    """A charge, and what a refund by the method gateway may give back to it now."""

    gateway: str = Field(examples=["stripe"])
    charge: str = Field(examples=["ch_3P8"])
    payment: str = Field(examples=["PAY-1042"])
    order: str = Field(examples=["SO-1042"])
    brought: Money
    possible: Money = Field(description="Of this credit; what is under way back there is taken off.")
    received_at: Moment


class Charges(BaseModel):
    """The charges that a customer's credit came from, the oldest first."""

    customer: str = Field(examples=["jo"])
    charges: list[ChargeOut]


class ChargeFilters(Sent):
    """Of one credit, or without `credit` of all that may be paid out in the currency."""

    customer: Line = Field(examples=["jo"])
    credit: Line | None = Field(None, examples=["CR-1042"])
    currency: Currency | None = Field(None, description="Without it the customer's own.")


@read(router, "/charges", Charges, CustomerNotFound, CreditNotFound)
def list_charges(request: ApiRequest, filters: Query[ChargeFilters]) -> Charges:
    """Which charges credit came from, and how much of it may go back to each."""
    customer = by_username(filters.customer)
    found = charges_of(_credits(request, customer, filters))
    return Charges(customer=customer.username, charges=[_told(each) for each in found])


def _credits(request: ApiRequest, customer: Customer, filters: ChargeFilters) -> list[Credit]:
    if filters.credit is None:
        currency = filters.currency or customer.currency
        return credit.usable(customer.pk, currency, request.now, refundable=True)
    found = credit.by_number(filters.credit)
    if found.customer_id != customer.pk:
        raise CreditNotFound(_("This customer has no such credit."), field="credit")
    return [found]


def _told(found: Possible) -> ChargeOut:
    payment = found.room.payment
    return ChargeOut(
        gateway=payment.gateway, charge=payment.charge, payment=payment.number, order=payment.order.number,
        brought=Money.of(payment.amount_minor, payment.order.currency),
        possible=Money.of(found.minor, payment.order.currency), received_at=payment.received_at,
    )  # fmt: skip
