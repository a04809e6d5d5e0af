"""Orders, as far as money is concerned: placed, edited, cancelled, and what pays them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field, StrictInt

from tillbook.api.credits import CreditPart
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.problems import ChangedMeanwhile
from tillbook.api.shapes import (
    MONEY,
    NO_MONEY,
    Currency,
    Line,
    Moment,
    Money,
    MoneySent,
    Page,
    Paging,
    Sent,
    Text,
    page,
    stood_at,
)
from tillbook.api.versions import check_version
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.credit.services import CurrencyMismatch
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.events.queries import of_key
from tillbook.orders import queries, services
from tillbook.orders.lines import BelowReturned, locked_order
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.queries import OrderNotFound
from tillbook.orders.services import LineInput, NumberTaken, OrderHasReturns

router = Router(tags=["Orders"])

Status = Literal["open", "cancelled"]
PaidStatus = Literal["pending", "part_paid", "fully_paid", "over_paid"]

_MOST_LINES = 1500  # as many as the panel's page takes


class OrderOut(BaseModel):
    """An order and its sums.

    `received` is what its payments brought, `credit_used` what credit paid of it, and `overpaid` what
    was too much and became credit. `returned` is in RMAs, open ones counted.
    """

    number: str = Field(examples=["SO-1042"])
    customer: str
    status: Status
    paid_status: PaidStatus
    total: Money
    received: Money = Field(examples=[NO_MONEY])
    credit_used: Money = Field(examples=[NO_MONEY])
    overpaid: Money = Field(examples=[NO_MONEY])
    owing: Money
    returned: Money = Field(examples=[NO_MONEY])
    placed_at: Moment
    cancelled_at: Moment | None


class OrderLineOut(BaseModel):
    """A line of an order; `amount` is of the whole line. What came back counts open RMAs too."""

    position: int
    sku: str
    description: str
    quantity: int
    amount: Money
    returned_quantity: int = Field(examples=[0])
    returned: Money = Field(examples=[NO_MONEY])


class OrderDetail(OrderOut):
    """An order with all that belongs to it.

    `paid_with` says which credits pay it now and how much each; `overpayment_credits` which arose from
    it, and for how much.
    """

    lines: list[OrderLineOut]
    shipping: Money = Field(examples=[NO_MONEY])
    surcharge: Money = Field(examples=[NO_MONEY])
    note: str = Field(examples=[""])
    paid_with: list[CreditPart]
    overpayment_credits: list[CreditPart]


class LineSent(Sent):
    """A line of an order; `amount` is of the whole line."""

    sku: Line = Field(examples=["LAMP"])
    description: Text = Field("", examples=["A lamp"])
    quantity: StrictInt = Field(examples=[2])
    amount: MoneySent


class LineChanged(LineSent):
    """A line as it shall be. With `position` it is the line that has that position now."""

    position: StrictInt | None = None


class OrderSent(Sent):
    """A new order, in the customer's currency unless another is named.

    Without `number` it gets the next one of Tillbook's own; without `placed_at` it is placed now.
    """

    customer: Line = Field(examples=["jo"])
    currency: Currency | None = None
    number: Line | None = Field(None, examples=["WEB-7"])
    lines: list[LineSent] = Field(max_length=_MOST_LINES)
    shipping: MoneySent | None = None
    surcharge: MoneySent | None = None
    note: Text = ""
    placed_at: Moment | None = None


class OrderChanged(Sent):
    """What shall change; what is left out stays as it is.

    `lines` are all lines that the order shall have: those not named by their position are removed.
    """

    lines: list[LineChanged] | None = Field(None, max_length=_MOST_LINES)
    shipping: MoneySent | None = Field(None, examples=[MONEY])
    surcharge: MoneySent | None = None
    note: Text | None = None


class Because(Sent):
    """Why it is done; it stands in the history."""

    reason: Text = Field(examples=["It was entered twice."])


class OrderFilters(Paging):
    """Which orders. `paid_status` leaves cancelled ones out unless `status` asks for them."""

    q: Line = Field("", description="The beginning of an order's number, or words that find its customer.")
    customer: Line | None = None
    paid_status: PaidStatus | None = None
    status: Status | None = None


@read(router, "", Page[OrderOut], CustomerNotFound)
def list_orders(request: ApiRequest, filters: Query[OrderFilters]) -> Page[OrderOut]:
    """Orders, the last placed first."""
    customer = None if filters.customer is None else customers.by_username(filters.customer)
    before = stood_at(filters.cursor, queries.by_number)
    rows = queries.page(
        q=filters.q, customer_id=None if customer is None else customer.pk,
        paid_status=filters.paid_status or "", status=filters.status or "",
        before=None if before is None else queries.page_key(before), limit=filters.limit + 1,
    )  # fmt: skip
    return page(rows, filters.limit, _summary, queries.page_key)


@change(router, "", 201, OrderDetail, CustomerNotFound, NumberTaken, CurrencyMismatch)
def place_order(request: ApiRequest, body: OrderSent) -> OrderDetail:
    """Place an order. Credit that was spent on its number before pays it."""
    customer = customers.by_username(body.customer)
    currency = body.currency or customer.currency
    order = services.place(
        customer_id=customer.pk, currency=currency, number=body.number,
        lines=[_line(each, currency) for each in body.lines],
        shipping_minor=_minor(body.shipping, currency, "shipping"),
        surcharge_minor=_minor(body.surcharge, currency, "surcharge"), note=body.note,
        placed_at=body.placed_at, key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told(order)


@read(router, "/{order:number}", OrderDetail, OrderNotFound)
def get_order(request: ApiRequest, number: str) -> OrderDetail:
    """One order. The ETag names this state of it, for If-Match."""
    return told(queries.by_number(number))


@change(
    router,
    "/{order:number}/edit",
    200,
    OrderDetail,
    OrderNotFound,
    WrongState,
    BelowReturned,
    ChangedMeanwhile,
)
def edit_order(request: ApiRequest, number: str, body: OrderChanged) -> OrderDetail:
    """Change an order; what was then paid too much is credit at once.

    With If-Match, the ETag of the order as it was read, it is refused if anything of it changed since.
    """
    # Locked, so that what is compared and what is left as it is can't change before it is written.
    order = locked_order(queries.by_number(number).pk)
    if of_key(order.customer_id, request.key) is None:
        check_version(request, told(order))
    currency = order.currency
    edited = services.edit(
        order.pk, lines=_lines_to_be(order, body.lines),
        shipping_minor=_minor(body.shipping, currency, "shipping", order.shipping_minor),
        surcharge_minor=_minor(body.surcharge, currency, "surcharge", order.surcharge_minor),
        note=order.note if body.note is None else body.note,
        key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told(edited)


@change(router, "/{order:number}/cancel", 200, OrderDetail, OrderNotFound, WrongState, OrderHasReturns)
def cancel_order(request: ApiRequest, number: str, body: Because) -> OrderDetail:
    """Cancel an order: credit goes back to the same credits, holds end, money received becomes credit."""
    order = queries.by_number(number)
    cancelled = services.cancel(
        order.pk, reason=body.reason, key=request.key, actor=request.actor, now=request.now
    )
    return told(cancelled)


def told(order: Order) -> OrderDetail:
    def money(minor: int) -> Money:
        return Money.of(minor, order.currency)

    return OrderDetail(
        **_sums(order), lines=[_line_told(each, order.currency) for each in queries.lines_of(order)],
        shipping=money(order.shipping_minor), surcharge=money(order.surcharge_minor), note=order.note,
        paid_with=[
            CreditPart(credit=each.credit.number, amount=money(each.amount_minor))
            for each in queries.credit_paid(order)
        ],
        overpayment_credits=[
            CreditPart(credit=each.number, amount=money(each.issued_minor))
            for each in queries.overpayment_credits(order)
        ],
    )  # fmt: skip


def _summary(order: Order) -> OrderOut:
    return OrderOut(**_sums(order))


def _sums(order: Order) -> dict[str, Any]:
    sums = ("total", "received", "credit_used", "overpaid", "owing", "returned")
    return {
        "number": order.number, "customer": order.customer.username, "status": order.status,
        "paid_status": order.paid_status, "placed_at": order.placed_at, "cancelled_at": order.cancelled_at,
        **{name: Money.of(getattr(order, f"{name}_minor"), order.currency) for name in sums},
    }  # fmt: skip


def _line_told(line: OrderLine, currency: str) -> OrderLineOut:
    return OrderLineOut(
        position=line.position, sku=line.sku, description=line.description, quantity=line.quantity,
        amount=Money.of(line.amount_minor, currency), returned_quantity=line.returned_quantity,
        returned=Money.of(line.returned_minor, currency),
    )  # fmt: skip


def _line(sent: LineSent, currency: str, line_id: int | None = None) -> LineInput:
    amount = sent.amount.minor_or_zero(currency, "lines")
    return LineInput(sent.sku, sent.description, sent.quantity, amount, line_id)


def _lines_to_be(order: Order, sent: Sequence[LineChanged] | None) -> list[LineInput]:
    rows = {row.position: row for row in queries.lines_of(order)}
    if sent is None:
        return [
            LineInput(row.sku, row.description, row.quantity, row.amount_minor, row.pk)
            for row in rows.values()
        ]
    if missing := [each.position for each in sent if each.position not in {None, *rows}]:
        raise InvalidInput(f"Order {order.number} has no line {missing[0]}.", field="lines")
    return [_line(each, order.currency, _id_at(rows, each.position)) for each in sent]


def _id_at(rows: dict[int, OrderLine], position: int | None) -> int | None:
    return None if position is None else rows[position].pk


def _minor(sent: MoneySent | None, currency: str, field: str, default: int = 0) -> int:
    return default if sent is None else sent.minor_or_zero(currency, field)
