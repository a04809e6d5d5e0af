"""What customers asked for on their own page: accepted or declined by staff. And their way there: a link."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from tillbook.api.credits import Nothing
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, document, read
from tillbook.api.refund_shapes import Flag, Method, PayeeOut, payee_told
from tillbook.api.shapes import (
    ChargeId,
    Gateway,
    Line,
    Moment,
    Money,
    Page,
    Paging,
    Sent,
    Text,
    page,
    stood_at,
)
from tillbook.common.errors import WrongState
from tillbook.common.mail import NoEmailAddress
from tillbook.credit.services import CreditNotRefundable, CurrencyMismatch, InsufficientCredit
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.delivery.own_page import AddressMissing, OwnPageOff, send_link
from tillbook.orders.charges import Charge
from tillbook.refunds import asks
from tillbook.refunds.account_statement import render
from tillbook.refunds.asks import AskChanged, AskNotFound
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.charges import ChargeFirst, ChargeLimit
from tillbook.refunds.models import Ask

router = Router(tags=["Customers' own page"])

Status = Literal["waiting", "accepted", "declined", "withdrawn"]


class AskOut(BaseModel):
    """A refund that a customer asked for. It holds nothing until staff accept it."""

    number: str = Field(examples=["ASK-1001"])
    status: Status
    customer: str
    amount: Money
    method: Method
    payee: PayeeOut
    asked_at: Moment
    resolved_by: str
    resolved_at: Moment | None
    decline_reason: str = Field(description="What the customer reads.", examples=[""])
    refund: str | None = Field(description="The refund that it became.", examples=[None])
    flags: list[Flag] = Field(description="What is unusual about where the money should go; while it waits.")


class AskFilters(Paging):
    """Which of them, the oldest first."""

    status: Status | None = None
    customer: Line | None = None


class AskAccepted(Sent):
    """What the money goes back to, where the customer asked for it by the method gateway."""

    gateway: Gateway = ""
    charge: ChargeId = Field(
        "",
        description="For the method gateway: what the money goes back to. Where only one charge has room for "
        "the amount, it is found.",
        examples=[""],
    )


class AskDeclined(Sent):
    """Why it is declined, in words for the customer."""

    reason: Annotated[Text, StringConstraints(max_length=1_000)] = Field(
        examples=["The account is not yours. Please ask again with one in your name."]
    )


class LinkOut(BaseModel):
    """Where the link goes."""

    to: str = Field(examples=["jo@example.com"])


def told(ask: Ask) -> AskOut:
    return AskOut.model_validate(
        {
            "number": ask.number,
            "status": ask.status,
            "customer": ask.customer.username,
            "amount": Money.of(ask.amount_minor, ask.currency),
            "method": ask.method,
            "payee": payee_told(ask),
            "asked_at": ask.asked_at,
            "resolved_by": ask.resolved_by,
            "resolved_at": ask.resolved_at,
            "decline_reason": ask.decline_reason,
            "refund": None if ask.refund is None else ask.refund.number,
            "flags": [flag.value for flag in asks.flags(ask)] if ask.status == Ask.Status.WAITING else [],
        }
    )


@read(router, "/asks", Page[AskOut], CustomerNotFound)
def list_asks(request: ApiRequest, filters: Query[AskFilters]) -> Page[AskOut]:
    """What customers asked for, the oldest first."""
    customer_id = None if filters.customer is None else customers.id_of(filters.customer)
    after = stood_at(filters.cursor, asks.by_number)
    rows = asks.listed(filters.status or "", customer_id=customer_id, after=after, limit=filters.limit + 1)
    return page(rows, filters.limit, told, lambda row: row.number)


@read(router, "/asks/{public:number}", AskOut, AskNotFound)
def get_ask(request: ApiRequest, number: str) -> AskOut:
    """One of them."""
    return told(asks.by_number(number))


@change(
    router,
    "/asks/{public:number}/accept",
    200,
    AskOut,
    AskNotFound,
    AskChanged,
    WrongState,
    InsufficientCredit,
    CreditNotRefundable,
    CurrencyMismatch,
    SourceNotBacked,
    ChargeLimit,
    ChargeFirst,
)
def accept_ask(request: ApiRequest, number: str, body: AskAccepted) -> AskOut:
    """Request the refund that the customer wants; its amount is held from now on."""
    charge = Charge(body.gateway, body.charge)
    asks.accept(asks.by_number(number).pk, charge=charge, actor=request.actor, now=request.now)
    return told(asks.by_number(number))


@change(router, "/asks/{public:number}/decline", 200, AskOut, AskNotFound, WrongState)
def decline_ask(request: ApiRequest, number: str, body: AskDeclined) -> AskOut:
    """Decline with a reason, which the customer reads."""
    asks.decline(asks.by_number(number).pk, reason=body.reason, actor=request.actor, now=request.now)
    return told(asks.by_number(number))


@change(
    router,
    "/customers/{username}/links",
    201,
    LinkOut,
    CustomerNotFound,
    OwnPageOff,
    NoEmailAddress,
    AddressMissing,
)
def send_customer_link(request: ApiRequest, username: str, body: Nothing) -> LinkOut:
    """Have a link to their own page mailed to the customer. It works once, for a short time."""
    customer = customers.by_username(username)
    to = send_link(customer.pk, site=_site(request), actor=request.actor, now=request.now)
    return LinkOut(to=to)


def _site(request: ApiRequest) -> str:
    """Where the caller reached this program; a command reached it nowhere."""
    return f"{request.scheme}://{request.get_host()}" if "SERVER_NAME" in request.META else ""


@document(router, "/customers/{username}/statement/{currency}", "application/pdf", CustomerNotFound)
def get_customer_statement(request: ApiRequest, username: str, currency: Line) -> HttpResponse:
    """The statement of a customer's credit in one currency, as their own page has it: a PDF."""
    customer = customers.by_username(username)
    if currency not in asks.currencies_of(customer):
        raise CustomerNotFound(f"{username} has no credit in {currency[:10]}.", field="currency")
    return HttpResponse(render(customer, currency, request.now))
