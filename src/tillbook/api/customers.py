"""Customers and prospects, and what the shop owes each."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field, StrictBool

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read, update
from tillbook.api.shapes import (
    NO_MONEY,
    Currency,
    DayOrMoment,
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
from tillbook.common.errors import InvalidInput
from tillbook.credit import queries as credit
from tillbook.credit.basis import basis_at, day_end
from tillbook.credit.reporting import TransfersWithoutCredit, balances_of
from tillbook.customers import queries, services
from tillbook.customers.models import Customer
from tillbook.customers.queries import CustomerNotFound
from tillbook.customers.services import UsernameTaken
from tillbook.shop.policies import shop

router = Router(tags=["Customers"])

Kind = Literal["customer", "prospect"]
OnHold = Annotated[
    StrictBool, Field(description="Whether they are on credit hold. Rules for approvals may look at it.")
]
OptionalMail = Literal["credit_issued", "credit_expiring"]


class CustomerOut(BaseModel):
    """A customer or prospect; `username` is its id."""

    username: str
    kind: Kind
    first_name: str
    last_name: str
    company: str
    email: str
    phone: str
    postal_address: str
    country: str
    currency: str
    credit_limit: Money | None
    on_credit_hold: bool
    no_mails: list[str] = Field(description="Kinds of mail that they do without.")
    created_at: Moment


class Details(Sent):
    """Who the customer is and how to reach them."""

    kind: Kind = "customer"
    first_name: Line = Field("", examples=["Jo"])
    last_name: Line = Field("", examples=["Day"])
    company: Line = ""
    email: Line = Field("", examples=["jo@example.com"])
    phone: Line = ""
    postal_address: Text = ""
    country: Line = ""


class CustomerSent(Details):
    """A new customer. Without `currency` they have the shop's."""

    username: Line = Field(examples=["jo"])
    currency: Currency | None = None
    credit_limit: MoneySent | None = None
    on_credit_hold: OnHold = False


class CustomerChanged(Details):
    """What shall change; fields left out stay as they are. Without a credit limit none is agreed."""

    credit_limit: MoneySent | None = None
    on_credit_hold: OnHold = False
    no_mails: list[OptionalMail] = Field([], max_length=2, examples=[["credit_issued"]])


class CustomerFilters(Paging):
    """Which customers."""

    q: Line = ""
    kind: Kind | None = None
    with_credit: bool = Field(False, description="Only those who have credit.")


class BalanceOut(BaseModel):
    """What the shop owes a customer in one currency, and what the customer owes it."""

    available: Money
    held: Money = Field(examples=[NO_MONEY])
    owing: Money | None = Field(description="As it is now; null with `as_of`: no history of it is kept.")


class Balances(BaseModel):
    """A customer's balances, one for each currency that money moved in."""

    customer: str
    as_of: Moment | None = Field(description="What happened before it counts; null: all until now.")
    balances: list[BalanceOut]


def told(customer: Customer) -> CustomerOut:
    limit = customer.credit_limit_minor
    return CustomerOut(
        **{name: getattr(customer, name) for name in CustomerOut.model_fields if name != "credit_limit"},
        credit_limit=None if limit is None else Money.of(limit, customer.currency),
    )


@read(router, "", Page[CustomerOut])
def list_customers(request: ApiRequest, filters: Query[CustomerFilters]) -> Page[CustomerOut]:
    """Customers and prospects by username. `q` looks in names, company, e-mail and phone."""
    rows = queries.search(
        filters.q, kind=filters.kind, with_credit=filters.with_credit,
        after=stood_at(filters.cursor, lambda cursor: queries.by_username(cursor).username),
        limit=filters.limit + 1,
    )  # fmt: skip
    return page(rows, filters.limit, told, lambda row: row.username)


@change(router, "", 201, CustomerOut, UsernameTaken)
def add_customer(request: ApiRequest, body: CustomerSent) -> CustomerOut:
    """Add a customer or prospect."""
    sent = body.model_dump(exclude={"credit_limit"})
    limit = _limit(body.credit_limit, body.currency or shop().currency)
    customer = services.add(**sent, credit_limit_minor=limit, actor=request.actor, now=request.now)
    return told(customer)


@read(router, "/{username}", CustomerOut, CustomerNotFound)
def get_customer(request: ApiRequest, username: str) -> CustomerOut:
    """One customer. The ETag names this state of them, for If-Match."""
    return told(queries.by_username(username))


@update(router, "/{username}", CustomerOut, CustomerNotFound)
def change_customer(request: ApiRequest, username: str, body: CustomerChanged) -> CustomerOut:
    """Change some fields of a customer."""
    # Locked, so that what is compared and what is left as it is can't change before it is written.
    customer = queries.locked(queries.by_username(username).pk)
    check_version(request, told(customer))
    sent = body.model_dump(exclude_unset=True, exclude={"credit_limit", "on_credit_hold", "no_mails"})
    if sent:
        kept: dict[str, Any] = {name: getattr(customer, name) for name in Details.model_fields}
        customer = services.update_details(customer.pk, **(kept | sent), actor=request.actor, now=request.now)
    if {"credit_limit", "on_credit_hold"} & body.model_fields_set:
        customer = _change_account(request, customer, body)
    if "no_mails" in body.model_fields_set:
        customer = services.choose_mails(
            customer.pk, no_mails=body.no_mails, actor=request.actor, now=request.now
        )
    return told(customer)


def _change_account(request: ApiRequest, customer: Customer, body: CustomerChanged) -> Customer:
    limit, on_hold = customer.credit_limit_minor, customer.on_credit_hold
    if "credit_limit" in body.model_fields_set:
        limit = _limit(body.credit_limit, customer.currency)
    if "on_credit_hold" in body.model_fields_set:
        on_hold = body.on_credit_hold
    return services.update_account(
        customer.pk, credit_limit_minor=limit, on_credit_hold=on_hold, actor=request.actor, now=request.now
    )


def _limit(sent: MoneySent | None, currency: str) -> int | None:
    return None if sent is None else sent.minor_or_zero(currency, "credit_limit")


class BalanceFilters(Sent):
    """As of when, and by which time of a transfer: when it happened, or when it was recorded."""

    as_of: DayOrMoment | None = Field(
        None, description="A moment, or a date, which means its end in the shop's time zone. Without it now."
    )
    view: Literal["effective", "recorded"] = "effective"


@read(router, "/{username}/balances", Balances, CustomerNotFound, InvalidInput, TransfersWithoutCredit)
def get_balances(request: ApiRequest, username: str, filters: Query[BalanceFilters]) -> Balances:
    """What is available, held and owing now; or what was available and held as of any moment."""
    customer = queries.by_username(username)
    if filters.as_of is not None:
        return _balances_as_of(request, customer, filters.as_of, filters.view)
    return Balances(
        customer=customer.username,
        as_of=None,
        balances=[
            BalanceOut(
                available=Money.of(row.available_minor, row.currency),
                held=Money.of(row.held_minor, row.currency),
                owing=Money.of(row.owing_minor, row.currency),
            )
            for row in credit.balances_of(customer.pk)
        ],
    )


def _balances_as_of(request: ApiRequest, customer: Customer, as_of: date, view: str) -> Balances:
    moment = as_of if isinstance(as_of, datetime) else day_end(as_of)
    basis = basis_at(moment, view=view, recorded_by=None, now=request.now)
    return Balances(
        customer=customer.username,
        as_of=basis.as_of,
        balances=[
            BalanceOut(available=Money.of(posted - held, currency), held=Money.of(held, currency), owing=None)
            for currency, posted, held in balances_of(customer.pk, basis, actor=request.actor)
        ],
    )
