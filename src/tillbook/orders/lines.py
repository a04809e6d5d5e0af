"""The lines of an order: checked, replaced by an edit, counted when some of them come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.checks import check_minor, check_text
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import MAX_MINOR, Money
from tillbook.credit import services as credit
from tillbook.events.services import NewEvent, content_of, record
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.queries import OrderNotFound

MAX_QUANTITY = 10**6


class BelowReturned(Refusal):
    """An edit would leave less on the order than already came back of it."""

    code = "below_returned"


class ReturnExceedsOrder(Refusal):
    """More would come back than was sold (R7)."""

    code = "return_exceeds_order"


class ReturnExceedsPaid(Refusal):
    """More would be given back than was paid for the order (R7)."""

    code = "return_exceeds_paid"


@dataclass(frozen=True, slots=True)
class LineInput:
    """A line as asked for; `amount_minor` is of the whole line. `line_id` names an existing one."""

    sku: str
    description: str
    quantity: int
    amount_minor: int
    line_id: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnClaim:
    """What comes back of one order line. Quantity 0: money back, the goods stay."""

    order_line_id: int
    quantity: int
    amount_minor: int


def locked_order(order_id: int) -> Order:
    """The order as it stands under its customer's lock. Raises OrderNotFound."""
    found = Order.objects.filter(pk=order_id).values_list("customer_id", "currency").first()
    if found is None:
        raise OrderNotFound(_("There is no such order."), field="order")
    credit.lock(*found)
    return Order.objects.get(pk=order_id)


def order_of_customer(order_id: int, customer_id: int) -> Order:
    """The order, if it is this customer's. Raises OrderNotFound otherwise."""
    order = Order.objects.filter(pk=order_id, customer_id=customer_id).first()
    if order is None:
        raise OrderNotFound(_("This customer has no such order."), field="order")
    return order


def record_on(
    order: Order, action: str, key: str, content: str, data: Mapping[str, Any], actor: Actor, now: datetime,
    note: str = "",
) -> None:  # fmt: skip
    """Write the event of a change of the order, under its key and the content of the request."""
    new = NewEvent(
        action, order.number, order.customer_id, key, content, note=note, data={"id": order.pk, **data}
    )
    record(new, actor=actor, now=now)


def refuse_if_cancelled(order: Order) -> None:
    """Raise WrongState for a cancelled order."""
    if order.status == Order.Status.CANCELLED:
        raise WrongState(_("Order %(number)s is cancelled.") % {"number": order.number})


def check_lines(lines: Sequence[LineInput]) -> None:
    """Raise InvalidInput unless every line could be sold, and no line is named twice."""
    for line in lines:
        if not line.sku.strip() or len(line.sku) > 60 or len(line.description) > 300:
            raise InvalidInput(
                _("Each line needs a SKU of at most 60 and a description of at most 300 characters."),
                field="lines",
            )
        if not 1 <= line.quantity <= MAX_QUANTITY:
            raise InvalidInput(
                _("%(sku)s: the quantity must be from 1 to %(max_quantity)s.")
                % {"sku": line.sku, "max_quantity": MAX_QUANTITY},
                field="lines",
            )
        check_minor(line.amount_minor, field="lines", what=_("%(sku)s: the amount") % {"sku": line.sku})
        check_text(line.sku + line.description, field="lines", longest=400)
    named = [line.line_id for line in lines if line.line_id is not None]
    if len(named) != len(set(named)):
        raise InvalidInput(_("A line of the order is named twice."), field="lines")


def total_of(lines: Iterable[LineInput], *, shipping_minor: int, surcharge_minor: int) -> int:
    """Lines, shipping and surcharge together, in minor units. Raises InvalidInput."""
    check_minor(shipping_minor, field="shipping", what=_("The shipping"))
    check_minor(surcharge_minor, field="surcharge", what=_("The surcharge"))
    total = sum(line.amount_minor for line in lines) + shipping_minor + surcharge_minor
    if total > MAX_MINOR:
        raise InvalidInput(_("The order's total is too large."), field="lines")
    return total


def share_of_line(line: OrderLine, quantity: int) -> int:
    """What `quantity` more pieces of the line are worth, in minor units, rounded half up.

    It is the difference of two running sums, so that all pieces together give the line's amount.
    """
    end = _running(line, line.returned_quantity + quantity)
    share = end - _running(line, line.returned_quantity)
    return max(0, min(share, line.amount_minor - line.returned_minor))


def _running(line: OrderLine, pieces: int) -> int:
    return (2 * line.amount_minor * pieces + line.quantity) // (2 * line.quantity)


def new_lines(order: Order, lines: Iterable[LineInput], *, after: int = 0) -> list[OrderLine]:
    """Rows for `lines`, not yet written, at the positions that follow `after`."""
    return [
        OrderLine(
            order=order,
            position=position,
            sku=line.sku,
            description=line.description,
            quantity=line.quantity,
            amount_minor=line.amount_minor,
        )
        for position, line in enumerate(lines, start=after + 1)
    ]


def replace_lines(
    order: Order, lines: Sequence[LineInput], *, shipping_minor: int, surcharge_minor: int
) -> None:
    """Change the lines that `lines` names, remove the others, add the new ones after the last.

    Shipping and surcharge are the new ones, only compared. Raises BelowReturned, InvalidInput.
    """
    rows = rows_of(order)
    kept = {line.line_id: line for line in lines if line.line_id is not None}
    if not kept.keys() <= rows.keys():
        raise InvalidInput(_("A line to keep is not of this order."), field="lines")
    _check_not_below_returned(order, kept, rows.values(), shipping_minor, surcharge_minor)
    last = max((row.position for row in rows.values()), default=0)
    try:
        OrderLine.objects.filter(pk__in=rows.keys() - kept.keys()).delete()
    except ProtectedError as error:
        raise BelowReturned(_("A line that a return names can't be removed."), field="lines") from error
    for line_id, line in kept.items():
        row = rows[line_id]
        row.sku, row.description = line.sku, line.description
        row.quantity, row.amount_minor = line.quantity, line.amount_minor
    sold = {"sku": "text", "description": "text", "quantity": "int", "amount_minor": "bigint"}
    _write([rows[line_id] for line_id in kept], sold)
    new = [line for line in lines if line.line_id is None]
    OrderLine.objects.bulk_create(new_lines(order, new, after=last))


def version_of(order: Order) -> str:
    """The digest of what an edit changes: it is another once somebody changed the order."""
    return content_of(
        "order.version", lines=told(order), shipping=order.shipping_minor, surcharge=order.surcharge_minor,
        note=order.note, total=order.total_minor,
    )  # fmt: skip


def told(order: Order) -> list[list[object]]:
    """The order's lines as an event tells them: SKU, quantity, amount in minor units."""
    rows = OrderLine.objects.filter(order=order).order_by("position")
    return [[row.sku, row.quantity, str(Money(row.amount_minor, order.currency))] for row in rows]


def rows_of(order: Order) -> dict[int, OrderLine]:
    """The order's lines by id."""
    return {row.pk: row for row in OrderLine.objects.filter(order=order)}


def _check_not_below_returned(
    order: Order,
    kept: Mapping[int, LineInput],
    rows: Iterable[OrderLine],
    shipping_minor: int,
    surcharge_minor: int,
) -> None:
    for row in rows:
        line = kept.get(row.pk)
        if line is None and (row.returned_quantity or row.returned_minor):
            raise BelowReturned(
                _("%(sku)s can't be removed: some of it was returned.") % {"sku": row.sku}, field="lines"
            )
        if line and (line.quantity < row.returned_quantity or line.amount_minor < row.returned_minor):
            least = Money(row.returned_minor, order.currency)
            raise BelowReturned(
                _("%(sku)s: %(returned_quantity)s and %(least)s were returned. The line can't be less.")
                % {"sku": row.sku, "returned_quantity": row.returned_quantity, "least": least},
                field="lines",
            )
    extras = (
        ("shipping", _("The shipping"), shipping_minor, order.returned_shipping_minor),
        ("surcharge", _("The surcharge"), surcharge_minor, order.returned_surcharge_minor),
    )
    for field, what, minor, returned in extras:
        if minor < returned:
            raise BelowReturned(
                _("%(what)s can't be less than %(least)s: so much of it was given back.")
                % {"what": what, "least": Money(returned, order.currency)},
                field=field,
            )


@transaction.atomic
def claim_return(
    order_id: int, *, lines: Sequence[ReturnClaim], shipping_minor: int, surcharge_minor: int
) -> None:
    """Count a return on its order, within what was sold and paid (R7). Amounts in minor units.

    Raises ReturnExceedsOrder, ReturnExceedsPaid, WrongState, OrderNotFound, and InvalidInput
    for a line of another order.
    """
    order = locked_order(order_id)
    rows = rows_of(order)
    if wrong := _counted(order, rows, lines, shipping_minor, surcharge_minor):
        raise wrong[0]
    _save_returned(order, rows, lines)


def refused_of_return(
    order: Order, *, lines: Sequence[ReturnClaim], shipping_minor: int, surcharge_minor: int
) -> list[Refusal]:
    """All that `claim_return` would refuse of this. Nothing is locked or written."""
    return _counted(copy(order), rows_of(order), lines, shipping_minor, surcharge_minor)


def _counted(
    order: Order,
    rows: Mapping[int, OrderLine],
    claims: Sequence[ReturnClaim],
    shipping_minor: int,
    surcharge_minor: int,
) -> list[Refusal]:
    """Count the return on order and lines, in memory; all that is wrong with it."""
    if order.status == Order.Status.CANCELLED:
        return [WrongState(_("Order %(number)s is cancelled.") % {"number": order.number})]
    if wrong := list(_misshapen(rows, claims, shipping_minor, surcharge_minor)):
        return wrong
    most = max(0, order.paid_minor - order.returned_minor)
    of_lines = [_raised(rows[claim.order_line_id], claim, order.currency) for claim in claims]
    of_extras = _of_extras(order, shipping_minor, surcharge_minor)
    wrong = [each for each in (*of_lines, *of_extras) if each is not None]
    _count(order, claims, shipping_minor, surcharge_minor, sign=1)
    if not wrong and order.returned_minor > order.paid_minor:
        exceeds = ReturnExceedsPaid(
            _("At most %(most)s of what was paid for order %(number)s can still be given back.")
            % {"most": Money(most, order.currency), "number": order.number},
            field="amount",
        )
        return [exceeds]
    return wrong


@transaction.atomic
def release_claim(
    order_id: int, *, lines: Sequence[ReturnClaim], shipping_minor: int, surcharge_minor: int
) -> None:
    """Undo `claim_return` with the same arguments: the return came to nothing."""
    order = locked_order(order_id)
    rows = rows_of(order)
    for claim in lines:
        rows[claim.order_line_id].returned_quantity -= claim.quantity
        rows[claim.order_line_id].returned_minor -= claim.amount_minor
    _count(order, lines, shipping_minor, surcharge_minor, sign=-1)
    _save_returned(order, rows, lines)


def check_returns_are_paid(order_id: int) -> None:
    """Raise ReturnExceedsPaid if a payment voided since leaves returns of the order unpaid (R7)."""
    order = locked_order(order_id)
    if order.returned_minor > order.paid_minor:
        raise ReturnExceedsPaid(
            _("Returns of order %(number)s come to %(returned)s, but only %(paid)s is paid of it now.")
            % {
                "number": order.number,
                "returned": Money(order.returned_minor, order.currency),
                "paid": Money(max(0, order.paid_minor), order.currency),
            }
        )


def _count(
    order: Order, claims: Iterable[ReturnClaim], shipping_minor: int, surcharge_minor: int, *, sign: int
) -> None:
    amounts = sum(claim.amount_minor for claim in claims)
    order.returned_shipping_minor += sign * shipping_minor
    order.returned_surcharge_minor += sign * surcharge_minor
    order.returned_minor += sign * (amounts + shipping_minor + surcharge_minor)


def _save_returned(order: Order, rows: Mapping[int, OrderLine], claims: Iterable[ReturnClaim]) -> None:
    touched = {claim.order_line_id: rows[claim.order_line_id] for claim in claims}
    _write(touched.values(), {"returned_quantity": "int", "returned_minor": "bigint"})
    order.save(update_fields=["returned_minor", "returned_shipping_minor", "returned_surcharge_minor"])


def _write(lines: Iterable[OrderLine], columns: statements.Columns) -> None:
    """Keep these columns of the lines. Django's bulk_update compares each line with every other."""
    rows = [(line.pk, *(getattr(line, name) for name in columns)) for line in lines]
    statements.write([statements.Update("orders_orderline", {"id": "bigint"}, columns, rows)])


def _misshapen(
    rows: Mapping[int, OrderLine], claims: Sequence[ReturnClaim], shipping_minor: int, surcharge_minor: int
) -> Iterator[Refusal]:
    if any(claim.order_line_id not in rows for claim in claims):
        yield InvalidInput(_("A line belongs to another order."), field="lines")
    if any(claim.quantity < 0 or claim.amount_minor < 0 for claim in claims):
        yield InvalidInput(_("Quantities and amounts can't be below zero."), field="lines")
    if shipping_minor < 0:
        yield InvalidInput(_("The shipping can't be below zero."), field="shipping")
    if surcharge_minor < 0:
        yield InvalidInput(_("The surcharge can't be below zero."), field="surcharge")


def _raised(row: OrderLine, claim: ReturnClaim, currency: str) -> Refusal | None:
    """Count the claim on its line, in memory; the refusal if there is not so much left."""
    pieces, left = row.quantity - row.returned_quantity, row.amount_minor - row.returned_minor
    if claim.quantity > pieces:
        return ReturnExceedsOrder(
            _("%(sku)s: at most %(pieces)s of %(quantity)s can still come back.")
            % {"sku": row.sku, "pieces": pieces, "quantity": row.quantity},
            field="lines", cell=(row.pk, "quantity"),
        )  # fmt: skip
    if claim.amount_minor > left:
        return ReturnExceedsOrder(
            _("%(sku)s: at most %(left)s can still be given back.")
            % {"sku": row.sku, "left": Money(left, currency)},
            field="lines", cell=(row.pk, "amount"),
        )  # fmt: skip
    row.returned_quantity += claim.quantity
    row.returned_minor += claim.amount_minor
    return None


def _of_extras(order: Order, shipping_minor: int, surcharge_minor: int) -> Iterator[Refusal]:
    left = order.shipping_minor - order.returned_shipping_minor
    if shipping_minor > left:
        most = _("At most %(amount)s of the shipping can still be given back.")
        yield ReturnExceedsOrder(most % {"amount": Money(left, order.currency)}, field="shipping")
    left = order.surcharge_minor - order.returned_surcharge_minor
    if surcharge_minor > left:
        most = _("At most %(amount)s of the surcharge can still be given back.")
        yield ReturnExceedsOrder(most % {"amount": Money(left, order.currency)}, field="surcharge")
