"""Which transfers a report counts: as of which moment, by which view, and who knew of them when.

A moment is exclusive: what is as of T counts everything before T, so that the end of one
period is the beginning of the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.errors import InvalidInput
from tillbook.shop.policies import shop

_FIRST_YEAR = 1900  # a mistyped year is a mistake, not history


class View(models.TextChoices):
    """By which of its two times a transfer counts."""

    EFFECTIVE = "effective", _("As it happened")  # effective_at: what was written late counts at its day
    RECORDED = "recorded", _("As the book said")  # recorded_at: what the book held at that moment


@dataclass(frozen=True, slots=True)
class Basis:
    """Which transfers a report counts; make it by `basis_at`. The same one gives the same report.

    Those before `as_of` by the time that `view` names, as far as they were recorded before
    `recorded_by`.
    """

    as_of: datetime
    view: View
    recorded_by: datetime

    @property
    def known_until(self) -> datetime:
        """The moment whose terms and names hold: nothing after it is in the report."""
        return min(self.as_of, self.recorded_by)

    def seen(self, transfer: str, before: str = "as_of") -> str:
        """SQL: whether the transfer of that alias counts as of the parameter `before`."""
        time = "effective_at" if self.view == View.EFFECTIVE else "recorded_at"
        return f"({transfer}.{time} < %({before})s AND {transfer}.recorded_at < %(recorded_by)s)"

    @property
    def parameters(self) -> dict[str, Any]:
        return adapted({"as_of": self.as_of, "recorded_by": self.recorded_by})


def basis_at(
    as_of: datetime, *, view: str, recorded_by: datetime | None, now: datetime, field: str = "as_of"
) -> Basis:
    """A basis that can be asked for at `now`; without `recorded_by`, what is recorded until now.

    Raises InvalidInput naming view, recorded_by or `field`, by which name the caller knows `as_of`.
    """
    if view not in View.values:
        raise InvalidInput(gettext("The view is effective or recorded."), field="view")
    check_moment(as_of, day_end(now.astimezone(shop().time_zone).date()), field=field)
    known = recorded_by or now
    check_moment(known, now, field="recorded_by")
    if view == View.RECORDED:
        # What the book said at a moment is all that was recorded before it, whenever it is asked again.
        known = min(as_of, known)
    zone = shop().time_zone  # one moment, one spelling
    return Basis(as_of.astimezone(zone), View(view), known.astimezone(zone))


def check_moment(moment: datetime, latest: datetime, *, field: str) -> None:
    """Raise InvalidInput for a moment after `latest`, before 1900 or without a time zone."""
    words = _words(field)
    if moment.tzinfo is None:
        raise InvalidInput(gettext("%(words)s needs a time zone.") % {"words": words}, field=field)
    if moment > latest:
        raise InvalidInput(gettext("%(words)s can't lie in the future.") % {"words": words}, field=field)
    if moment.year < _FIRST_YEAR:
        raise InvalidInput(
            gettext("%(words)s can't lie before %(first_year)s.")
            % {"words": words, "first_year": _FIRST_YEAR},
            field=field,
        )


def _words(field: str) -> str:
    """What a form calls the field."""
    if field == "recorded_by":
        return gettext("Recorded until")
    return gettext(field.removesuffix("_at").replace("_", " ").capitalize())


def day_start(day: date) -> datetime:
    """The first moment of the day in the shop's time zone."""
    return datetime(day.year, day.month, day.day, tzinfo=shop().time_zone)


def day_end(day: date) -> datetime:
    """The first moment after the day in the shop's time zone: a report as of the day counts all of it."""
    return day_start(day + timedelta(days=1)) if day < date.max else day_start(day)


def moment_of(text: str, *, field: str, first: bool = False) -> datetime:
    """The moment that an ISO 8601 text names: without a zone in the shop's.

    A date means its end, or with `first` its beginning. Raises InvalidInput naming `field`.
    """
    try:
        return (day_start if first else day_end)(date.fromisoformat(text.strip()))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(
            gettext("%(words)s: write a date like 2026-10-31, or a moment like 2026-10-31T17:30.")
            % {"words": _words(field)},
            field=field,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=shop().time_zone)


def adapted(moments: Mapping[str, datetime]) -> dict[str, Any]:
    """The moments as the database compares them: SQLite stores times as text."""
    return {name: connection.ops.adapt_datetimefield_value(at) for name, at in moments.items()}
