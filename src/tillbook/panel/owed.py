"""How much is owed in credit, as Home shows it: now, and over the last months by source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from babel.dates import format_date
from django.urls import reverse

from tillbook.credit import snapshots
from tillbook.credit.basis import View
from tillbook.credit.models import Snapshot, Source
from tillbook.ledger.queries import Total
from tillbook.panel.charts import Bar, Chart
from tillbook.shop.policies import shop

_LATE = timedelta(days=2)  # the round runs daily; one that failed to start should show


@dataclass(frozen=True, slots=True)
class Month:
    """A row of the table: the day at whose end it was owed, and the report that says so."""

    day: date
    label: str
    url: str
    bar: Bar


@dataclass(frozen=True, slots=True)
class Currency:
    """What is owed in one currency."""

    total: Total
    months: list[Month]  # the last one is the newest count

    @property
    def chart(self) -> Chart:
        return Chart([month.bar for month in self.months])

    @property
    def legend(self) -> list[tuple[str, int]]:
        """Each source with what was owed by it at the newest count."""
        return list(zip(_sources(), self.months[-1].bar.amounts, strict=True))


@dataclass(frozen=True, slots=True)
class Owed:
    """`counted_at` is when the daily round counted last, None if it never did."""

    currencies: list[Currency]
    counted_at: datetime | None
    late: bool
    sources: Sequence[str]


def _sources() -> list[str]:
    return [str(source.label) for source in Source]


def owed(totals: Sequence[Total], now: datetime) -> Owed:
    """What is owed in each currency in which anybody has credit."""
    found = snapshots.history(now)
    counted_at = found[-1].counted_at if found else None
    late = counted_at is None or now - counted_at > _LATE
    ends = set(snapshots.month_ends(now))
    currencies = [Currency(total, _months(total.currency, found, ends)) for total in totals]
    return Owed(currencies, counted_at, late, _sources())


def _months(currency: str, found: Sequence[Snapshot], ends: set[datetime]) -> list[Month]:
    return [_month(each, currency, is_end=each.at in ends) for each in found]


def _month(found: Snapshot, currency: str, *, is_end: bool) -> Month:
    at = found.at.astimezone(shop().time_zone)
    day = (at - timedelta(microseconds=1)).date()
    label = format_date(day, "LLL yy" if is_end else "d MMM", locale=shop().locale)
    of_currency = found.owed.get(currency, {})
    bar = Bar(label, tuple(of_currency.get(source.value, 0) for source in Source))
    asked = {"as_of": day.isoformat(), "view": View.RECORDED.value, "currency": currency}
    return Month(day, label, f"{reverse('panel:report', args=['liability'])}?{urlencode(asked)}", bar)
