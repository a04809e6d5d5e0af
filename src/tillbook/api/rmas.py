"""Returns: opened, closed with a credit or without, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field, StrictBool, StrictInt

from tillbook.api.credits import CreditPart, Nothing
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, document, read
from tillbook.api.orders import Because
from tillbook.api.shapes import (
    Currency,
    Line,
    Mailed,
    Moment,
    Money,
    MoneySent,
    Page,
    Paging,
    Sent,
    Text,
    mailed,
    page,
    stood_at,
)
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.common.mail import MailFailed, NoEmailAddress
from tillbook.credit.queries import credits_of_document
from tillbook.credit.services import CurrencyMismatch, LimitExceeded
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.delivery import services as delivery
from tillbook.orders import queries as orders
from tillbook.orders.lines import ReturnExceedsOrder, ReturnExceedsPaid
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.queries import OrderNotFound
from tillbook.returns import note, queries, services
from tillbook.returns.models import Rma
from tillbook.returns.note import NoAdjustmentNote
from tillbook.returns.queries import RmaNotFound
from tillbook.returns.services import DocumentTaken, RmaLineInput

router = Router(tags=["Returns"])

Status = Literal["open", "closed", "cancelled"]
Outcome = Literal["awaiting", "credit", "no_credit", "reversed"]
Reason = Annotated[
    Line,
    Field(
        description="A code that the shop's settings have: GET /settings lists those in use.",
        examples=["faulty"],
    ),
]

_MOST_LINES = 1500  # as many as an order has


class RmaOut(BaseModel):
    """A return. `document` is its number in the system it came from."""

    number: str = Field(examples=["RMA-1042"])
    customer: str
    order: str | None = Field(examples=["SO-1042"])
    document: str | None
    status: Status
    outcome: Outcome
    reason: Reason
    total: Money
    opened_by: str = Field(examples=["ann"])
    opened_at: Moment
    closed_at: Moment | None
    reversed_at: Moment | None = Field(description="When all of its credit had been reversed as a mistake.")
    adjustment_note: str | None = Field(examples=["AN-1042"])


class RmaLineOut(BaseModel):
    """A line of a return. Quantity 0: money back, the goods stay."""

    position: int
    sku: str
    description: str
    quantity: int
    amount: Money


class RmaDetail(RmaOut):
    """A return with its lines, and the credits that closing it issued."""

    lines: list[RmaLineOut]
    shipping: Money
    surcharge: Money
    note: str
    public_note: str
    credits: list[CreditPart]


class RmaLineSent(Sent):
    """What comes back of a line. Quantity 0: money back, the goods stay.

    Of an order, name its line by `position`, or by `sku` where only one line has it. Without `amount`
    it is the share of the line's amount that the quantity is worth. Without an order, `sku` and `amount`
    are needed.
    """

    position: StrictInt | None = None
    sku: Line | None = Field(None, examples=["LAMP"])
    description: Text | None = None
    quantity: StrictInt = Field(examples=[1])
    amount: MoneySent | None = None


class RmaSent(Sent):
    """A return of an order, or without one; `shipping` and `surcharge` are given back."""

    customer: Line = Field(examples=["jo"])
    order: Line | None = Field(None, examples=["SO-1042"])
    currency: Currency | None = Field(None, description="Without it, the order's or the customer's.")
    lines: list[RmaLineSent] = Field([], max_length=_MOST_LINES, examples=[[{"sku": "LAMP", "quantity": 1}]])
    shipping: MoneySent | None = None
    surcharge: MoneySent | None = None
    reason: Reason
    note: Text = ""
    public_note: Text = ""
    document: Line | None = None
    opened_at: Moment | None = None
    close: StrictBool = Field(False, description="Close it at once, with its credit: both or neither.")


class NoteSent(Sent):
    """A note for the history."""

    note: Text = Field("", examples=["It came back unopened."])


class RmaFilters(Paging):
    """Which returns. An order's are also those that only take from its lines."""

    customer: Line | None = None
    order: Line | None = None
    status: Status | None = None


@read(router, "", Page[RmaOut], CustomerNotFound, OrderNotFound)
def list_rmas(request: ApiRequest, filters: Query[RmaFilters]) -> Page[RmaOut]:
    """Returns, the newest first."""
    rows = queries.page(
        customer_id=None if filters.customer is None else customers.by_username(filters.customer).pk,
        order_id=None if filters.order is None else orders.by_number(filters.order).pk,
        status=filters.status or "",
        before=stood_at(filters.cursor, lambda cursor: queries.by_number(cursor).number),
        limit=filters.limit + 1,
    )  # fmt: skip
    return page(rows, filters.limit, lambda rma: RmaOut(**_head(rma)), lambda rma: rma.number)


@change(
    router,
    "",
    201,
    RmaDetail,
    CustomerNotFound,
    OrderNotFound,
    WrongState,
    CurrencyMismatch,
    DocumentTaken,
    ReturnExceedsOrder,
    ReturnExceedsPaid,
    LimitExceeded,
)
def open_rma(request: ApiRequest, body: RmaSent) -> RmaDetail:
    """Open a return. It counts on its order at once, and gives nothing back before it is closed.

    With `close` it is closed in the same step.
    """
    customer = customers.by_username(body.customer)
    order = None if body.order is None else orders.by_number(body.order)
    currency = body.currency or (customer if order is None else order).currency
    rma = services.open_rma(
        customer_id=customer.pk, currency=currency, order_id=None if order is None else order.pk,
        lines=_lines(body.lines, order, currency),
        shipping_minor=_minor(body.shipping, currency, "shipping") or 0,
        surcharge_minor=_minor(body.surcharge, currency, "surcharge") or 0, reason=body.reason,
        note=body.note, public_note=body.public_note, document=body.document, opened_at=body.opened_at,
        close_at_once=body.close, key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told(rma)


@read(router, "/{public:number}", RmaDetail, RmaNotFound)
def get_rma(request: ApiRequest, number: str) -> RmaDetail:
    """One return."""
    return told(queries.by_number(number))


@document(router, "/{public:number}/note", "application/pdf", RmaNotFound, NoAdjustmentNote)
def get_note(request: ApiRequest, number: str) -> HttpResponse:
    """The adjustment note of a return that was closed with credit, as a PDF."""
    made = note.of(queries.by_number(number))
    return HttpResponse(
        note.render(made), headers={"Content-Disposition": f'inline; filename="{made.number}.pdf"'}
    )


@change(
    router,
    "/{public:number}/close",
    200,
    RmaDetail,
    RmaNotFound,
    WrongState,
    ReturnExceedsPaid,
    LimitExceeded,
)
def close_rma(request: ApiRequest, number: str, body: Nothing) -> RmaDetail:
    """Close a return and issue its credit, with an adjustment note."""
    rma = queries.by_number(number)
    return told(services.close(rma.pk, key=request.key, actor=request.actor, now=request.now))


@change(router, "/{public:number}/close-without-credit", 200, RmaDetail, RmaNotFound, WrongState)
def close_rma_without_credit(request: ApiRequest, number: str, body: NoteSent) -> RmaDetail:
    """Close a return with nothing given back; its order's lines may be returned again."""
    rma = queries.by_number(number)
    return told(services.close_without_credit(rma.pk, note=body.note, actor=request.actor, now=request.now))


@change(router, "/{public:number}/cancel", 200, RmaDetail, RmaNotFound, WrongState)
def cancel_rma(request: ApiRequest, number: str, body: Because) -> RmaDetail:
    """Cancel an open return, as if nothing had been announced."""
    rma = queries.by_number(number)
    return told(services.cancel(rma.pk, reason=body.reason, actor=request.actor, now=request.now))


@change(
    router, "/{public:number}/send-note", 200, Mailed, RmaNotFound, NoAdjustmentNote, NoEmailAddress,
    MailFailed, in_parts=True,
)  # fmt: skip
def send_note(request: ApiRequest, number: str, body: Nothing) -> Mailed:
    """Mail the adjustment note of a closed return to the customer. Another key sends another copy."""
    rma = queries.by_number(number)
    return mailed(delivery.send_note(rma.pk, key=request.key, actor=request.actor, now=request.now))


def told(rma: Rma) -> RmaDetail:
    def money(minor: int) -> Money:
        return Money.of(minor, rma.currency)

    return RmaDetail(
        **_head(rma), shipping=money(rma.shipping_minor), surcharge=money(rma.surcharge_minor),
        note=rma.note, public_note=rma.public_note,
        lines=[
            RmaLineOut(
                position=each.position, sku=each.sku, description=each.description,
                quantity=each.quantity, amount=money(each.amount_minor),
            )
            for each in queries.lines_of(rma)
        ],
        credits=[
            CreditPart(credit=each.number, amount=money(each.issued_minor))
            for each in credits_of_document(rma.customer_id, rma.number)
        ],
    )  # fmt: skip


def _head(rma: Rma) -> dict[str, Any]:
    same = (
        "number", "document", "status", "outcome", "reason", "opened_by", "opened_at", "closed_at",
        "reversed_at", "adjustment_note",
    )  # fmt: skip
    return {
        **{name: getattr(rma, name) for name in same},
        "customer": rma.customer.username,
        "order": None if rma.order is None else rma.order.number,
        "total": Money.of(rma.total_minor, rma.currency),
    }


def _lines(sent: Sequence[RmaLineSent], order: Order | None, currency: str) -> list[RmaLineInput]:
    """The lines as the service takes them; those of an order found by their position or SKU."""
    rows = [] if order is None else orders.lines_of(order)
    return [_line(each, None if order is None else _row(each, rows), currency) for each in sent]


def _line(sent: RmaLineSent, row: OrderLine | None, currency: str) -> RmaLineInput:
    if row is None and sent.position is not None:
        raise InvalidInput("Without an order a line has no position.", field="lines")
    return RmaLineInput(
        order_line_id=None if row is None else row.pk,
        sku=(sent.sku or "") if row is None else row.sku,
        description=sent.description if sent.description is not None else row.description if row else "",
        quantity=sent.quantity,
        amount_minor=_minor(sent.amount, currency, "lines"),
    )


def _row(sent: RmaLineSent, rows: Sequence[OrderLine]) -> OrderLine:
    found = [
        row
        for row in rows
        if (sent.position is None or row.position == sent.position)
        and (sent.sku is None or row.sku == sent.sku)
    ]
    named = [str(each) for each in (sent.position, sent.sku) if each is not None]
    if not named or len(found) > 1:
        raise InvalidInput("Name each line of the order by its position.", field="lines")
    if not found:
        raise InvalidInput(f"The order has no line {' '.join(named)}.", field="lines")
    return found[0]


def _minor(sent: MoneySent | None, currency: str, field: str) -> int | None:
    return None if sent is None else sent.minor_or_zero(currency, field)
