"""The way of the money as a page shows it: where each cent of a credit went, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.credit.provenance import Goal, Way
from tillbook.orders.models import Order
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import CreditProvenance
from tillbook.staff.queries import names_of

_MOST = 100  # goals on one page


@dataclass(frozen=True, slots=True)
class Went:
    """One goal of a credit's money, in minor units. `url` is empty for what has no page here."""

    what: str
    name: str
    url: str
    detail: str
    state: str  # of a refund or reversal; empty for the others
    state_label: str
    at: datetime
    who: str
    went: int
    back: int
    stays: int


def went(found: CreditProvenance) -> list[Went]:
    """The goals of the credit's money, in the order in which it went there.

    Of very many the oldest are one line, so that the page stays short and still adds up.
    """
    ways = found.whereabouts.ways
    earlier, shown = (ways[:-_MOST], ways[-_MOST:]) if len(ways) > _MOST + 1 else ([], ways)
    names = names_of({way.actor for way in shown})
    lines = [_went(way, found, names) for way in shown]
    return [_together(earlier), *lines] if earlier else lines


def _together(ways: Sequence[Way]) -> Went:
    return Went(
        what=_("%(count)s earlier ones together") % {"count": len(ways)},
        name="",
        url="",
        detail="",
        state="",
        state_label="",
        at=ways[0].began_at,
        who="",
        went=sum(way.went_minor for way in ways),
        back=sum(way.back_minor for way in ways),
        stays=sum(way.stays_minor for way in ways),
    )


def _went(way: Way, found: CreditProvenance, names: Mapping[str, str]) -> Went:
    refund = found.refunds.get(way.reference) if way.goal in (Goal.REFUND, Goal.REVERSAL) else None
    order = found.orders.get(way.reference)
    name, url = ("", "") if way.goal == Goal.EXPIRY else _place(way, refund, order)
    return Went(
        what=_what(way, refund),
        name=name,
        url=url,
        detail="" if refund is None else _detail(refund),
        state="" if refund is None else refund.status,
        state_label="" if refund is None else refund.get_status_display(),
        at=way.began_at,
        who=names.get(way.actor, way.actor),
        went=way.went_minor,
        back=way.back_minor,
        stays=way.stays_minor,
    )


def _place(way: Way, refund: Refund | None, order: Order | None) -> tuple[str, str]:
    """The document's number and the address of its page."""
    if refund is not None:
        return way.reference, reverse("panel:refund", args=[refund.number])
    return way.reference, "" if order is None else reverse("panel:order", args=[order.number])


def _what(way: Way, refund: Refund | None) -> str:
    if way.goal == Goal.EXPIRY:
        return _("Expired")
    if way.goal == Goal.REFUND:
        return _("Refund")
    if way.goal == Goal.REVERSAL:
        return _("Reversal") if refund is not None else _("Taken back for order")
    return _("Held for") if way.is_held else _("Paid")


def _detail(refund: Refund) -> str:
    if refund.pays_nobody:
        return refund.get_reverse_reason_display()
    return _("to %(payee)s by %(method)s") % {
        "payee": refund.payee_name,
        "method": refund.get_method_display().lower(),
    }
