"""How papers write money, days and names: in the shop's locale and zone, and never as markup."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from django.conf import settings
from django.utils import translation

from tillbook.common.money import Money
from tillbook.shop.logos import logo_for_paper
from tillbook.shop.policies import shop

_LONGEST = 200  # characters of any one line: longer names than the forms accept are cut
_ADDRESS_LINES = 8
_LOGO_WIDTH, _LOGO_HEIGHT = 500, 140  # at most, in tenths of a millimetre
_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling of Persian and Indic names


def shops_language() -> translation.override:
    """What goes to a customer is in the shop's language, whoever makes it."""
    return translation.override(settings.LANGUAGE_CODE)


def money(minor: int, currency: str) -> str:
    """`minor` units as the shop's locale writes them, "£12.34"."""
    return Money(minor, currency).localized(shop().locale)


def day(moment: datetime | None) -> str:
    """The day of `moment` in the shop's time zone; empty for None."""
    return "" if moment is None else date_of(moment.astimezone(shop().time_zone).date())


def last_day(expires_at: datetime) -> str:
    """The last day on which what expires then can be used."""
    return day(expires_at - timedelta(microseconds=1))


def date_of(day: date | None) -> str:
    """A date in words, "4 March 2026"; empty for None."""
    return "" if day is None else str(format_date(day, format="long", locale=shop().locale))


def address(text: str) -> list[str]:
    """The filled lines of an address, at most eight."""
    filled = [cut(line) for line in text.splitlines() if line.strip()]
    return filled if len(filled) <= _ADDRESS_LINES else [*filled[: _ADDRESS_LINES - 1], "…"]


def shop_lines() -> list[str]:
    """What stands below the shop's name: its address, then its tax or registration number."""
    policy = shop()
    return [*address(policy.address), *([cut(policy.tax_number)] if policy.tax_number else [])]


def logo() -> str:
    """The shop's logo as JSON: the bytes of its file, and how high it stands; null where there is none."""
    picture = logo_for_paper()
    if picture is None:
        return "null"
    height = min(_LOGO_HEIGHT, _LOGO_WIDTH * picture.height // picture.width)
    return json.dumps({"content": list(picture.content), "height": max(1, height), "name": shop().name})


def cut(text: str, longest: int = _LONGEST) -> str:
    """`text` on one line, at most `longest` characters, with control characters gone."""
    visible = (each if each.isprintable() or each in _JOINERS else " " for each in text)
    plain = " ".join("".join(visible).split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def with_characters(page: dict[str, Any]) -> dict[str, Any]:
    """The page with all its characters beyond ASCII: the template says if its fonts lack any."""
    text = json.dumps(page, ensure_ascii=False)
    return page | {"characters": sorted({each for each in text if not each.isascii()})}
