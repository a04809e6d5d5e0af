"""Orders of the past, taken over in batches: placed and paid in full long ago.

An order taken over twice is found by its number and its key, and written once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import transaction

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, check_currency
from tillbook.common.statements import Insert
from tillbook.credit import services as credit
from tillbook.events.queries import contents_of_keys
from tillbook.events.services import NewEvent, check_key, content_of, record_many
from tillbook.orders.models import Order, OrderLine, Payment

_ROWS_A_STATEMENT = 5_000
_LINE = {
    "order_id": "bigint", "position": "int", "sku": "text", "description": "text", "quantity": "int",
    "amount_minor": "bigint", "returned_quantity": "int", "returned_minor": "bigint",
}  # fmt: skip


class SoldLine(NamedTuple):
    """A line of an order of the past; `amount_minor` is of the whole line."""

    sku: str
    description: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """An order that was placed, and paid in full, at `placed_at`."""

    number: str
    customer_id: int
    currency: str
    placed_at: datetime
    lines: Sequence[SoldLine]
    key: str

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def content(self) -> str:
        return content_of(
            "order.taken_over",
            number=self.number,
            currency=self.currency,
            placed_at=self.placed_at,
            lines=list(self.lines),
        )


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What a batch did, by document number."""

    written: frozenset[str]
    repeated: frozenset[str]  # here already, with the same content
    different: frozenset[str]  # here already, with other content; left as it is


@dataclass(frozen=True, slots=True)
class PastClaim:
    """Goods of `sku` that came back at `returned_at`; `amount_minor` is what they are worth now."""

    customer_id: int
    currency: str
    sku: str
    quantity: int
    amount_minor: int
    returned_at: datetime


@transaction.atomic
def take_over_paid(orders: Sequence[PaidOrder], *, actor: Actor, now: datetime) -> TakenOver:
    """Write orders with their lines and one payment each, in a few statements.

    An order worth nothing has no payment. Raises InvalidInput for an order without lines.
    """
    actor.require(Permission.WORK_ORDERS)
    credit.lock_many((each.customer_id, check_currency(each.currency)) for each in orders)
    numbers = {each.number: each for each in orders}
    here = set(Order.objects.filter(number__in=numbers).values_list("number", flat=True))
    outcome = sort_out(numbers, here)
    fresh = [each for each in orders if each.number in outcome.written]
    for each in fresh:
        _check(each)
    rows = Order.objects.bulk_create((_order(each, now) for each in fresh), _ROWS_A_STATEMENT)
    _write_lines(rows, fresh)
    paid = [row for row in rows if row.total_minor]
    Payment.objects.bulk_create((_payment(row, actor, now) for row in paid), _ROWS_A_STATEMENT)
    record_many([_placed(each) for each in fresh], actor=actor, now=now)
    record_many([_received(each) for each in fresh if each.total_minor], actor=actor, now=now)
    return outcome


class PastDocument(Protocol):
    """A document of the past as far as finding it again needs."""

    @property
    def customer_id(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def content(self) -> str: ...


def sort_out(documents: Mapping[str, PastDocument], here: Set[str]) -> TakenOver:
    """Which documents, by number, are new, and which of those `here` already are the same."""
    old = {number: each for number, each in documents.items() if number in here}
    contents = contents_of_keys((each.customer_id, each.key) for each in old.values())
    same = {
        number for number, each in old.items() if contents.get((each.customer_id, each.key)) == each.content
    }
    return TakenOver(
        written=frozenset(documents.keys() - here),
        repeated=frozenset(same),
        different=frozenset(old.keys() - same),
    )


def _check(order: PaidOrder) -> None:
    check_key(order.key)
    if not order.lines:
        raise InvalidInput(f"Order {order.number} has no lines.", field="lines")
    if any(line.quantity < 1 or line.amount_minor < 0 for line in order.lines):
        raise InvalidInput(
            f"Order {order.number} has a line without a quantity, or with an amount below zero.",
            field="lines",
        )


def _order(order: PaidOrder, now: datetime) -> Order:
    return Order(
        number=order.number,
        customer_id=order.customer_id,
        currency=order.currency,
        paid_status=Order.PaidStatus.FULLY_PAID,
        total_minor=order.total_minor,
        received_minor=order.total_minor,
        placed_at=order.placed_at,
        created_at=now,
    )


def _write_lines(rows: Sequence[Order], orders: Sequence[PaidOrder]) -> None:
    """Nine rows in ten of an import are lines: they go past the model, straight to the table."""
    lines = [
        (row.pk, position, *line, 0, 0)
        for row, order in zip(rows, orders, strict=True)
        for position, line in enumerate(order.lines, start=1)
    ]
    statements.write([Insert("orders_orderline", _LINE, lines)])


def _payment(order: Order, actor: Actor, now: datetime) -> Payment:
    return Payment(
        order=order,
        customer_id=order.customer_id,
        amount_minor=order.total_minor,
        method=Payment.Method.OTHER,
        reference=order.number,
        received_at=order.placed_at,
        recorded_at=now,
        recorded_by=actor.name,
    )


def _placed(order: PaidOrder) -> NewEvent:
    return NewEvent(
        "order.placed",
        order.number,
        order.customer_id,
        key=order.key,
        content=order.content,
        data={
            "total": str(Money(order.total_minor, order.currency)),
            "placed_at": order.placed_at.isoformat(),
        },
    )


def _received(order: PaidOrder) -> NewEvent:
    return NewEvent(
        "payment.received",
        order.number,
        order.customer_id,
        data={
            "amount": str(Money(order.total_minor, order.currency)),
            "received_at": order.placed_at.isoformat(),
        },
    )


@transaction.atomic
def claim_latest(claims: Sequence[PastClaim], *, actor: Actor) -> list[OrderLine | None]:
    """For each claim, the line it is taken from: of the latest order before it that has enough left.

    Enough means pieces and money, on the line and on its order (R7), earlier claims of the
    batch counted. None where no order has it. Lines come with their order.
    """
    actor.require(Permission.WORK_RETURNS)
    credit.lock_many((each.customer_id, check_currency(each.currency)) for each in claims)
    candidates = _candidates(claims)
    chosen = [
        _claim(each, candidates.get((each.customer_id, each.currency, each.sku), ())) for each in claims
    ]
    lines = {line.pk: line for line in chosen if line is not None}
    orders = {line.order_id: line.order for line in lines.values()}
    OrderLine.objects.bulk_update(lines.values(), ["returned_quantity", "returned_minor"], 500)
    Order.objects.bulk_update(orders.values(), ["returned_minor"], 500)
    return chosen


def _candidates(claims: Sequence[PastClaim]) -> Mapping[tuple[int, str, str], Sequence[OrderLine]]:
    """The customers' lines of the claimed goods, latest order first, by customer, currency and sku.

    Lines of one order share one Order object, so that its sum of returns is counted once.
    """
    rows = (
        OrderLine.objects.filter(
            order__customer_id__in={each.customer_id for each in claims},
            order__status=Order.Status.OPEN,
            sku__in={each.sku for each in claims},
        )
        .select_related("order")
        .order_by("-order__placed_at", "-order_id", "position")
    )
    orders: dict[int, Order] = {}
    found: dict[tuple[int, str, str], list[OrderLine]] = defaultdict(list)
    for line in rows:
        line.order = orders.setdefault(line.order_id, line.order)
        found[line.order.customer_id, line.order.currency, line.sku].append(line)
    return found


def _claim(claim: PastClaim, lines: Sequence[OrderLine]) -> OrderLine | None:
    for line in lines:
        order = line.order
        if (
            order.placed_at < claim.returned_at
            and line.quantity - line.returned_quantity >= claim.quantity
            and line.amount_minor - line.returned_minor >= claim.amount_minor
            and order.paid_minor - order.returned_minor >= claim.amount_minor
        ):
            line.returned_quantity += claim.quantity
            line.returned_minor += claim.amount_minor
            order.returned_minor += claim.amount_minor
            return line
    return None
