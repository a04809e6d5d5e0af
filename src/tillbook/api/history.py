"""What happened: the transfers of a customer's credits, and the events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import read
from tillbook.api.shapes import (
    Line,
    Moment,
    Money,
    Page,
    Paging,
    foreign_cursor,
    page,
)
from tillbook.common.errors import NotFound
from tillbook.common.numbering import public_number, row_id
from tillbook.credit import queries as credit
from tillbook.credit.services import CreditNotFound
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.delivery.messages import changes_of, data_of
from tillbook.events import queries as events
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.staff.queries import names_of

router = Router(tags=["History"])

_LARGEST_ID = 2**63 - 1


class TransferOut(BaseModel):
    """One line of a credit. `posted` and `held` are what stood on the credit after it."""

    credit: str = Field(examples=["CR-1042"])
    seq: int = Field(description="Its place on the credit: 1, 2, 3 …")
    kind: Literal["post", "hold", "capture", "release"]
    inward: bool = Field(description="The credit grew by it. A hold or capture is outward, a release inward.")
    house: str = Field(description="The shop's side: receipts, orders, payouts …", examples=["orders"])
    amount: Money
    reason: str = Field(examples=[""])
    reference: str
    key: str = Field(examples=["api:4:spend-credit-1042"])
    actor: str = Field(examples=["ann"])
    effective_at: Moment
    recorded_at: Moment
    posted: Money
    held: Money


class TransferFilters(Paging):
    """Whose transfers: all, those of one credit, or those that name one document; the oldest first."""

    customer: Line = Field(examples=["jo"])
    credit: Line | None = None
    reference: Line | None = None
    cursor: Line | None = Field(
        None, description="The `next_cursor` of the page before.", examples=["CR-1042/3"]
    )


class ChangeOut(BaseModel):
    """What a field was before, and after."""

    name: str = Field(examples=["email"])
    before: Any = Field(examples=[""])
    after: Any = Field(examples=["jo@example.com"])


class EventOut(BaseModel):
    """What happened, to whom, by whom. A webhook sends the same, without notes, origin and values before."""

    id: str = Field(examples=["EV-1042"])
    action: str = Field(examples=["refund.requested"])
    customer: str | None
    subject: str = Field(description="The number or username it happened to.", examples=["RF-1042"])
    reason: str = Field(examples=[""])
    note: str
    public_note: str
    details: dict[str, Any] = Field(examples=[{"amount": {"amount": "12.34", "currency": "AUD"}}])
    changed: list[ChangeOut]
    actor: str
    origin: str = Field(examples=["api 192.0.2.7"])
    recorded_at: Moment


class EventFilters(Paging):
    """Which events, the newest first."""

    customer: Line | None = None
    subject: Line | None = None
    action: Line | None = None
    cursor: Annotated[int, Field(ge=1, le=_LARGEST_ID)] | None = Field(  # type: ignore[assignment]
        None, description="The `next_cursor` of the page before."
    )


@read(router, "/transfers", Page[TransferOut], CustomerNotFound, CreditNotFound)
def list_transfers(request: ApiRequest, filters: Query[TransferFilters]) -> Page[TransferOut]:
    """The transfers of a customer's credits, the oldest first; those of one credit in its own order."""
    customer = customers.by_username(filters.customer)
    credit_id = _credit_id(customer.pk, filters.credit)
    try:
        rows = credit.page_of_transfers(
            customer.pk, credit_id=credit_id, reference=filters.reference,
            after=_place(filters.cursor), limit=filters.limit + 1,
        )  # fmt: skip
    except NotFound:  # all else that it could miss is found already
        raise foreign_cursor() from None
    names = names_of({row.actor for row, _ in rows})
    return page(rows, filters.limit, lambda row: _told(row[0], row[1], names), lambda row: _name(row[0]))


def _credit_id(customer_id: int, number: str | None) -> int | None:
    if number is None:
        return None
    found = credit.by_number(number)
    if found.customer_id != customer_id:
        raise CreditNotFound(f"The customer has no credit {number}.", field="credit")
    return found.id


def _place(cursor: str | None) -> tuple[int, int] | None:
    """(credit's id, seq) of the transfer that a cursor names."""
    if cursor is None:
        return None
    number, _, seq = cursor.partition("/")
    credit_id = row_id("CR", number)
    if credit_id is None or not (seq.isascii() and seq.isdecimal() and len(seq) < len(str(2**31))):
        raise foreign_cursor()
    return credit_id, int(seq)


def _name(row: Transfer) -> str:
    return f"{public_number('CR', row.account_id)}/{row.seq}"


def _told(row: Transfer, currency: str, names: dict[str, str]) -> TransferOut:
    return TransferOut.model_validate(
        {
            "credit": public_number("CR", row.account_id),
            "amount": Money.of(row.amount_minor, currency),
            "actor": names.get(row.actor, row.actor),
            "posted": Money.of(row.posted_minor, currency),
            "held": Money.of(row.held_minor, currency),
            **{
                name: getattr(row, name)
                for name in ("seq", "kind", "inward", "house", "reason", "reference", "key")
            },
            "effective_at": row.effective_at,
            "recorded_at": row.recorded_at,
        }
    )


@read(router, "/events", Page[EventOut], CustomerNotFound)
def list_events(request: ApiRequest, filters: Query[EventFilters]) -> Page[EventOut]:
    """What happened to customers and their documents, the newest first."""
    customer = None if filters.customer is None else customers.by_username(filters.customer)
    rows = events.page_of_events(
        customer_id=None if customer is None else customer.pk, subject=filters.subject, action=filters.action,
        before=filters.cursor, limit=filters.limit + 1,
    )  # fmt: skip
    names = customers.usernames_of({row.customer_id for row in rows if row.customer_id is not None})
    return page(rows, filters.limit, lambda row: _event(row, names), lambda row: str(row.pk))


def _event(event: Event, names: dict[int, str]) -> EventOut:
    told = data_of(event, names.get(event.customer_id or 0))
    changes = [ChangeOut(name=name, before=before, after=after) for name, before, after in changes_of(event)]
    return EventOut.model_validate({**told, "note": event.note, "origin": event.origin, "changed": changes})
