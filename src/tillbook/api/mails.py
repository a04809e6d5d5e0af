"""Mails that follow from events: what was sent to whom, and deciding about those that did not go."""

from __future__ import annotations

from typing import Literal

from ninja import Query, Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.shapes import (
    Line,
    Moment,
    Page,
    Paging,
    Sent,
    page,
    stood_at,
)
from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.customers.queries import CustomerNotFound, by_username
from tillbook.delivery import mails, queries
from tillbook.delivery.mails import NoSuchText
from tillbook.delivery.models import Mail
from tillbook.delivery.queries import MailNotFound

router = Router(tags=["Mails"])

State = Literal["waiting", "sending", "sent", "unknown", "failed", "dropped"]
Kind = Literal[
    "credit_issued", "credit_expiring", "ask_declined", "refund_requested", "refund_paid", "refund_failed"
]


class MailOut(BaseModel):
    """One person told of one event. `unknown` may have gone, and is not sent again by itself."""

    number: str = Field(examples=["ML-1042"])
    kind: str = Field(examples=["credit_issued"])
    customer: str | None = Field(description="The username; null: it is for one of the shop's users.")
    about: str = Field(description="The document that it happened to.", examples=["CR-1042"])
    state: State
    why: str = Field(description="Why it was dropped; empty for others.", examples=["opted_out"])
    to: str = Field(examples=["jo@example.com"])
    subject: str
    attempts: int
    answer: str = Field(description="What the mail server said last.")
    created_at: Moment
    last_at: Moment | None
    next_at: Moment | None


class MailFilters(Paging):
    """Which mails."""

    customer: Line | None = None
    state: State | None = None


class PreviewFilters(Sent):
    """Which mail to show: about the customer's last such event, or with example values."""

    kind: Kind
    customer: Line | None = None


class MailPreview(BaseModel):
    """A mail as it would be sent."""

    kind: str = Field(examples=["credit_issued"])
    subject: str
    body: str


class NothingSent(Sent):
    """No fields."""


def told(mail: Mail) -> MailOut:
    waiting = mail.state == Mail.State.WAITING
    return MailOut.model_validate(
        {
            **{name: getattr(mail, name) for name in ("number", "kind", "about", "state", "why", "to")},
            **{name: getattr(mail, name) for name in ("attempts", "answer", "created_at", "last_at")},
            "subject": mail.title,
            "customer": None if mail.customer is None else mail.customer.username,
            "next_at": mail.next_at if waiting else None,
        }
    )


@read(router, "/mails", Page[MailOut], CustomerNotFound)
def list_mails(request: ApiRequest, filters: Query[MailFilters]) -> Page[MailOut]:
    """Mails, the newest first. Those to users of the shop are for who manages users."""
    before = stood_at(filters.cursor, lambda cursor: queries.mail_by_number(cursor).pk)
    rows = queries.page_of_mails(
        customer_id=None if filters.customer is None else by_username(filters.customer).pk,
        states=[] if filters.state is None else [filters.state],
        to_users=request.actor.may(Permission.MANAGE_USERS),
        before=before,
        limit=filters.limit + 1,
    )
    return page(rows, filters.limit, told, lambda row: row.number)


@read(
    router, "/mails/preview", MailPreview, NoSuchText, CustomerNotFound, WrongState, InvalidInput,
    permission=Permission.MANAGE_SETTINGS,
)  # fmt: skip
def preview_mail(request: ApiRequest, filters: Query[PreviewFilters]) -> MailPreview:
    """What a mail would say: made by the code that sends it, of the text that is saved."""
    customer = None if filters.customer is None else by_username(filters.customer)
    written = mails.preview(filters.kind, customer=customer, actor=request.actor, now=request.now)
    return MailPreview(kind=filters.kind, subject=written.subject, body=written.body)


@change(router, "/mails/{public:number}/send-again", 200, MailOut, MailNotFound, WrongState)
def send_mail_again(request: ApiRequest, number: str, body: NothingSent) -> MailOut:
    """Send a mail once more that did not go, or may not have."""
    mail = queries.mail_by_number(number)
    mails.send_again(mail.pk, actor=request.actor, now=request.now)
    return told(queries.mail_by_number(number))


@change(router, "/mails/{public:number}/leave", 200, MailOut, MailNotFound, WrongState)
def leave_mail(request: ApiRequest, number: str, body: NothingSent) -> MailOut:
    """Decide that a mail which did not go, or may not have, is not sent again."""
    mail = queries.mail_by_number(number)
    mails.leave(mail.pk, actor=request.actor, now=request.now)
    return told(queries.mail_by_number(number))
