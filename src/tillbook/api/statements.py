"""Bank statements that were read, and what each entry did."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.shapes import (
    Currency,
    Day,
    Line,
    Moment,
    Money,
    Page,
    Paging,
    Sent,
    page,
    stood_at,
)
from tillbook.common.actor import Permission
from tillbook.payouts import matching, queries
from tillbook.payouts.entries import UnreadableStatement
from tillbook.payouts.matching import StatementNotFound
from tillbook.payouts.models import Booking, Statement
from tillbook.payouts.statements.columns import columns_of

router = Router(tags=["Payouts"])


class StatementOut(BaseModel):
    """A statement that was read."""

    number: str = Field(examples=["ST-1042"])
    name: str = Field(examples=["2026-12-04.xml"])
    format: Literal["camt053", "mt940", "csv"]
    read_by: str = Field(examples=["bob"])
    read_at: Moment


class BookingOut(BaseModel):
    """An entry. Its amount is below zero where money left the account."""

    booked_on: Day
    amount: Money
    text: str = Field(examples=["RF-1042"])
    outcome: Literal["paid", "received", "came_back", "known", "differs", "unmatched"]
    problem: str = Field(examples=[""])
    refund: str | None = Field(examples=["RF-1042"])


class StatementWithBookings(StatementOut):
    """A statement, and what it did that no statement before it had done."""

    bookings: list[BookingOut]


class ColumnsSent(Sent):
    """Which column of a csv statement says what: `amount`, or `debit` and `credit`."""

    date: Line = Field(examples=["Date"])
    reference: Line = Field(description="One column, or several with commas.", examples=["Details"])
    amount: Line = Field("", examples=["Amount"])
    debit: Line = Field("", examples=[""])
    credit: Line = Field("", examples=[""])
    name: Line = ""
    account: Line = ""
    id: Line = ""
    cheque: Line = ""
    date_format: Annotated[Line, StringConstraints(max_length=40)] = "%Y-%m-%d"
    decimal: Literal[".", ","] = "."


class StatementSent(Sent):
    """A statement to be read: the file's text. A csv needs its columns and its currency."""

    name: Line = Field(examples=["2026-12-04.xml"])
    format: Literal["camt053", "mt940", "csv"]
    content: Annotated[str, StringConstraints(max_length=20_000_000)] = Field(
        examples=["Date,Details,Amount\n2026-12-04,RF-1042,-12.34\n"]
    )
    columns: ColumnsSent | None = None
    currency: Currency | None = Field(None, examples=["AUD"])


def _told(statement: Statement) -> StatementOut:
    return StatementOut.model_validate(
        {
            "number": statement.number,
            "name": statement.name,
            "format": statement.format,
            "read_by": statement.read_by,
            "read_at": statement.read_at,
        }
    )


def _whole(statement: Statement) -> StatementWithBookings:
    bookings = [_booking(each) for each in queries.bookings_of(statement)]
    return StatementWithBookings(**dict(_told(statement)), bookings=bookings)


def _booking(booking: Booking) -> BookingOut:
    return BookingOut.model_validate(
        {
            "booked_on": booking.booked_on,
            "amount": Money.of(booking.minor, booking.currency),
            "text": booking.text,
            "outcome": booking.outcome,
            "problem": booking.problem,
            "refund": None if booking.refund is None else booking.refund.number,
        }
    )


@read(router, "/statements", Page[StatementOut], permission=Permission.MAKE_PAYOUTS)
def list_statements(request: ApiRequest, filters: Query[Paging]) -> Page[StatementOut]:
    """Statements that were read, the newest first."""
    before = stood_at(filters.cursor, lambda cursor: matching.get(cursor).pk)
    rows = queries.page_of_statements(before=before, limit=filters.limit + 1)
    return page(rows, filters.limit, _told, lambda row: row.number)


@change(router, "/statements", 201, StatementWithBookings, UnreadableStatement, in_parts=True)
def read_statement(request: ApiRequest, body: StatementSent) -> StatementWithBookings:
    """Read a statement: what was paid is completed, what came back is credit again, once."""
    layout = None
    if body.columns is not None:
        named = body.columns.model_dump(exclude={"date_format", "decimal"})
        layout = columns_of(
            {name: column for name, column in named.items() if column},
            date_format=body.columns.date_format, decimal=body.columns.decimal,
        )  # fmt: skip
    statement = matching.read_statement(
        body.content.encode(), name=body.name, format=body.format, layout=layout,
        currency=body.currency or "", actor=request.actor, now=request.now,
    )  # fmt: skip
    return _whole(statement)


@read(
    router, "/statements/{public:number}", StatementWithBookings, StatementNotFound,
    permission=Permission.MAKE_PAYOUTS,
)  # fmt: skip
def get_statement(request: ApiRequest, number: str) -> StatementWithBookings:
    """One statement, and what it did."""
    return _whole(matching.get(number))
