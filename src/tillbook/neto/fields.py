"""Single values as the wire writes them: decimals as text, True and False, moments in UTC."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tillbook.common.errors import InvalidInput
from tillbook.common.money import MAX_MINOR, Money, check_currency, exponent
from tillbook.neto.wire import Tree
from tillbook.shop.policies import shop

_DECIMAL = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,6})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,10}(\.0{1,6})?", re.ASCII)  # quantities come as "2.000", too
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
A_DAY_AHEAD = timedelta(hours=14)  # so much earlier than in UTC a day begins somewhere
_A_DAY = timedelta(days=1)
_TRUE, _FALSE = {"true", "1", "y", "yes"}, {"false", "0", "n", "no"}


def numbered(prefix: str, text: str) -> str:
    """The public number for what the wire has as a whole number: "1042" is RMA-1042."""
    return f"{prefix}-{text}" if text.isascii() and text.isdigit() else text


class Fields:
    """The fields of one thing that was sent. What has no value, or an empty one, is not there."""

    def __init__(self, tree: Any, now: datetime) -> None:
        self._tree: Tree = tree if isinstance(tree, dict) else {}
        self.now = now

    def __contains__(self, name: str) -> bool:
        """Whether it was sent at all, be it empty."""
        return name in self._tree and self._tree[name] is not None

    def text(self, name: str, otherwise: str = "") -> str:
        """Raises InvalidInput for what is not one text."""
        value = self._tree.get(name)
        if value is None or value in ({}, []):
            return otherwise
        if isinstance(value, dict | list):
            raise InvalidInput(f"{name} must be one value.", field=name)
        return str(value) or otherwise

    def needed(self, name: str) -> str:
        """The text; raises InvalidInput if it is missing."""
        text = self.text(name)
        if not text.strip():
            raise InvalidInput(f"{name} is a required field.", field=name)
        return text

    def texts(self, name: str) -> list[str]:
        """All values of a field that may be sent more than once."""
        value = self._tree.get(name)
        values = value if isinstance(value, list) else [value]
        return [Fields({name: each}, self.now).text(name) for each in values if each not in (None, "", {})]

    def inner(self, name: str) -> Fields:
        """The fields below; none where it is missing."""
        value = self._tree.get(name)
        return Fields(value[0] if isinstance(value, list) and value else value, self.now)

    def each(self, name: str) -> list[Fields]:
        """The things of that name: one, or a list of them."""
        value = self._tree.get(name)
        values = value if isinstance(value, list) else [value]
        return [Fields(one, self.now) for one in values if isinstance(one, dict) and one]

    def decimal(self, name: str) -> Decimal | None:
        """Raises InvalidInput for what is no plain decimal."""
        text = self.text(name).strip()
        if not text:
            return None
        if not _DECIMAL.fullmatch(text):
            raise InvalidInput(f"{name} must be a decimal such as 12.34.", field=name)
        return Decimal(text)

    def minor(self, name: str, currency: str) -> int | None:
        """An amount of zero or more, in whole minor units. Raises InvalidInput."""
        value = self.decimal(name)
        if value is None:
            return None
        minor = value.scaleb(exponent(currency))
        if minor != minor.to_integral_value() or not 0 <= minor <= MAX_MINOR:
            raise InvalidInput(f"{name} must be an amount of {currency} such as 12.34.", field=name)
        return int(minor)

    def amount(self, name: str, currency: str) -> Money:
        """An amount that must be there and above zero. Raises InvalidInput."""
        self.needed(name)
        minor = self.minor(name, currency)
        if not minor:
            raise InvalidInput(f"{name} must be more than zero.", field=name)
        return Money(minor, currency)

    def currency(self, otherwise: str) -> str:
        """The currency that was sent, if one was. Raises InvalidInput."""
        return check_currency(self.text("CurrencyCode") or otherwise, field="CurrencyCode")

    def whole(self, name: str, otherwise: int) -> int:
        text = self.text(name).strip()
        if not text:
            return otherwise
        if not _WHOLE.fullmatch(text):
            raise InvalidInput(f"{name} must be a whole number.", field=name)
        return int(Decimal(text))

    def boolean(self, name: str) -> bool | None:
        text = self.text(name).strip().lower()
        if not text:
            return None
        if text not in _TRUE | _FALSE:
            raise InvalidInput(f"{name} must be True or False.", field=name)
        return text in _TRUE

    def moment(self, name: str) -> datetime | None:
        """A moment in UTC, or a day's beginning. Raises InvalidInput."""
        text = self.text(name).strip()
        if not text or text.startswith("0000-00-00"):
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{name} must be like 2026-03-31 14:05:00.", field=name) from None
        try:
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
            _ = at - _A_DAY, at + _A_DAY  # it has a date wherever it is shown
        except OverflowError:
            raise InvalidInput(f"{name} is too far away.", field=name) from None
        return at

    def past(self, name: str) -> datetime | None:
        """A moment that was. East of Greenwich today begins before it does in UTC: it counts from now."""
        at = self.moment(name)
        if at is not None and self.is_day(name) and self.now < at <= self.now + A_DAY_AHEAD:
            return self.now
        return at

    def is_day(self, name: str) -> bool:
        """Whether a day was sent, without a time."""
        return _DATE.fullmatch(self.text(name).strip()) is not None

    def day(self, name: str) -> date | None:
        """The day that was sent, with or without its midnight; that of a moment is the shop's."""
        at = self.moment(name)
        if at is None:
            return None
        return (at if at.time() == time.min else at.astimezone(shop().time_zone)).date()

    def one_of(self, name: str, known: Collection[str], otherwise: str) -> str:
        """One of the words, in any letter case, as it is known. Raises InvalidInput."""
        text = self.text(name, otherwise).strip()
        for each in known:
            if each.lower() == text.lower():
                return each
        raise InvalidInput(f"{name} must be {' or '.join(known)}.", field=name)


def rounded(value: Decimal, currency: str) -> int:
    """In minor units, half up."""
    minor = value.scaleb(exponent(currency)).to_integral_value(ROUND_HALF_UP)
    if abs(minor) > MAX_MINOR:
        raise InvalidInput("The amount is too large.")
    return int(minor)


def told_money(minor: int, currency: str) -> str:
    return Money(minor, currency).decimal()


def told_boolean(value: bool) -> str:
    return "True" if value else "False"


def told_moment(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
