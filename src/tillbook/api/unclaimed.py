"""Refunds whose money nobody has yet: listed by age, marked as received, cancelled back to credit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from tillbook.api import problems
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import batch, change, read
from tillbook.api.problems import Problem
from tillbook.api.refund_shapes import Method, RefundWithCredits, told_whole
from tillbook.api.shapes import (
    Currency,
    Day,
    Line,
    Moment,
    Money,
    Page,
    Paging,
    Sent,
    Text,
    foreign_cursor,
    page,
)
from tillbook.common.errors import InvalidInput, PermissionDenied, Refusal, WrongState
from tillbook.common.numbering import row_id
from tillbook.credit.basis import View, basis_at, day_end
from tillbook.ledger.book import micros
from tillbook.refunds import ageing, queries, receipt, unclaimed
from tillbook.refunds.ageing import Unclaimed
from tillbook.refunds.receipt import ChequeTaken, NotOut
from tillbook.refunds.state import InPayout, InSending, RefundNotFound
from tillbook.refunds.unclaimed import NotStale
from tillbook.shop.policies import shop

router = Router(tags=["Refunds"])

MOST = 1_000

Note = Annotated[Text, StringConstraints(max_length=1_000)]


class UnclaimedOut(BaseModel):
    """A refund whose payee has nothing yet: `out` was paid, `waiting` is unpaid, `at_bank` is in a payout.

    Or, `at_bank` too, it was sent through its gateway, which has not told its end.
    """

    refund: str = Field(examples=["RF-1042"])
    customer: str = Field(examples=["jo"])
    state: Literal["out", "at_bank", "waiting"]
    method: Method
    cheque_number: str = Field(examples=["123"])
    since: Moment = Field(description="When it was paid; where it was not, when it was asked for.")
    days: int = Field(examples=[97])
    stale: bool = Field(description="Whether it may be cancelled back to credit today.")
    amount: Money


class UnclaimedFilters(Paging):
    """Which of them, by currency, those that wait longest first."""

    as_of: Day | None = Field(None, description="As of the end of that day. Left out: now.")
    currency: Currency | None = None
    stale: bool = Field(False, description="Only those that may be cancelled back to credit today.")


class ReceiptSent(Sent):
    """Since when the payee has the money."""

    received_on: Day | None = Field(None, description="Left out: today.", examples=["2026-12-04"])


class ChequeSent(Sent):
    """Which cheque pays a refund."""

    cheque_number: Line = Field(description="Digits. Leading zeros don't count.", examples=["000123"])


class StaleSent(Sent):
    """Why nobody waits for it any longer: for the history, never for the customer."""

    note: Note = Field("", examples=["Stopped at the bank."])


class StaleItem(StaleSent):
    """A stale refund to be cancelled."""

    refund: Line = Field(examples=["RF-1042"])


class StaleBatch(Sent):
    """Stale refunds to be cancelled."""

    items: list[StaleItem] = Field(max_length=MOST)


class StaleOutcome(BaseModel):
    """What became of one item: its amount is credit again, or the problem that refused it."""

    refund: str
    status: int = Field(examples=[200])
    problem: Problem | None = Field(default=None, examples=[None])


class StaleOutcomes(BaseModel):
    """An outcome for each item, in their order."""

    outcomes: list[StaleOutcome]


@read(router, "/unclaimed", Page[UnclaimedOut], InvalidInput)
def list_unclaimed(request: ApiRequest, filters: Query[UnclaimedFilters]) -> Page[UnclaimedOut]:
    """Refunds whose money nobody has: cheques not presented, cash not collected, what nobody paid."""
    as_of = request.now if filters.as_of is None else day_end(filters.as_of)
    basis = basis_at(as_of, view=View.EFFECTIVE, recorded_by=None, now=request.now)
    before = unclaimed.stale_before(request.now)
    found = [
        _told(each, stale=stale)
        for each in ageing.as_of(basis, currency=filters.currency)
        if (stale := ageing.is_stale(each, before)) or not filters.stale
    ]
    if filters.cursor is not None:
        stood = _read_cursor(filters.cursor)
        found = [each for each in found if _place(each) > stood]
    return page(found, filters.limit, lambda each: each, lambda each: _cursor(_place(each)))


_Place = tuple[str, int, int]  # of a row in the list: its currency, microseconds since 1970, the refund's id


def _place(each: UnclaimedOut) -> _Place:
    return each.amount.currency, micros(each.since), row_id("RF", each.refund) or 0


def _cursor(place: _Place) -> str:
    """All that the list is sorted by: what was paid or received since may stand elsewhere, or nowhere."""
    return "-".join(map(str, place))


def _read_cursor(cursor: str) -> _Place:
    found = re.fullmatch(r"([A-Z]{3})-([0-9]{1,18})-([0-9]{1,18})", cursor, re.ASCII)
    if found is None:
        raise foreign_cursor()
    return found[1], int(found[2]), int(found[3])


def _told(each: Unclaimed, *, stale: bool) -> UnclaimedOut:
    refund = each.refund
    return UnclaimedOut.model_validate(
        {
            "refund": refund.number,
            "customer": refund.customer.username,
            "state": each.state.value,
            "method": each.method,
            "cheque_number": refund.cheque_number,
            "since": each.since,
            "days": each.days,
            "stale": stale,
            "amount": Money.of(refund.amount_minor, refund.currency),
        }
    )


@change(router, "/refunds/{public:number}/receive", 200, RefundWithCredits, RefundNotFound, NotOut)
def receive_refund(request: ApiRequest, number: str, body: ReceiptSent) -> RefundWithCredits:
    """Mark as presented, collected or claimed: the payee has the money of a completed refund."""
    today = request.now.astimezone(shop().time_zone).date()
    receipt.receive(
        queries.by_number(number).pk,
        received_on=body.received_on or today,
        actor=request.actor,
        now=request.now,
    )
    return told_whole(number, request.now)


@change(
    router, "/refunds/{public:number}/cheque", 200, RefundWithCredits, RefundNotFound, WrongState, ChequeTaken
)
def number_cheque(request: ApiRequest, number: str, body: ChequeSent) -> RefundWithCredits:
    """Say or correct which cheque pays a refund: a bank's statement then shows when it is presented."""
    receipt.number_cheque(
        queries.by_number(number).pk, cheque_number=body.cheque_number, actor=request.actor, now=request.now
    )
    return told_whole(number, request.now)


@change(
    router,
    "/refunds/{public:number}/cancel",
    200,
    RefundWithCredits,
    RefundNotFound,
    WrongState,
    NotOut,
    NotStale,
    InPayout,
    InSending,
)
def cancel_refund(request: ApiRequest, number: str, body: StaleSent) -> RefundWithCredits:
    """Cancel a stale refund: its amount is credit again, the same credits on the same terms."""
    unclaimed.cancel(queries.by_number(number).pk, note=body.note, actor=request.actor, now=request.now)
    return told_whole(number, request.now)


@batch(router, "/refunds:cancel", StaleOutcomes)
def cancel_refunds(request: ApiRequest, body: StaleBatch) -> StaleOutcomes:
    """Cancel up to 1,000 stale refunds. Each stands alone, and sent again each is cancelled once."""
    return StaleOutcomes(outcomes=list(_cancelled(request, body)))


def _cancelled(request: ApiRequest, body: StaleBatch) -> Iterator[StaleOutcome]:
    for item in body.items:
        try:
            refund = queries.by_number(item.refund)
            unclaimed.cancel(refund.pk, note=item.note, actor=request.actor, now=request.now)
        except PermissionDenied:
            raise
        except Refusal as refusal:
            problem = problems.told(refusal, item.model_dump())
            yield StaleOutcome(refund=item.refund, status=problem.status, problem=problem)
        else:
            yield StaleOutcome(refund=refund.number, status=200)
