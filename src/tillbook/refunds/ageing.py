"""Reading refunds whose money nobody has yet: as of any moment, and those that are stale now.

As of a moment is told by what the refunds and their events say happened before it, so that the same
question has the same answer for good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from heapq import merge

from django.db import models
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from tillbook.credit.basis import Basis, View
from tillbook.events.models import Event
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import Waiting, waiting_since
from tillbook.refunds.receipt import CLAIMED
from tillbook.refunds.state import OPEN, paying
from tillbook.refunds.unclaimed import age_days, since_of, stale_before
from tillbook.shop.policies import shop

_AT_ONCE = 500  # numbers in one question to the events


class State(models.TextChoices):
    """Where the money is that the payee has not got."""

    OUT = "out", _("Paid, not received")  # a cheque not presented, cash not collected, PayPal not claimed
    AT_BANK = "at_bank", _("At the bank or gateway, no answer yet")
    WAITING = "waiting", _("Asked for, not paid")


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A refund whose payee has nothing yet: in what state, by which method, since when and for how long."""

    refund: Refund
    state: State
    method: str
    since: datetime
    days: int


def as_of(basis: Basis, *, currency: str | None = None) -> list[Unclaimed]:
    """All refunds that were out or waiting then, by currency, those that wait longest first.

    By the effective view a payment counts as received on the day that the bank or the payee says, by the
    recorded one when that was written down.
    """
    known = basis.known_until
    rows = paying().select_related("customer")
    if currency is not None:
        rows = rows.filter(currency=currency)
    out = [(each, State.OUT) for each in rows.filter(_out_at(known)).exclude(_received_by(basis))]
    waiting = list(rows.filter(_open_at(known)))
    on_its_way, methods = _then(waiting, known)
    found = out + [(each, State.AT_BANK if each.number in on_its_way else State.WAITING) for each in waiting]
    day = _last_day(basis)
    told = [_told(refund, state, methods, day) for refund, state in found]
    return sorted(told, key=lambda each: (each.refund.currency, each.since, each.refund.pk))


def _told(refund: Refund, state: State, methods: dict[str, str], day: date) -> Unclaimed:
    # What was completed after that moment waited then since it was asked for.
    since = since_of(refund) if state == State.OUT else refund.requested_at
    method = methods.get(refund.number, refund.method)
    return Unclaimed(refund, state, method, since, age_days(since, day))


def _last_day(basis: Basis) -> date:
    return (basis.as_of - timedelta(microseconds=1)).astimezone(shop().time_zone).date()


def _out_at(known: datetime) -> Q:
    not_back = Q(failed_at__isnull=True) | Q(failed_at__gte=known)
    return Q(completed_at__lt=known, method__in=CLAIMED) & not_back


def _received_by(basis: Basis) -> Q:
    if basis.view == View.RECORDED:
        return Q(received_at__isnull=False, received_at__lt=basis.known_until)
    return Q(received_at__isnull=False, received_at__lt=basis.recorded_by, received_on__lte=_last_day(basis))


def _open_at(known: datetime) -> Q:
    ended_later = Q(completed_at__isnull=True) & (Q(resolved_at__isnull=True) | Q(resolved_at__gte=known))
    return Q(requested_at__lt=known) & (Q(completed_at__gte=known) | ended_later)


def _then(refunds: Sequence[Refund], known: datetime) -> tuple[set[str], dict[str, str]]:
    """The numbers of those that were in a payout or sent then; the method of those that have another now."""
    inside: set[str] = set()
    methods: dict[str, str] = {}
    for event in _events([refund.number for refund in refunds]):
        before = event.recorded_at < known
        if event.action in ("refund.entered_payout", "refund.sent") and before:
            inside.add(event.subject)
        elif event.action == "refund.left_payout" and before:
            inside.discard(event.subject)
        elif event.action == "refund.changed" and not before and "method" in event.data["changed"]:
            methods.setdefault(event.subject, event.data["changed"]["method"][0])
    return inside, methods


def _events(numbers: Sequence[str]) -> Iterator[Event]:
    actions = ["refund.entered_payout", "refund.sent", "refund.left_payout", "refund.changed"]
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        yield from Event.objects.filter(subject__in=some, action__in=actions).order_by("pk")


def is_stale(each: Unclaimed, before: datetime) -> bool:
    """Whether it may be cancelled as unclaimed; `before` is the moment of `stale_before`."""
    return each.state != State.AT_BANK and each.since < before


def stale(now: datetime) -> list[Waiting]:
    """The refunds that may be cancelled as unclaimed, by currency."""
    out = stale_out(now).order_by().values_list("currency").annotate(Count("pk"), Sum("amount_minor"))
    sums: dict[str, Waiting] = {}
    for currency, number, minor in [*out, *waiting_since(stale_before(now))]:
        known = sums.get(currency, Waiting(currency, 0, 0))
        sums[currency] = Waiting(currency, known.refunds + number, known.minor + int(minor))
    return [sums[currency] for currency in sorted(sums)]


def page_of_stale(now: datetime, *, after: Refund | None = None, limit: int = 100) -> list[Unclaimed]:
    """A page of the stale refunds with their customers, those that wait longest first.

    `after` is the last one seen.
    """
    day = now.astimezone(shop().time_zone).date()
    lists = []
    for rows, field, state in (
        (stale_out(now), "completed_at", State.OUT),
        (_stale_waiting(now), "requested_at", State.WAITING),
    ):
        found = rows.select_related("customer").order_by(field, "pk")
        if after is not None:
            since = since_of(after)
            found = found.filter(Q(**{f"{field}__gt": since}) | Q(**{field: since, "pk__gt": after.pk}))
        lists.append([_told(each, state, {}, day) for each in found[:limit]])
    return list(merge(*lists, key=lambda each: (each.since, each.refund.pk)))[:limit]


def stale_out(now: datetime) -> QuerySet[Refund]:
    """The refunds that were paid and have not been received for too long, in no order."""
    # By its state SQLite would go through all that were ever completed; a reversal has no method.
    return paying().filter(
        method__in=CLAIMED, completed_at__lt=stale_before(now), received_at__isnull=True,
        failed_at__isnull=True,
    )  # fmt: skip


def _stale_waiting(now: datetime) -> QuerySet[Refund]:
    return paying().filter(
        status__in=OPEN, kind=Refund.Kind.REFUND, payout="", sending="", requested_at__lt=stale_before(now),
    )  # fmt: skip
