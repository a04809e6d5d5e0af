"""Credits, and what a checkout does with them: spend, or hold first and capture or release later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from ninja import Query, Router
from pydantic import BaseModel, Field, StrictBool

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
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
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.common.numbering import public_number, row_id
from tillbook.credit import holds, queries, services
from tillbook.credit.holds import HoldState
from tillbook.credit.models import Credit
from tillbook.credit.services import (
    CreditExpired,
    CreditNotFound,
    CreditNotRefundable,
    CurrencyMismatch,
    HoldNotFound,
    InsufficientCredit,
    LimitExceeded,
    MoreThanSpent,
    Part,
)
from tillbook.credit.terms import Left
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.events.models import Event
from tillbook.events.queries import of_key
from tillbook.ledger.book import AmountAboveHold, HoldAlreadyResolved
from tillbook.orders import checkout
from tillbook.orders.services import MoreThanOwing, OrderHasReturns

router = Router(tags=["Credit"])

Reason = Annotated[
    Line,
    Field(
        description="A code that the shop's settings have: GET /settings lists those in use.",
        examples=["goodwill"],
    ),
]


#: What spending and holding may be refused for.
_TAKING = (
    CustomerNotFound, CreditNotFound, InsufficientCredit, CreditExpired, CurrencyMismatch, MoreThanOwing,
    WrongState,
)  # fmt: skip


class CreditOut(BaseModel):
    """A credit. `available` is what can be used now; `held` is in refunds and checkouts under way."""

    number: str = Field(examples=["CR-1042"])
    customer: str
    source: str = Field(description="overpayment, return or manual", examples=["manual"])
    source_reference: str
    reason: str = Field(examples=["goodwill"])
    issued: Money
    available: Money
    held: Money = Field(examples=[NO_MONEY])
    refundable: bool
    issued_at: Moment
    expires_at: Moment | None
    note: str = Field(examples=[""])
    public_note: str


class CreditSent(Sent):
    """Credit to be given by hand."""

    customer: Line = Field(examples=["jo"])
    amount: MoneySent
    reason: Reason
    refundable: StrictBool | None = Field(
        None, description="May it be paid out? Left out or null: as the shop's policy and the reason have it."
    )
    expires_at: Moment | None = Field(
        None, description="Null: it never expires. Left out: as the shop's policy and the reason have it."
    )
    note: Text = ""
    public_note: Text = ""

    def terms(self) -> dict[str, Any]:
        """The terms as the service takes them."""
        named = "expires_at" in self.model_fields_set
        return {
            "refundable": Left.TO_SHOP if self.refundable is None else self.refundable,
            "expires_at": self.expires_at if named else Left.TO_SHOP,
        }


class CreditFilters(Paging):
    """Which credits: those of one customer, the newest first."""

    customer: Line = Field(examples=["jo"])


class CreditPart(BaseModel):
    """How much fell on which credit."""

    credit: str = Field(examples=["CR-1042"])
    amount: Money


class CreditChosen(Sent):
    """How much to take of which credit."""

    credit: Line = Field(examples=["CR-1042"])
    amount: MoneySent


class TakingSent(Sent):
    """Credit to be taken for `reference`: an order of this shop, or a document of another system.

    Without `credits` those that expire first go first, then the oldest.
    """

    customer: Line = Field(examples=["jo"])
    amount: MoneySent
    reference: Line = Field(examples=["SO-1042"])
    credits: list[CreditChosen] | None = Field(None, max_length=500)


class Spend(BaseModel):
    """Credit that was spent."""

    customer: str
    reference: str
    amount: Money
    credits: list[CreditPart]


class HoldOut(BaseModel):
    """Credit set aside. It lasts until it is captured or released."""

    number: str = Field(examples=["HO-1042"])
    customer: str
    reference: str
    amount: Money
    credits: list[CreditPart]
    held_at: Moment
    state: HoldState
    captured: Money | None = Field(examples=[None])


class CaptureSent(Sent):
    """How much of the hold to take; the rest is available again. Without `amount` all of it."""

    amount: MoneySent | None = Field(None, examples=[MONEY])


class Nothing(Sent):
    """No fields."""


class Expired(BaseModel):
    """How many credits expired."""

    credits: int = Field(examples=[3])


class RestoreSent(Sent):
    """Credit spent on `reference` that shall go back to the same credits; without `amount` all of it."""

    customer: Line = Field(examples=["jo"])
    reference: Line = Field(examples=["SO-1042"])
    currency: Currency
    amount: MoneySent | None = None


def told(credit: Credit) -> CreditOut:
    account = credit.account
    return CreditOut(
        number=credit.number, customer=credit.customer.username, source=credit.source,
        source_reference=credit.source_reference, reason=credit.reason,
        issued=Money.of(credit.issued_minor, credit.currency),
        available=Money.of(account.available_minor, credit.currency),
        held=Money.of(account.held_minor, credit.currency), refundable=credit.refundable,
        issued_at=credit.issued_at, expires_at=credit.expires_at, note=credit.note,
        public_note=credit.public_note,
    )  # fmt: skip


@read(router, "/credits", Page[CreditOut], CustomerNotFound)
def list_credits(request: ApiRequest, filters: Query[CreditFilters]) -> Page[CreditOut]:
    """A customer's credits, the newest first."""
    customer = customers.by_username(filters.customer)
    before = stood_at(filters.cursor, lambda cursor: queries.by_number(cursor).id)
    rows = queries.page_of_credits(customer.pk, before=before, limit=filters.limit + 1)
    return page(rows, filters.limit, told, lambda row: row.number)


@change(router, "/credits", 201, CreditOut, CustomerNotFound, LimitExceeded, CreditNotRefundable)
def give_credit(request: ApiRequest, body: CreditSent) -> CreditOut:
    """Give credit by hand."""
    given = services.give(
        customer_id=customers.id_of(body.customer), amount=body.amount.value(),
        reason=body.reason, **body.terms(), note=body.note, public_note=body.public_note,
        key=request.key, actor=request.actor, now=request.now,
    )  # fmt: skip
    return told(queries.by_number(given.number))


@change(router, "/credits:expire", 200, Expired, in_parts=True)
def expire_credits(request: ApiRequest, body: Nothing) -> Expired:
    """Expire what is available of every credit whose time is over, as `tillbook expire` does each day."""
    return Expired(credits=services.expire_due(actor=request.actor, now=request.now))


@read(router, "/credits/{public:number}", CreditOut, CreditNotFound)
def get_credit(request: ApiRequest, number: str) -> CreditOut:
    """One credit."""
    return told(queries.by_number(number))


@change(router, "/spends", 201, Spend, *_TAKING, shared=True)
def spend_credit(request: ApiRequest, body: TakingSent) -> Spend:
    """Pay with credit at once."""
    amount = body.amount.value()
    parts = checkout.spend(
        customer_id=customers.id_of(body.customer), amount=amount, reference=body.reference,
        credits=chosen(body), key=request.key, beside=request.claim, actor=request.actor, now=request.now,
    )  # fmt: skip
    return Spend(
        customer=body.customer, reference=body.reference,
        amount=Money.of(amount.minor, amount.currency), credits=parts_told(parts, amount.currency),
    )  # fmt: skip


@change(router, "/holds", 201, HoldOut, *_TAKING, shared=True)
def hold_credit(request: ApiRequest, body: TakingSent) -> HoldOut:
    """Set credit aside: it is no longer available, and not yet gone."""
    customer_id = customers.id_of(body.customer)
    amount = body.amount.value()
    parts = checkout.hold(
        customer_id=customer_id, amount=amount, reference=body.reference,
        credits=chosen(body), key=request.key, beside=request.claim, actor=request.actor, now=request.now,
    )  # fmt: skip
    event = of_key(customer_id, request.key)
    assert event is not None  # the hold wrote it
    # Not as it stands by now: a repetition hears what the first one did.
    return HoldOut(
        number=public_number("HO", event.pk), customer=body.customer, reference=body.reference,
        amount=Money.of(amount.minor, amount.currency), credits=parts_told(parts, amount.currency),
        held_at=event.recorded_at, state="held", captured=None,
    )  # fmt: skip


@read(router, "/holds/{public:number}", HoldOut, HoldNotFound)
def get_hold(request: ApiRequest, number: str) -> HoldOut:
    """One hold, as it stands."""
    return _told_hold(holds.beginning_of(number))


@change(
    router,
    "/holds/{public:number}/capture",
    200,
    HoldOut,
    HoldNotFound,
    HoldAlreadyResolved,
    AmountAboveHold,
    CurrencyMismatch,
    WrongState,
    shared=True,
)
def capture_hold(request: ApiRequest, number: str, body: CaptureSent) -> HoldOut:
    """End a hold: its amount, or the part given, is gone. The rest is available again."""
    event = holds.beginning_of(number)
    amount = None if body.amount is None else body.amount.value()
    checkout.capture(
        **_place(event), amount=amount, key=request.key, beside=request.claim, actor=request.actor,
        now=request.now,
    )  # fmt: skip
    return _told_hold(event)


@change(
    router, "/holds/{public:number}/release", 200, HoldOut, HoldNotFound, HoldAlreadyResolved, shared=True
)
def release_hold(request: ApiRequest, number: str, body: Nothing) -> HoldOut:
    """End a hold: all of it is available again."""
    event = holds.beginning_of(number)
    checkout.release(
        **_place(event), key=request.key, beside=request.claim, actor=request.actor, now=request.now
    )
    return _told_hold(event)


@change(
    router, "/restores", 201, Spend, CustomerNotFound, MoreThanSpent, OrderHasReturns, CurrencyMismatch,
    WrongState,
)  # fmt: skip
def restore_credit(request: ApiRequest, body: RestoreSent) -> Spend:
    """Give back what credit paid, to the same credits."""
    parts = checkout.restore(
        customer_id=customers.id_of(body.customer), currency=body.currency, reference=body.reference,
        amount=None if body.amount is None else body.amount.value(), key=request.key,
        actor=request.actor, now=request.now,
    )  # fmt: skip
    return Spend(
        customer=body.customer, reference=body.reference,
        amount=Money.of(sum(part.amount_minor for part in parts), body.currency),
        credits=parts_told(parts, body.currency),
    )  # fmt: skip


def chosen(body: TakingSent) -> Mapping[int, int] | None:
    """{credit id: minor units}, as the services take a choice."""
    if body.credits is None:
        return None
    found: dict[int, int] = {}
    for each in body.credits:
        credit_id = row_id("CR", each.credit)
        if credit_id is None or credit_id in found:
            raise InvalidInput("Name each credit once, like CR-1042.", field="credits")
        if each.amount.currency != body.amount.currency:
            raise InvalidInput("All amounts must be in one currency.", field="credits")
        found[credit_id] = each.amount.value("credits").minor
    return found


def parts_told(parts: Sequence[Part], currency: str) -> list[CreditPart]:
    """The parts as the API tells them."""
    return [
        CreditPart(credit=public_number("CR", part.credit_id), amount=Money.of(part.amount_minor, currency))
        for part in parts
    ]


def _place(event: Event) -> dict[str, Any]:
    """Whose hold it is, and its key, as the services ask for them."""
    return {"customer_id": event.customer_id, "hold_key": event.key}


def _told_hold(event: Event) -> HoldOut:
    hold = holds.hold_begun_by(event)
    total = sum(part.amount_minor for part in hold.parts)
    captured = hold.captured_minor
    return HoldOut(
        number=public_number("HO", event.pk), customer=customers.username_of(event.customer_id or 0),
        reference=hold.reference, amount=Money.of(total, hold.currency),
        credits=parts_told(hold.parts, hold.currency), held_at=event.recorded_at, state=hold.state,
        captured=Money.of(captured, hold.currency) if captured else None,
    )  # fmt: skip
