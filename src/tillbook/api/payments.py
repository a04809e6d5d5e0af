"""Money that came in for orders."""

from __future__ import annotations

from typing import Literal

from ninja import Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.orders import Because
from tillbook.api.shapes import NO_MONEY, ChargeId, Gateway, Line, Moment, Money, MoneySent, Sent, Text
from tillbook.common.errors import WrongState
from tillbook.credit.services import CurrencyMismatch
from tillbook.orders import queries, services
from tillbook.orders.charges import Charge, ChargeUsed, note_paid_back
from tillbook.orders.models import Payment
from tillbook.orders.queries import OrderNotFound, PaymentNotFound

router = Router(tags=["Payments"])

Method = Literal["card", "bank_transfer", "paypal", "cash", "cheque", "other"]


class PaymentOut(BaseModel):
    """A payment. One that was voided stays, and counts no longer."""

    number: str = Field(examples=["PAY-1042"])
    order: str = Field(examples=["SO-1042"])
    amount: Money
    method: Method
    reference: str
    gateway: str = Field(description="Who took it from a card or wallet.", examples=["stripe"])
    charge: str = Field(description="The gateway's own id of what it took.", examples=["ch_3P8"])
    paid_back: Money = Field(
        description="What the gateway paid back of the charge past Tillbook.", examples=[NO_MONEY]
    )
    received_at: Moment
    recorded_at: Moment
    recorded_by: str = Field(examples=["ann"])
    voided_at: Moment | None
    void_reason: str


class Payments(BaseModel):
    """An order's payments, as they came in."""

    order: str = Field(examples=["SO-1042"])
    payments: list[PaymentOut]


class PaymentSent(Sent):
    """Money that came in for an order; without `received_at` now."""

    amount: MoneySent
    method: Method
    reference: Line = Field("", description="Its number at the bank or gateway.", examples=["ch_3P8"])
    gateway: Gateway = ""
    charge: ChargeId = ""
    received_at: Moment | None = None


class PaidBackSent(Sent):
    """What the gateway paid back of a charge past Tillbook, and how one knows."""

    amount: MoneySent
    reason: Text = Field(examples=["Paid back in the dashboard"])


class VoidedOut(BaseModel):
    """A payment taken off its order.

    `taken_back` is what was still there of the credit it had made; `missing` is already used or held,
    and the order owes it.
    """

    payment: PaymentOut
    taken_back: Money
    missing: Money


@read(router, "/orders/{order:number}/payments", Payments, OrderNotFound)
def list_payments(request: ApiRequest, number: str) -> Payments:
    """All payments of an order, voided ones too, as they came in."""
    order = queries.by_number(number)
    return Payments(
        order=order.number, payments=[_told(each, order.currency) for each in queries.payments_of(order)]
    )


@change(
    router, "/orders/{order:number}/payments", 201, PaymentOut, OrderNotFound, CurrencyMismatch,
    ChargeUsed,
)  # fmt: skip
def receive_payment(request: ApiRequest, number: str, body: PaymentSent) -> PaymentOut:
    """Record money that came in; what is more than the order owes becomes a credit at once."""
    order = queries.by_number(number)
    payment = services.receive_payment(
        order.pk, amount=body.amount.value(), method=body.method, reference=body.reference,
        charge=Charge(body.gateway, body.charge), received_at=body.received_at, key=request.key,
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return _told(payment, order.currency)


@read(router, "/payments/{public:number}", PaymentOut, PaymentNotFound)
def get_payment(request: ApiRequest, number: str) -> PaymentOut:
    """One payment."""
    payment = queries.payment_by_number(number)
    return _told(payment, payment.order.currency)


@change(router, "/payments/{public:number}/void", 200, VoidedOut, PaymentNotFound, WrongState)
def void_payment(request: ApiRequest, number: str, body: Because) -> VoidedOut:
    """Void a payment that bounced or was a mistake; credit it made is taken back as far as it is unspent."""
    payment = queries.payment_by_number(number)
    voided = services.void_payment(
        payment.pk, reason=body.reason, key=request.key, actor=request.actor, now=request.now
    )
    currency = payment.order.currency
    return VoidedOut(
        payment=_told(voided.payment, currency), taken_back=Money.of(voided.taken_back_minor, currency),
        missing=Money.of(voided.missing_minor, currency),
    )  # fmt: skip


@change(
    router, "/payments/{public:number}/paid-back", 200, PaymentOut, PaymentNotFound, WrongState,
    CurrencyMismatch,
)  # fmt: skip
def note_payment_paid_back(request: ApiRequest, number: str, body: PaidBackSent) -> PaymentOut:
    """Note what its gateway paid back past Tillbook: so much less may go back to the charge from here."""
    payment = note_paid_back(
        queries.payment_by_number(number).pk, amount=body.amount.value(), reason=body.reason, key=request.key,
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return _told(payment, payment.order.currency)


def _told(payment: Payment, currency: str) -> PaymentOut:
    named = {
        name: getattr(payment, name)
        for name in PaymentOut.model_fields
        if name not in {"order", "amount", "paid_back"}
    }
    return PaymentOut(
        **named, order=payment.order.number, amount=Money.of(payment.amount_minor, currency),
        paid_back=Money.of(payment.paid_back_minor, currency),
    )  # fmt: skip
