"""Refunds and reversals: asked for, then completed or declined; and the slip."""

from __future__ import annotations

from django.http import HttpResponse
from ninja import Query, Router

from tillbook.api.credits import Nothing
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, document, read
from tillbook.api.problems import ChangedMeanwhile
from tillbook.api.refund_shapes import (
    Account,
    ApprovalSent,
    CompletionSent,
    DeclineSent,
    FailSent,
    RefundChanged,
    RefundFilters,
    RefundOut,
    RefundSent,
    RefundWithCredits,
    ReversalSent,
    as_it_was_read,
    told,
    told_whole,
)
from tillbook.api.shapes import (
    Mailed,
    Page,
    mailed,
    page,
    stood_at,
)
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.common.mail import MailFailed, NoEmailAddress
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
from tillbook.delivery import services as delivery
from tillbook.orders.charges import Charge
from tillbook.refunds import approvals, payees, queries, services
from tillbook.refunds.approvals import ApprovalMissing, NotAcknowledged, SelfApproval
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.charges import ChargeFirst, ChargeLimit
from tillbook.refunds.payees import Payee
from tillbook.refunds.receipt import ChequeTaken
from tillbook.refunds.services import SelfCompletion
from tillbook.refunds.slip import NoSlip, render
from tillbook.refunds.state import InPayout, InSending, RefundNotFound

router = Router(tags=["Refunds"])


@read(router, "/refunds", Page[RefundOut], CustomerNotFound, InvalidInput)
def list_refunds(request: ApiRequest, filters: Query[RefundFilters]) -> Page[RefundOut]:
    """Refunds and reversals, the oldest first, as the queue has them."""
    if filters.customer is not None:
        customers.by_username(filters.customer)
    after = stood_at(filters.cursor, lambda cursor: queries.by_number(cursor).pk)
    rows = queries.queue(filters.wanted(), after=after, limit=filters.limit + 1)
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
    ChargeLimit,
    ChargeFirst,
)
def request_refund(request: ApiRequest, body: RefundSent) -> RefundWithCredits:
    """Ask for a refund: its amount is held from now on. An admin completes or declines it."""
    customer = customers.by_username(body.customer)
    refund = services.request(
        customer_id=customer.pk, amount=body.amount.value(), method=body.method,
        payee=Payee(**body.payee.model_dump()), payment_date=body.payment_date, note=body.note,
        credit_id=None if body.credit is None else credit.by_number(body.credit).id,
        charge=Charge(body.gateway, body.charge),
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
    ChequeTaken,
    ChargeLimit,
    InSending,
    ChangedMeanwhile,
)
def complete_refund(request: ApiRequest, number: str, body: CompletionSent) -> RefundWithCredits:
    """Mark as paid and complete: the credit is gone for good. It says that the shop paid, and pays nobody.

    With If-Match, the ETag of the refund as it was read, it is refused if anything of it changed since.
    """
    services.complete(
        as_it_was_read(request, number).pk, cheque_number=body.cheque_number, received_on=body.received_on,
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return told_whole(number, request.now)


@change(
    router,
    "/refunds/{public:number}/decline",
    200,
    RefundWithCredits,
    RefundNotFound,
    WrongState,
    InPayout,
    InSending,
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
    ChangedMeanwhile,
)
def approve_refund(request: ApiRequest, number: str, body: ApprovalSent) -> RefundWithCredits:
    """Agree to it exactly as it stands. A later change of where it goes ends the approval.

    With If-Match, the ETag of the refund as it was read, it is refused if anything of it changed since.
    """
    refund = as_it_was_read(request, number)
    approvals.approve(refund.pk, acknowledged=body.acknowledge, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@change(
    router, "/refunds/{public:number}/redirect", 200, RefundWithCredits, RefundNotFound, WrongState, InPayout,
    InSending, ChargeLimit, ChargeFirst, ChangedMeanwhile,
)  # fmt: skip
def redirect_refund(request: ApiRequest, number: str, body: RefundChanged) -> RefundWithCredits:
    """Correct where an open refund goes: its approvals end.

    With If-Match, the ETag of the refund as it was read, it is refused if anything of it changed since.
    """
    payees.change(
        as_it_was_read(request, number).pk, method=body.method, payee=Payee(**body.payee.model_dump()),
        payment_date=body.payment_date, note=body.note, charge=Charge(body.gateway, body.charge),
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return told_whole(number, request.now)


@change(
    router, "/refunds/{public:number}/fail", 200, RefundWithCredits, RefundNotFound, WrongState, InSending
)
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
    router, "/refunds/{public:number}/send-slip", 200, Mailed, RefundNotFound, NoSlip, NoEmailAddress,
    MailFailed, in_parts=True,
)  # fmt: skip
def send_slip(request: ApiRequest, number: str, body: Nothing) -> Mailed:
    """Mail the refund slip to the customer. Another key sends another copy."""
    refund = queries.by_number(number)
    return mailed(delivery.send_slip(refund.pk, key=request.key, actor=request.actor, now=request.now))


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
