"""A credit's transfers as a statement: signed amounts, running balances, who."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from tillbook.ledger.models import House, Kind, Transfer
from tillbook.orders.models import Order
from tillbook.panel.history import document_url
from tillbook.panel.words import in_words
from tillbook.staff.queries import names_of

_WHAT = {
    Kind.HOLD: _("Held"),
    Kind.CAPTURE: _("Held amount gone"),
    Kind.RELEASE: _("Held amount released"),
}
_INWARD = {House.ORDERS: _("Given back"), House.PAYOUTS: _("Refund is credit again")}
_OUTWARD = {
    House.ORDERS: _("Paid an order"),
    House.PAYOUTS: _("Paid out"),
    House.BREAKAGE: _("Expired"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One transfer, in minor units; `amount` is signed where it changed the remaining amount."""

    at: datetime
    what: str
    reason: str
    reference: str
    url: str  # of the reference's page; empty if it has none
    amount: int
    remaining: int
    held: int
    available: int
    who: str


def lines(transfers: Iterable[Transfer]) -> list[Line]:
    """The transfers of one credit, in their order, with the balances after each."""
    rows = list(transfers)
    names = names_of({row.actor for row in rows})
    pages = pages_of(rows[0].customer_id, {row.reference for row in rows}) if rows else {}
    return [_line(row, names.get(row.actor, row.actor), pages.get(row.reference, "")) for row in rows]


def _line(row: Transfer, who: str, url: str) -> Line:
    return Line(
        at=row.effective_at,
        what=_what(row),
        reason=in_words(row.reason),
        reference=row.reference,
        url=url,
        amount=-row.amount_minor if _leaves(row) else row.amount_minor,
        remaining=row.posted_minor,
        held=row.held_minor,
        available=row.posted_minor - row.held_minor,
        who=who,
    )


def _leaves(row: Transfer) -> bool:
    return row.kind == Kind.CAPTURE or (row.kind == Kind.POST and not row.inward)


def _what(row: Transfer) -> str:
    if row.kind in _WHAT:
        return str(_WHAT[Kind(row.kind)])
    if row.inward:
        return str(_INWARD.get(House(row.house), _("Issued")))
    return str(_OUTWARD.get(House(row.house), _("Reversed")))


def pages_of(customer_id: int, references: Iterable[str]) -> dict[str, str]:
    """reference -> its page. References are opaque to the ledger: only known documents have one.

    A checkout's own document may bear the number of another customer's order.
    """
    known = {reference for reference in references if reference}
    orders = Order.objects.filter(customer_id=customer_id, number__in=known).values_list("number", flat=True)
    pages = {number: reverse("panel:order", args=[number]) for number in orders}
    return {reference: document_url(reference) for reference in known} | pages
