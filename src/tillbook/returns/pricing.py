"""What a return is worth: the same sums whether it is only asked about or opened.

A quote tells all that is wrong at once; opening raises the first of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_minor
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.money import Money, check_amount
from tillbook.credit import services as credit
from tillbook.credit.models import Source
from tillbook.credit.queries import payers_of
from tillbook.credit.terms import expiry_after, terms_of
from tillbook.orders.lines import MAX_QUANTITY, refused_of_return, share_of_line
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.services import ReturnClaim, order_of_customer
from tillbook.orders.settling import refundable_left
from tillbook.returns.models import Rma
from tillbook.shop.policies import shop


@dataclass(frozen=True, slots=True)
class RmaLineInput:
    """What comes back of a line. Quantity 0: money back, the goods stay.

    `amount_minor` None: the share of the order line's amount that the quantity is worth.
    """

    order_line_id: int | None
    sku: str
    description: str
    quantity: int
    amount_minor: int | None


class Part(NamedTuple):
    """A credit that a return becomes: goodwill and promotions that paid never turn into cash."""

    purpose: str  # tells the keys of a return's credits apart
    minor: int
    refundable: bool
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Quote:
    """A return that nobody opened: its lines with their amounts, and the credits it would become now.

    `rma` is in memory only. With refusals it could not be opened, and has no `parts`.
    """

    rma: Rma
    lines: Sequence[RmaLineInput]
    parts: Sequence[Part]
    refusals: Sequence[Refusal]

    @property
    def refundable_minor(self) -> int:
        """How much of it may be paid out, in minor units."""
        return sum(part.minor for part in self.parts if part.refundable)

    @property
    def tied_minor(self) -> int:
        """How much of it only pays orders, in minor units."""
        return sum(part.minor for part in self.parts if not part.refundable)


#: order id -> what comes back of its lines
Claims = Mapping[int, Sequence[ReturnClaim]]


def quote(
    *,
    customer_id: int,
    currency: str,
    order_id: int | None,
    lines: Sequence[RmaLineInput],
    shipping_minor: int = 0,
    surcharge_minor: int = 0,
    reason: str = "",
    public_note: str = "",
    actor: Actor,
    now: datetime,
) -> Quote:
    """What `open_rma` would make of this, and `close` of that. Nothing is locked or written.

    Amounts in minor units. Raises PermissionDenied, OrderNotFound.
    """
    actor.require(Permission.WORK_RETURNS)
    rma = Rma(
        customer_id=customer_id, order_id=order_id, currency=currency, reason=reason,
        public_note=public_note, shipping_minor=shipping_minor, surcharge_minor=surcharge_minor,
    )  # fmt: skip
    with_amounts, wrong = priced(rma, lines)
    claims = claims_of(rma, with_amounts)
    wrong += _refused(rma, claims)
    if not wrong:
        with _collecting(wrong):
            check_amount(rma.total_minor)
    return Quote(rma, with_amounts, [] if wrong else parts_of(rma, claims, now), wrong)


def _refused(rma: Rma, claims: Claims) -> list[Refusal]:
    """What the orders that it takes from would refuse."""
    wrong: list[Refusal] = []
    for order_id, lines in claims.items():
        order = order_of_customer(order_id, rma.customer_id)
        if order.currency != rma.currency:
            return [other_currency(rma, order)]
        shipping, surcharge = extras_of(rma, order_id)
        wrong += refused_of_return(order, lines=lines, shipping_minor=shipping, surcharge_minor=surcharge)
    return wrong


def priced(rma: Rma, lines: Sequence[RmaLineInput]) -> tuple[list[RmaLineInput], list[Refusal]]:
    """The lines that are right, with their amounts, and all that is wrong; sets the RMA's total."""
    ids = [line.order_line_id for line in lines if line.order_line_id is not None]
    known = {row.pk: row for row in OrderLine.objects.filter(pk__in=ids)}
    orders = Order.objects.in_bulk({row.order_id for row in known.values()})  # once, not with each line
    for row in known.values():
        row.order = orders[row.order_id]
    done: list[RmaLineInput] = []
    wrong: list[Refusal] = []
    for line in lines:
        with _collecting(wrong):
            with_amount = _with_amount(line, known)
            _check_line(rma, line, known)
            done.append(with_amount)
    with _collecting(wrong):
        check_minor(rma.shipping_minor, field="shipping", what=_("The shipping"))
    with _collecting(wrong):
        check_minor(rma.surcharge_minor, field="surcharge", what=_("The surcharge"))
    rma.total_minor = sum(line.amount_minor or 0 for line in done) + rma.shipping_minor + rma.surcharge_minor
    return done, wrong


@contextmanager
def _collecting(wrong: list[Refusal]) -> Iterator[None]:
    """A refusal within goes to `wrong`."""
    try:
        yield
    except Refusal as refusal:
        wrong.append(refusal)


def _with_amount(line: RmaLineInput, known: Mapping[int, OrderLine]) -> RmaLineInput:
    if not 0 <= line.quantity <= MAX_QUANTITY:
        raise InvalidInput(
            _("%(sku)s: the quantity must be from 0 to %(most)s.") % {"sku": line.sku, "most": MAX_QUANTITY},
            field="lines", cell=_cell(line, "quantity"),
        )  # fmt: skip
    row = known.get(line.order_line_id or 0)
    if line.amount_minor is None:
        if row is None:
            raise InvalidInput(
                _("%(sku)s: enter the amount to give back.") % {"sku": line.sku}, field="lines"
            )
        return replace(line, amount_minor=share_of_line(row, line.quantity))
    check_minor(line.amount_minor, field="lines", what=_("%(sku)s: the amount") % {"sku": line.sku})
    if row is not None and line.quantity and line.quantity <= row.quantity - row.returned_quantity:
        share = share_of_line(row, line.quantity)
        if line.amount_minor > share:
            raise InvalidInput(
                _("%(sku)s: %(quantity)s of it are worth %(share)s. Enter that or less.")
                % {"sku": line.sku, "quantity": line.quantity, "share": Money(share, row.order.currency)},
                field="lines", cell=_cell(line, "amount"),
            )  # fmt: skip
    return line


def _cell(line: RmaLineInput, column: str) -> tuple[int, str] | None:
    return None if line.order_line_id is None else (line.order_line_id, column)


def _check_line(rma: Rma, line: RmaLineInput, known: Mapping[int, OrderLine]) -> None:
    if not line.sku.strip() or len(line.sku) > 60 or len(line.description) > 300:
        raise InvalidInput(
            _("Each line needs a SKU of at most 60 and a description of at most 300 characters."),
            field="lines",
        )
    if line.order_line_id is None:
        if rma.order_id is not None:
            raise InvalidInput(
                _("%(sku)s: name the order line that comes back.") % {"sku": line.sku}, field="lines"
            )
        return
    row = known.get(line.order_line_id)
    if row is None or row.order.customer_id != rma.customer_id:
        raise InvalidInput(
            _("%(sku)s: this customer has no such order line.") % {"sku": line.sku}, field="lines"
        )
    if rma.order_id is not None and row.order_id != rma.order_id:
        raise InvalidInput(_("%(sku)s is a line of another order.") % {"sku": line.sku}, field="lines")


def claims_of(rma: Rma, lines: Sequence[RmaLineInput]) -> dict[int, list[ReturnClaim]]:
    """order id -> what comes back of its lines; the RMA's own order also without lines."""
    ids = [line.order_line_id for line in lines if line.order_line_id is not None]
    order_of = dict(OrderLine.objects.filter(pk__in=ids).values_list("pk", "order_id"))
    claims: dict[int, list[ReturnClaim]] = defaultdict(list)
    if rma.order_id is not None:
        claims[rma.order_id] = []
    for line in lines:
        if line.order_line_id is not None:
            claim = ReturnClaim(line.order_line_id, line.quantity, line.amount_minor or 0)
            claims[order_of[line.order_line_id]].append(claim)
    return claims


def extras_of(rma: Rma, order_id: int) -> tuple[int, int]:
    """Shipping and surcharge that come back of this order: only the RMA's own order has them."""
    return (rma.shipping_minor, rma.surcharge_minor) if order_id == rma.order_id else (0, 0)


def other_currency(rma: Rma, order: Order) -> Refusal:
    """The refusal of an order in another currency than the return's."""
    return credit.CurrencyMismatch(
        _("Order %(number)s is in %(currency)s, not in %(other)s.")
        % {"number": order.number, "currency": order.currency, "other": rma.currency},
        field="currency",
    )


def parts_of(rma: Rma, claims: Claims, now: datetime) -> list[Part]:
    """The credits that the return becomes if it is closed now; what goodwill paid comes back as what it was.

    At most two, first the one that may be paid out.
    """
    rows = {order_id: Order.objects.get(pk=order_id) for order_id in claims}
    amounts = {order_id: _amount_of(rma, order_id, claims[order_id]) for order_id in claims}
    tied = sum(max(0, amounts[each] - refundable_left(rows[each])) for each in claims)
    parts = [Part("credit", rma.total_minor - tied, *terms_of(Source.RETURN, now))]
    if tied:
        expires_at = _expiry_of_goodwill(rma, rows.values(), now)
        parts.append(Part("credit-not-refundable", tied, False, expires_at))
    return [part for part in parts if part.minor]


def _amount_of(rma: Rma, order_id: int, claims: Sequence[ReturnClaim]) -> int:
    return sum(claim.amount_minor for claim in claims) + sum(extras_of(rma, order_id))


def _expiry_of_goodwill(rma: Rma, paid: Iterable[Order], now: datetime) -> datetime | None:
    """The last expiry of the goodwill that paid the orders, or the grace period if that has passed."""
    credits = payers_of(rma.customer_id, [order.number for order in paid], refundable=False)
    expiries = [each.expires_at for each in credits]
    if not expiries or None in expiries:
        return None
    last = max(each for each in expiries if each is not None)
    return last if last > now else expiry_after(shop().policies[Source.RETURN].grace_days, now)
