"""The way of the money: what a credit arose from and where each cent of it is; what a refund came out of."""

from __future__ import annotations

from typing import Literal

from ninja import Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import read
from tillbook.api.refund_shapes import Status
from tillbook.api.shapes import NO_MONEY, Moment, Money
from tillbook.credit import queries as credits
from tillbook.credit.provenance import Way
from tillbook.credit.services import CreditNotFound
from tillbook.orders.provenance import Portion
from tillbook.refunds import queries as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import CreditProvenance, Origin, of_credit, of_refund
from tillbook.refunds.state import RefundNotFound

router = Router(tags=["Credit"])


class PortionOut(BaseModel):
    """So much of a payment stands behind a credit. What was paid last is taken first."""

    payment: str = Field(examples=["PAY-1042"])
    amount: Money
    paid: Money = Field(description="The whole payment.")
    method: str = Field(examples=["card"])
    received_at: Moment
    voided_at: Moment | None


class OriginOut(BaseModel):
    """What a credit arose from: payments on an order, a return, or a person's hand."""

    source: Literal["overpayment", "return", "manual"]
    order: str | None = Field(
        description="It was paid too much, or its goods came back.", examples=["SO-1042"]
    )
    rma: str | None = Field(examples=[None])
    payments: list[PortionOut]
    nameless: Money = Field(
        description="What came with no payment that is known, as in imported orders.", examples=[NO_MONEY]
    )
    reason: str = Field(examples=["overpayment"])
    issued_by: str = Field(examples=["ann"])
    issued_at: Moment


class WayOut(BaseModel):
    """What went from a credit to one place. `stays` is what went less what came back; of it `held`."""

    to: Literal["order", "refund", "reversal", "expiry"] = Field(examples=["refund"])
    reference: str = Field(examples=["RF-1042"])
    status: Status | None = Field(description="Of a refund or reversal.", examples=["requested"])
    began_at: Moment
    went: Money
    came_back: Money = Field(examples=[NO_MONEY])
    held: Money
    stays: Money


class CreditProvenanceOut(BaseModel):
    """A credit's whole way: `issued` is what stays at all its ways and what is available, to the cent."""

    number: str = Field(examples=["CR-1042"])
    customer: str
    issued: Money
    origin: OriginOut
    ways: list[WayOut]
    available: Money = Field(examples=[NO_MONEY])


class PartOut(BaseModel):
    """What a credit gave to a refund, and what that credit arose from."""

    credit: str = Field(examples=["CR-1042"])
    amount: Money
    issued: Money
    origin: OriginOut


class RefundProvenanceOut(BaseModel):
    """Which credits a refund came out of: its amount is the sum of its parts, to the cent."""

    number: str = Field(examples=["RF-1042"])
    customer: str
    status: Status
    amount: Money
    parts: list[PartOut]


@read(router, "/credits/{public:number}/provenance", CreditProvenanceOut, CreditNotFound)
def get_credit_provenance(request: ApiRequest, number: str) -> CreditProvenanceOut:
    """What a credit arose from, and where each cent of it went."""
    credit = credits.by_number(number)
    found = of_credit(credit)
    return CreditProvenanceOut(
        number=credit.number, customer=credit.customer.username,
        issued=Money.of(credit.issued_minor, credit.currency), origin=_origin(found.origin),
        ways=[_way(way, found) for way in found.whereabouts.ways],
        available=Money.of(found.whereabouts.available_minor, credit.currency),
    )  # fmt: skip


@read(router, "/refunds/{public:number}/provenance", RefundProvenanceOut, RefundNotFound)
def get_refund_provenance(request: ApiRequest, number: str) -> RefundProvenanceOut:
    """Which credits a refund's money came from, and what each of them arose from."""
    refund = refunds.by_number(number)
    parts = [
        PartOut(
            credit=part.credit.number, amount=Money.of(part.amount_minor, refund.currency),
            issued=Money.of(part.credit.issued_minor, refund.currency), origin=_origin(part.origin),
        )
        for part in of_refund(refund).parts
    ]  # fmt: skip
    return RefundProvenanceOut(
        number=refund.number, customer=refund.customer.username, status=_status(refund),
        amount=Money.of(refund.amount_minor, refund.currency), parts=parts,
    )  # fmt: skip


def _origin(origin: Origin) -> OriginOut:
    credit = origin.credit
    return OriginOut.model_validate(
        {
            "source": credit.source,
            "order": None if origin.order is None else origin.order.number,
            "rma": None if origin.rma is None else origin.rma.number,
            "payments": [_portion(each, credit.currency) for each in origin.portions],
            "nameless": Money.of(origin.nameless_minor, credit.currency),
            "reason": credit.reason,
            "issued_by": credit.issued_by,
            "issued_at": credit.issued_at,
        }
    )


def _portion(portion: Portion, currency: str) -> PortionOut:
    payment = portion.payment
    return PortionOut(
        payment=payment.number, amount=Money.of(portion.amount_minor, currency),
        paid=Money.of(payment.amount_minor, currency), method=payment.method,
        received_at=payment.received_at, voided_at=payment.voided_at,
    )  # fmt: skip


def _way(way: Way, found: CreditProvenance) -> WayOut:
    currency, refund = found.origin.credit.currency, found.refunds.get(way.reference)
    return WayOut(
        to=way.goal.value, reference=way.reference, status=None if refund is None else _status(refund),
        began_at=way.began_at, went=Money.of(way.went_minor, currency),
        came_back=Money.of(way.back_minor, currency), held=Money.of(way.held_minor, currency),
        stays=Money.of(way.stays_minor, currency),
    )  # fmt: skip


def _status(refund: Refund) -> Status:
    status: Status = Refund.Status(refund.status).value  # type: ignore[assignment]
    return status
