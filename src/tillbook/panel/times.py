"""Moments and days as people of the shop's zone and locale write them: 2 Mar 2026, 09:30."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache

from babel.dates import format_skeleton

from tillbook.shop.policies import shop

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def moment_text(at: datetime) -> str:
    """Date and time in the shop's zone."""
    there = at.astimezone(shop().time_zone)
    return f"{day_text(there.date())}, {there:%H:%M}"


def day_text(day: date) -> str:
    """The date as the shop's locale writes it."""
    return _day(day, shop().locale)


@lru_cache(maxsize=4096)  # the rows of a list share their days
def _day(day: date, locale: str) -> str:
    return str(format_skeleton("yMMMd", day, locale=locale))


def readable(text: str) -> str:
    """A moment or day that an event keeps in ISO 8601, as people write it; any other text as it stands."""
    try:
        if _MOMENT.fullmatch(text):
            return moment_text(datetime.fromisoformat(text))
        if _DAY.fullmatch(text):
            return day_text(date.fromisoformat(text))
    except (ValueError, OverflowError):  # no such day, or one that the shop's zone moves out of the calendar
        return text
    return text
