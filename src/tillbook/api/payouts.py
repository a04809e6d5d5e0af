"""Payouts: refunds in a file for the bank; and the accounts of the shop that they are paid from."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, Field, StringConstraints

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, document, read
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
    page,
    stood_at,
)
from tillbook.common.actor import Permission
from tillbook.common.errors import WrongState
from tillbook.payouts import queries, services
from tillbook.payouts.instructions import NotForThisFile
from tillbook.payouts.models import Payout, Source
from tillbook.payouts.services import NothingToPay, PayoutNotFound, SourceNotFound, SourceTaken
from tillbook.refunds.accounts import mask
from tillbook.refunds.approvals import ApprovalMissing
from tillbook.refunds.backing import SourceNotBacked
from tillbook.refunds.in_payout import NotReady
from tillbook.refunds.services import SelfCompletion
from tillbook.refunds.state import RefundNotFound

router = Router(tags=["Payouts"])

Format = Literal["aba", "pain001", "nacha", "bacs18", "csv", "xlsx"]


class SourceOut(BaseModel):
    """An account of the shop that refunds are paid from."""

    name: str = Field(examples=["Main"])
    currency: Currency
    holder: str = Field(examples=["Mill Lane Goods"])
    bank_account: str = Field(description="Its last characters.", examples=["•••••••••••123"])
    user_id: str = Field(examples=["301500"])
    bank: str = Field(examples=["CBA"])


class SourceSent(Sent):
    """An account to be added. Which of `user_id` and `bank` a format needs: docs/payouts.md."""

    name: Annotated[Line, StringConstraints(max_length=60)] = Field(examples=["Main"])
    currency: Currency
    holder: Annotated[Line, StringConstraints(max_length=70)] = Field(examples=["Mill Lane Goods"])
    bank_account: Annotated[Line, StringConstraints(max_length=60)] = Field(examples=["062-000 12223123"])
    user_id: Annotated[Line, StringConstraints(max_length=20)] = Field("", examples=["301500"])
    bank: Annotated[Line, StringConstraints(max_length=40)] = Field("", examples=["CBA"])


class PayoutOut(BaseModel):
    """Refunds in one file. It is made once and kept; its digest is the file's SHA-256."""

    number: str = Field(examples=["PO-1042"])
    status: Literal["made", "cancelled"]
    format: Format
    source: str = Field(examples=["Main"])
    total: Money
    refunds: int = Field(examples=[12])
    pay_on: Day
    made_by: str = Field(examples=["bob"])
    made_at: Moment
    cancelled_at: Moment | None = Field(examples=[None])
    digest: str


class PayoutItem(BaseModel):
    """A refund in it, and its state now."""

    refund: str = Field(examples=["RF-1042"])
    amount: Money
    status: Literal["requested", "approved", "completed", "declined", "failed"]


class PayoutWithItems(PayoutOut):
    """A payout and what is in it."""

    items: list[PayoutItem]


class PayoutSent(Sent):
    """A payout to be made: of the `refunds` named, or without them of all that are ready."""

    source: Line = Field(examples=["Main"])
    format: Format
    pay_on: Day
    refunds: list[Line] | None = Field(None, min_length=1, max_length=10_000, examples=[["RF-1042"]])


class CancelSent(Sent):
    """Why the file does not count."""

    reason: Annotated[Text, StringConstraints(max_length=1_000)] = Field(examples=["The bank refused it."])


def _source_told(source: Source) -> SourceOut:
    return SourceOut(
        name=source.name, currency=source.currency, holder=source.holder, user_id=source.user_id,
        bank_account=mask(source.bank_account), bank=source.bank,
    )  # fmt: skip


def told(payout: Payout) -> PayoutOut:
    return PayoutOut.model_validate(
        {
            "number": payout.number,
            "status": payout.status,
            "format": payout.format,
            "source": payout.source.name,
            "total": Money.of(payout.total_minor, payout.currency),
            "refunds": payout.refunds,
            "pay_on": payout.pay_on,
            "made_by": payout.made_by,
            "made_at": payout.made_at,
            "cancelled_at": payout.cancelled_at,
            "digest": payout.digest,
        }
    )


def _whole(payout: Payout) -> PayoutWithItems:
    items = [
        PayoutItem.model_validate(
            {
                "refund": item.refund.number,
                "amount": Money.of(item.amount_minor, payout.currency),
                "status": item.refund.status,
            }
        )
        for item in queries.items_of(payout)
    ]
    return PayoutWithItems(**dict(told(payout)), items=items)


@read(router, "/sources", Page[SourceOut], permission=Permission.MAKE_PAYOUTS)
def list_sources(request: ApiRequest) -> Page[SourceOut]:
    """The accounts of the shop that refunds are paid from."""
    return Page(items=[_source_told(each) for each in queries.sources()], next_cursor=None)


@change(router, "/sources", 201, SourceOut, SourceTaken)
def add_source(request: ApiRequest, body: SourceSent) -> SourceOut:
    """Add an account to pay from."""
    source = services.add_source(**body.model_dump(), actor=request.actor, now=request.now)
    return _source_told(source)


@read(router, "/payouts", Page[PayoutOut], permission=Permission.MAKE_PAYOUTS)
def list_payouts(request: ApiRequest, filters: Query[Paging]) -> Page[PayoutOut]:
    """Payouts, the newest first."""
    before = stood_at(filters.cursor, lambda cursor: services.get(cursor).pk)
    return page(
        queries.page(before=before, limit=filters.limit + 1), filters.limit, told, lambda row: row.number
    )


@change(
    router,
    "/payouts",
    201,
    PayoutWithItems,
    SourceNotFound,
    RefundNotFound,
    NotReady,
    NotForThisFile,
    NothingToPay,
    ApprovalMissing,
    SelfCompletion,
    SourceNotBacked,
)
def create_payout(request: ApiRequest, body: PayoutSent) -> PayoutWithItems:
    """Put refunds into one file for the bank. A refund named that can't go refuses the whole."""
    payout = services.make(
        source=body.source, format=body.format, numbers=body.refunds, pay_on=body.pay_on, key=request.key,
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return _whole(payout)


@read(router, "/payouts/{public:number}", PayoutWithItems, PayoutNotFound, permission=Permission.MAKE_PAYOUTS)
def get_payout(request: ApiRequest, number: str) -> PayoutWithItems:
    """One payout, and the state of each refund in it."""
    return _whole(services.get(number))


@change(router, "/payouts/{public:number}/cancel", 200, PayoutWithItems, PayoutNotFound, WrongState)
def cancel_payout(request: ApiRequest, number: str, body: CancelSent) -> PayoutWithItems:
    """The file did not go to the bank: its refunds wait again."""
    return _whole(services.cancel(number, reason=body.reason, actor=request.actor, now=request.now))


@document(router, "/payouts/{public:number}/file", "application/octet-stream", PayoutNotFound, WrongState)
def get_file(request: ApiRequest, number: str) -> HttpResponse:
    """The file for the bank, the same bytes every time. The history keeps who took it."""
    file = services.take_file(number, actor=request.actor, now=request.now)
    payout = services.get(number)
    name = f"{payout.number}.{services.ENDINGS[payout.format]}"
    return HttpResponse(file, headers={"Content-Disposition": f'attachment; filename="{name}"'})
