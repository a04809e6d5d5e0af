"""What the API takes and tells of refunds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from tillbook.api.credits import CreditPart
from tillbook.api.edge import ApiRequest
from tillbook.api.shapes import (
    ChargeId,
    Currency,
    Day,
    DecimalText,
    Gateway,
    Line,
    Moment,
    Money,
    MoneySent,
    Paging,
    Sent,
    Text,
)
from tillbook.api.versions import check_version
from tillbook.common.money import check_currency
from tillbook.payouts.models import Sending
from tillbook.payouts.queries import sending_of
from tillbook.refunds import approvals, queries
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import payee_of
from tillbook.refunds.state import locked
from tillbook.shop.policies import shop

Kind = Literal["refund", "reversal"]
Status = Literal["requested", "approved", "completed", "declined", "failed"]
Flag = Literal["changed_account", "shared_account", "new_payee"]
Method = Annotated[
    Line,
    Field(
        description="A code that the shop's settings have: GET /settings lists those in use.",
        examples=["bank_transfer"],
    ),
]
Reason = Literal["given_by_mistake", "wrong_customer", "wrong_amount", "duplicate", "payment_voided"]


class PayeeSent(Sent):
    """Who gets the money; and where to, as the method needs."""

    name: Line = Field(examples=["Jo Day"])
    bank_account: Annotated[Line, StringConstraints(max_length=60)] = Field(
        "",
        description="For bank_transfer: branch code and account number, or an IBAN.",
        examples=["20-00-00 55779911"],
    )
    paypal_email: Annotated[Text, StringConstraints(max_length=254)] = Field("", description="For paypal.")
    postal_address: Annotated[Text, StringConstraints(max_length=1_000)] = Field(
        "", description="For cheque."
    )
    reference: Annotated[Line, StringConstraints(max_length=60)] = Field(
        "", description="What the payee knows the payment by, where the method asks for it."
    )


class PayeeOut(BaseModel):
    """Who gets the money, and where to."""

    name: str
    bank_account: str = Field(
        description="Its last characters; `reveal-account` tells all of it.", examples=["•••••••••••911"]
    )
    paypal_email: str
    postal_address: str
    reference: str


class RefundOut(BaseModel):
    """A refund, or a reversal, which pays nobody: it has no payee, method and payment date."""

    number: str = Field(examples=["RF-1042"])
    kind: Kind
    status: Status
    customer: str
    amount: Money
    method: Method | None
    payee: PayeeOut | None
    gateway: str = Field(description="Through which it goes back.", examples=[""])
    charge: str = Field(description="What it goes back to, as the gateway names it.", examples=[""])
    payment_date: Day | None
    reason: str = Field(description="Why a credit is reversed; empty for a refund.", examples=[""])
    note: str
    requested_by: str = Field(examples=["ann"])
    requested_at: Moment
    resolved_by: str
    resolved_at: Moment | None
    decline_reason: str
    payout: str | None = Field(description="The payout that it is in.", examples=[None])
    failed_at: Moment | None = Field(examples=[None])
    fail_reason: str = Field(examples=[""])
    unclaimed: bool = Field(description="It failed because nobody took the money.", examples=[False])
    completed_at: Moment | None = Field(description="When it was paid.", examples=[None])
    cheque_number: str = Field(examples=[""])
    received_on: Day | None = Field(
        description="Since when the payee has the money, where that is known.", examples=[None]
    )


class ApprovalOut(BaseModel):
    """One person's consent to the refund as it stands now."""

    by: str = Field(examples=["bob"])
    at: Moment


class SendingOut(BaseModel):
    """How a refund goes through its gateway, as far as anybody knows."""

    number: str = Field(examples=["GS-1042"])
    gateway: str = Field(examples=["stripe"])
    state: Literal["unknown", "pending", "succeeded", "failed"]
    reference: str = Field(description="What the gateway calls the refund.", examples=["re_3P8"])
    problem: str = Field(description="What the gateway said last.", examples=[""])
    sent_by: str = Field(examples=["bob"])
    sent_at: Moment
    asked_at: Moment | None = Field(description="When it last told, or was asked.")
    next_ask_at: Moment | None = Field(description="When it is asked again.", examples=[None])


class RefundWithCredits(RefundOut):
    """A refund, how much of it comes from which credit, and who must agree to it."""

    credits: list[CreditPart]
    approvals: list[ApprovalOut]
    approvals_needed: int = Field(examples=[1])
    flags: list[Flag] = Field(description="What an approver must acknowledge.")
    sending: SendingOut | None = Field(
        description="Its way through a payment gateway, once it was sent.", examples=[None]
    )
    version: str = Field(
        description="Changes with the amount, the payee, the whole account, the payment date and the note, "
        "and tells nothing of them.",
        examples=["5f2b"],
    )


class RefundSent(Sent):
    """A refund to be asked for: of one credit, or without `credit` of all refundable ones, oldest first."""

    customer: Line = Field(examples=["jo"])
    amount: MoneySent
    method: Method
    payee: PayeeSent
    payment_date: Day = Field(examples=["2026-10-31"])
    note: Text = ""
    gateway: Gateway = ""
    charge: ChargeId = Field(
        "",
        description="For the method gateway: what the money goes back to. Where only one charge has room for "
        "the amount, it is found.",
        examples=[""],
    )
    credit: Line | None = Field(None, examples=["CR-1042"])


class ReversalSent(Sent):
    """Why a credit was a mistake."""

    reason: Reason
    note: Text = ""


class CompletionSent(Sent):
    """What is known of the payment already."""

    cheque_number: Line = Field("", description="For cheque: its digits.", examples=[""])
    received_on: Day | None = Field(
        None, description="Since when the payee has the money, such as cash that was handed over."
    )


class DeclineSent(Sent):
    """Why a refund is declined."""

    reason: Text = Field(examples=["The account does not exist."])


class ApprovalSent(Sent):
    """The flags of the refund that the approver has seen."""

    acknowledge: list[Flag] = Field(default_factory=list, max_length=3)


class RefundChanged(Sent):
    """Where the money goes instead. Amount and credits stay."""

    method: Method
    payee: PayeeSent
    payment_date: Day = Field(examples=["2026-10-31"])
    note: Text = ""
    gateway: Gateway = ""
    charge: ChargeId = Field(
        "", description="For the method gateway, as when it is asked for.", examples=[""]
    )


class FailSent(Sent):
    """Why the payment did not arrive."""

    reason: Annotated[Text, StringConstraints(max_length=1_000)] = Field(examples=["Account closed"])


class Account(BaseModel):
    """The payee's bank account."""

    bank_account: str = Field(examples=["20-00-00 55779911"])


class RefundFilters(Paging):
    """Which refunds, the oldest first."""

    status: Status | None = None
    kind: Kind | None = None
    method: Method | None = None
    customer: Line | None = None
    requested_from: Day | None = Field(None, description="Requested on that day or later, where the shop is.")
    requested_to: Day | None = Field(None, description="Requested on that day or earlier.")
    requested_by: Line | None = Field(None, description="A username.")
    amount_from: DecimalText | None = Field(None, description="At least so much of `currency`.")
    amount_to: DecimalText | None = Field(None, description="At most so much of `currency`.")
    currency: Currency | None = Field(
        None, description="ISO 4217. Left out where an amount is given: the shop's own."
    )

    def wanted(self) -> queries.QueueFilter:
        """The same as the queue takes it. Raises InvalidInput naming a currency or an amount that is none."""
        has_amount = (self.amount_from, self.amount_to) != (None, None)
        currency = self.currency or (shop().currency if has_amount else "")
        if currency:
            check_currency(currency)
        return queries.QueueFilter(
            status=self.status or "", kind=self.kind or "", method=self.method or "",
            from_date=self.requested_from, to_date=self.requested_to, currency=currency,
            min_minor=_minor(self.amount_from, currency, "amount_from"),
            max_minor=_minor(self.amount_to, currency, "amount_to"),
            username=self.customer or "", requested_by=self.requested_by or "",
        )  # fmt: skip


def _minor(amount: str | None, currency: str, field: str) -> int | None:
    if amount is None:
        return None
    return MoneySent(amount=amount, currency=currency).minor_or_zero(currency, field)


def payee_told(found: Refund | Ask) -> PayeeOut:
    """Who gets the money, the bank account masked."""
    payee = payee_of(found)
    return PayeeOut(**asdict(payee) | {"bank_account": mask(payee.bank_account)})


def told(refund: Refund) -> RefundOut:
    reversal = refund.kind == Refund.Kind.REVERSAL
    return RefundOut.model_validate(
        {
            "number": refund.number,
            "kind": refund.kind,
            "status": refund.status,
            "customer": refund.customer.username,
            "amount": Money.of(refund.amount_minor, refund.currency),
            "method": None if reversal else refund.method,
            "payee": None if reversal else payee_told(refund),
            "gateway": refund.gateway,
            "charge": refund.charge,
            "payment_date": refund.payment_date,
            "reason": refund.reverse_reason,
            "note": refund.note,
            "requested_by": refund.requested_by,
            "requested_at": refund.requested_at,
            "resolved_by": refund.resolved_by,
            "resolved_at": refund.resolved_at,
            "decline_reason": refund.decline_reason,
            "payout": refund.payout or None,
            "failed_at": refund.failed_at,
            "fail_reason": refund.fail_reason,
            "unclaimed": refund.was_unclaimed,
            "completed_at": refund.completed_at,
            "cheque_number": refund.cheque_number,
            "received_on": refund.received_on,
        }
    )


def _sending_told(sending: Sending) -> SendingOut:
    return SendingOut.model_validate(
        {
            "number": sending.number,
            "gateway": sending.gateway,
            "state": sending.state,
            "reference": sending.reference,
            "problem": sending.problem,
            "sent_by": sending.sent_by,
            "sent_at": sending.sent_at,
            "asked_at": sending.asked_at,
            "next_ask_at": sending.next_ask_at,
        }
    )


def told_whole(number: str, now: datetime) -> RefundWithCredits:
    """The refund of that number, as it stands now."""
    refund = queries.by_number(number)
    parts = sorted(refund.sources.all(), key=lambda part: part.pk)
    sending = sending_of(refund.pk) if refund.sending else None
    return RefundWithCredits(
        **dict(told(refund)),
        credits=[
            CreditPart(credit=part.credit.number, amount=Money.of(part.amount_minor, refund.currency))
            for part in parts
        ],
        approvals=[ApprovalOut(by=each.by, at=each.at) for each in approvals.standing(refund)],
        approvals_needed=approvals.needed(refund, now),
        version=approvals.version_of(refund),
        flags=[flag.value for flag in approvals.flags(refund)],
        sending=None if sending is None else _sending_told(sending),
    )


def as_it_was_read(request: ApiRequest, number: str) -> Refund:
    """The refund, under its customer's lock. Raises ChangedMeanwhile for an If-Match of another state."""
    refund = locked(queries.by_number(number).pk)
    if "If-Match" in request.headers:
        check_version(request, told_whole(number, request.now))
    return refund
