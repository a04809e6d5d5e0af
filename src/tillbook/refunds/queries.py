"""Reading refunds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.numbering import row_id
from tillbook.common.paging import ordered_after
from tillbook.credit.queries import by_ids as credits_by_ids
from tillbook.refunds.models import REVERSAL_NOTE, Refund
from tillbook.refunds.state import OPEN, RefundNotFound
from tillbook.shop.policies import shop


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """What the queue shows; amounts in minor units of `currency`, dates of the request, both ends included.

    Amounts of different currencies don't compare: with an amount goes its currency.
    """

    status: str = ""
    is_open: bool = False  # requested or approved
    kind: str = ""
    method: str = ""
    from_date: date | None = None
    to_date: date | None = None
    min_minor: int | None = None
    max_minor: int | None = None
    currency: str = ""
    username: str = ""
    requested_by: str = ""
    newest_first: bool = False


class Waiting(NamedTuple):
    """What waits to be completed in one currency: how many refunds and reversals, their minor units."""

    currency: str
    refunds: int
    minor: int


def by_number(number: str) -> Refund:
    """The refund RF-... with its customer, sources and credits; raises RefundNotFound."""
    found = by_ids([row_id("RF", number) or 0])
    if not found:
        raise RefundNotFound(_("There is no refund %(number)s.") % {"number": number})
    return found[0]


def of_customer(customer_id: int, *, limit: int = 100) -> list[Refund]:
    """The customer's newest refunds first."""
    return list(Refund.objects.filter(customer_id=customer_id).order_by("-requested_at", "-id")[:limit])


def paid_to_customer(customer_id: int, currency: str | None = None, *, limit: int = 100) -> list[Refund]:
    """The customer's newest refunds first, of any state; no reversals, which pay nobody."""
    rows = Refund.objects.filter(customer_id=customer_id, kind=Refund.Kind.REFUND)
    if currency is not None:
        rows = rows.filter(currency=currency)
    return list(rows.order_by("-requested_at", "-id")[:limit])


def waiting_of_customer(customer_id: int, *, limit: int = 100) -> list[Refund]:
    """The customer's refunds that wait to be completed, reversals too, with their sources, oldest first."""
    rows = Refund.objects.filter(customer_id=customer_id, status__in=OPEN)
    return list(rows.prefetch_related("sources").order_by("requested_at", "id")[:limit])


def by_ids(refund_ids: Collection[int]) -> list[Refund]:
    """These refunds with their customers, sources and credits, oldest first."""
    rows = Refund.objects.filter(pk__in=refund_ids).select_related("customer")
    found = list(rows.prefetch_related("sources").order_by("requested_at", "id"))
    sources = [source for refund in found for source in refund.sources.all()]
    # Django would ask for each source by a condition of its own: SQLite takes no thousand of them.
    credits = credits_by_ids({(each.customer_id, each.credit_id) for each in sources})
    for each in sources:
        each.credit = credits[each.credit_id]
    return found


def queue(wanted: QueueFilter, *, after: int | None = None, limit: int = 100) -> list[Refund]:
    """A page of the queue, oldest first unless the filter says otherwise; `after` is the last one's id."""
    if wanted.is_open:
        # A state at a time, each by the index that has its refunds in their order.
        states = [replace(wanted, is_open=False, status=status) for status in OPEN]
        found = [each for state in states for each in queue(state, after=after, limit=limit)]
        found.sort(key=lambda each: (each.requested_at, each.pk), reverse=wanted.newest_first)
        return found[:limit]
    conditions = {
        "status": wanted.status,
        "kind": wanted.kind,
        "method": wanted.method,
        "requested_at__gte": _midnight(wanted.from_date),
        "requested_at__lt": _midnight(wanted.to_date, timedelta(days=1)),
        "amount_minor__gte": wanted.min_minor,
        "amount_minor__lte": wanted.max_minor,
        "currency": wanted.currency,
        "customer__username": wanted.username,
        "requested_by": wanted.requested_by,
    }
    given = {name: value for name, value in conditions.items() if value not in (None, "")}
    rows = Refund.objects.filter(**given).select_related("customer")
    last = None if after is None else Refund.objects.filter(pk=after).first()
    return list(ordered_after(rows, "requested_at", last, newest_first=wanted.newest_first)[:limit])


def _midnight(day: date | None, later: timedelta = timedelta()) -> datetime | None:
    """The beginning of the day, or of one later, where the shop is."""
    if day is None:
        return None
    try:
        return datetime.combine(day + later, time.min, shop().time_zone).astimezone(UTC)
    except OverflowError:  # the first or last day there is leaves nothing out
        return None


# In the very words of the index, which has only these rows: SQLite asks for the same expression.
_WAITS = (
    "SELECT currency, count(*), sum(amount_minor) FROM refunds_refund {} "
    "WHERE status IN ('requested', 'approved') {} GROUP BY currency ORDER BY currency"
)
# As `Refund.pays_nobody` has it, in words that both databases have.
_PAYING = f"AND kind = 'refund' AND replace(lower(note), '{REVERSAL_NOTE.lower()}', '') = lower(note)"
_BY_BANK = f"{_PAYING} AND method = 'bank_transfer' AND payout = ''"
_AT_HOME_SINCE = f"{_PAYING} AND payout = '' AND sending = '' AND requested_at < %s"


def waiting() -> list[Waiting]:
    """What waits to be completed, by currency."""
    return _waiting("")


def ready_for_payout() -> list[Waiting]:
    """What waits to be paid by bank transfer and is in no payout, by currency."""
    return _waiting(_BY_BANK)


def waiting_since(before: datetime) -> list[Waiting]:
    """What was asked for before that moment and is neither in a payout nor sent, by currency."""
    return _waiting(_AT_HOME_SINCE, statements.moment(before))


def _waiting(which: str, *parameters: Any) -> list[Waiting]:
    # SQLite, which does not know how many wait, would rather look up each of them.
    hint = "" if statements.is_postgresql() else "INDEXED BY refund_waiting"
    rows = statements.select(_WAITS.format(hint, which), parameters)
    return [Waiting(currency, refunds, int(minor)) for currency, refunds, minor in rows]


def longest_waiting(limit: int) -> list[Refund]:
    """The refunds that have waited longest to be completed, with their customers."""
    return queue(QueueFilter(is_open=True), limit=limit)
