"""Refunds and reversals: asked for, then completed or declined; and the slip."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from tillbook.api.credits import CreditPart, Nothing
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, document, read
from tillbook.api.shapes import Day, Line, Moment, Money, MoneySent, Page, Paging, Sent, Text, page
from tillbook.common.errors import WrongState
from tillbook.credit import queries as credit
from tillbook.credit.models import ReverseReason
from tillbook.credit.services import (
    CreditExpired,
    CreditNotFound,
    CreditNotRefundable,
    CurrencyMismatch,
    InsufficientCredit,
)
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.refunds import approvals, payees, queries, services
from tillbook.refunds.accounts import mask
from tillbook.refunds.approvals import ApprovalMissing, NotAcknowledged, SelfApproval
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.services import SelfCompletion, SourceNotBacked
from tillbook.refunds.slip import NoSlip, render
from tillbook.refunds.state import InPayout, RefundNotFound

router = Router(tags=["Refunds"])

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


class ApprovalOut(BaseModel):
    """One person's consent to the refund as it stands now."""

    by: str = Field(examples=["bob"])
    at: Moment


class RefundWithCredits(RefundOut):
    """A refund, how much of it comes from which credit, and who must agree to it."""

    credits: list[CreditPart]
    approvals: list[ApprovalOut]
    approvals_needed: int = Field(examples=[1])
    flags: list[Flag] = Field(description="What an approver must acknowledge.")


class RefundSent(Sent):
    """A refund to be asked for: of one credit, or without `credit` of all refundable ones, oldest first."""

    customer: Line = Field(examples=["jo"])
    amount: MoneySent
    method: Method
    payee: PayeeSent
    payment_date: Day = Field(examples=["2026-10-31"])
    note: Text = ""
    credit: Line | None = Field(None, examples=["CR-1042"])


class ReversalSent(Sent):
    """Why a credit was a mistake."""

    reason: Reason
    note: Text = ""


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


def told(refund: Refund) -> RefundOut:
    reversal = refund.kind == Refund.Kind.REVERSAL
    payee = PayeeOut(
        name=refund.payee_name, bank_account=mask(refund.bank_account), paypal_email=refund.paypal_email,
        postal_address=refund.postal_address, reference=refund.payee_reference,
    )  # fmt: skip
    return RefundOut.model_validate(
        {
            "number": refund.number,
            "kind": refund.kind,
            "status": refund.status,
            "customer": refund.customer.username,
            "amount": Money.of(refund.amount_minor, refund.currency),
            "method": None if reversal else refund.method,
            "payee": None if reversal else payee,
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
        }
    )


def told_whole(number: str, now: datetime) -> RefundWithCredits:
    """The refund of that number, as it stands now."""
    refund = queries.by_number(number)
    parts = sorted(refund.sources.all(), key=lambda part: part.pk)
    return RefundWithCredits(
        **dict(told(refund)),
        credits=[
            CreditPart(credit=part.credit.number, amount=Money.of(part.amount_minor, refund.currency))
            for part in parts
        ],
        approvals=[ApprovalOut(by=each.by, at=each.at) for each in approvals.standing(refund)],
        approvals_needed=approvals.needed(refund, now),
        flags=[flag.value for flag in approvals.flags(refund)],
    )


@read(router, "/refunds", Page[RefundOut], CustomerNotFound, RefundNotFound)
def list_refunds(request: ApiRequest, filters: Query[RefundFilters]) -> Page[RefundOut]:
    """Refunds and reversals, the oldest first, as the queue has them."""
    if filters.customer is not None:
        customers.by_username(filters.customer)
    wanted = queries.QueueFilter(
        status=filters.status or "", kind=filters.kind or "", method=filters.method or "",
        username=filters.customer or "",
    )  # fmt: skip
    after = None if filters.cursor is None else queries.by_number(filters.cursor).pk
    rows = queries.queue(wanted, after=after, limit=filters.limit + 1)
    return page(rows, filters.limit, told, lambda row: row.number)


@change(
    router,
    "/refunds",
    201,
    RefundWithCredits,
    CustomerNotFound,
    CreditNotFound,
    InsufficientCredit,
    CreditExpired,
    CreditNotRefundable,
    CurrencyMismatch,
    SourceNotBacked,
)
def request_refund(request: ApiRequest, body: RefundSent) -> RefundWithCredits:
    """Ask for a refund: its amount is held from now on. An admin completes or declines it."""
    customer = customers.by_username(body.customer)
    refund = services.request(
        customer_id=customer.pk, amount=body.amount.value(), method=body.method,
        payee=Payee(**body.payee.model_dump()), payment_date=body.payment_date, note=body.note,
        credit_id=None if body.credit is None else credit.by_number(body.credit).id,
        key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told_whole(refund.number, request.now)


@read(router, "/refunds/{public:number}", RefundWithCredits, RefundNotFound)
def get_refund(request: ApiRequest, number: str) -> RefundWithCredits:
    """One refund, and the credits it comes from."""
    return told_whole(number, request.now)


@change(
    router,
    "/refunds/{public:number}/complete",
    200,
    RefundWithCredits,
    RefundNotFound,
    WrongState,
    ApprovalMissing,
    SelfCompletion,
    SourceNotBacked,
)
def complete_refund(request: ApiRequest, number: str, body: Nothing) -> RefundWithCredits:
    """Mark as paid and complete: the credit is gone for good. Tillbook itself pays nobody."""
    services.complete(queries.by_number(number).pk, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@change(
    router, "/refunds/{public:number}/decline", 200, RefundWithCredits, RefundNotFound, WrongState, InPayout
)
def decline_refund(request: ApiRequest, number: str, body: DeclineSent) -> RefundWithCredits:
    """Decline with a reason: the amount is available again."""
    refund = queries.by_number(number)
    services.decline(refund.pk, reason=body.reason, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@change(
    router,
    "/refunds/{public:number}/approve",
    200,
    RefundWithCredits,
    RefundNotFound,
    WrongState,
    SelfApproval,
    NotAcknowledged,
)
def approve_refund(request: ApiRequest, number: str, body: ApprovalSent) -> RefundWithCredits:
    """Agree to it exactly as it stands. A later change of where it goes ends the approval."""
    refund = queries.by_number(number)
    approvals.approve(refund.pk, acknowledged=body.acknowledge, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@change(
    router, "/refunds/{public:number}/redirect", 200, RefundWithCredits, RefundNotFound, WrongState, InPayout
)
def redirect_refund(request: ApiRequest, number: str, body: RefundChanged) -> RefundWithCredits:
    """Correct where an open refund goes: its approvals end."""
    payees.change(
        queries.by_number(number).pk, method=body.method, payee=Payee(**body.payee.model_dump()),
        payment_date=body.payment_date, note=body.note, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told_whole(number, request.now)


@change(router, "/refunds/{public:number}/fail", 200, RefundWithCredits, RefundNotFound, WrongState)
def fail_refund(request: ApiRequest, number: str, body: FailSent) -> RefundWithCredits:
    """The money did not arrive: it is credit again, the same credits on the same terms."""
    refund = queries.by_number(number)
    services.fail(refund.pk, reason=body.reason, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@change(router, "/refunds/{public:number}/reveal-account", 200, Account, RefundNotFound)
def reveal_account(request: ApiRequest, number: str, body: Nothing) -> Account:
    """Tell the payee's whole bank account. The history keeps who asked."""
    refund = queries.by_number(number)
    return Account(bank_account=payees.reveal(refund.pk, actor=request.actor, now=request.now))


@document(router, "/refunds/{public:number}/slip", "application/pdf", RefundNotFound, NoSlip)
def get_slip(request: ApiRequest, number: str) -> HttpResponse:
    """The refund slip, as a PDF. A reversal has none: it pays nobody."""
    refund = queries.by_number(number)
    return HttpResponse(
        render([refund]),
        headers={"Content-Disposition": f'inline; filename="{refund.number}.pdf"'},
    )


@change(
    router, "/credits/{public:number}/reverse", 201, RefundWithCredits, CreditNotFound, InsufficientCredit
)
def reverse_credit(request: ApiRequest, number: str, body: ReversalSent) -> RefundWithCredits:
    """Ask for a credit given by mistake to be taken back: an admin completes or declines it."""
    wrong = credit.by_number(number)
    refund = services.request_reversal(
        customer_id=wrong.customer_id, credit_id=wrong.id, reason=ReverseReason(body.reason),
        note=body.note, key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told_whole(refund.number, request.now)
