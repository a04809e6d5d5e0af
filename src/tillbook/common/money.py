"""Money: a whole number of minor units and a currency (R1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency, get_decimal_symbol, is_currency

from tillbook.common.errors import InvalidInput
from tillbook.common.languages import said as _

# ISO 4217, table A.1: the currencies whose minor unit is not a hundredth. CLDR's own
# digit counts describe cash habits (IQD 0, LBP 0) and would lose minor units.
_EXPONENTS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
)
_EXPONENTS |= dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
_EXPONENTS |= dict.fromkeys(["CLF", "UYW"], 4)

#: The largest single amount, in minor units. Nine thousand of them still fit a bigint sum.
MAX_MINOR = 10**15

# Groups of thousands where a comma is the decimal sign: a point, a space or an apostrophe stands between.
_GROUP_SIGNS = re.compile(r"[.\s'’]")
_EITHER = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # a point for thousands, or for three decimals
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:[.\s'’][0-9]{3})+")
_PLAIN = re.compile(r"[0-9]+\.[0-9]+", re.ASCII)
_IN_TEXT = re.compile(r"(?<![\w.,])([0-9]+)\.([0-9]+) ([A-Z]{3})\b", re.ASCII)
_SHOWN = 40  # characters of a wrong amount that a message repeats
_ZERO = re.compile(r"0+(\.0*)?", re.ASCII)
_AMOUNT = re.compile(r"(?P<whole>[0-9]{1,16}|[0-9]{1,3}(,[0-9]{3})+)(\.(?P<part>[0-9]+))?", re.ASCII)


def exponent(currency: str) -> int:
    """How many decimal digits the currency's minor unit has (2 for GBP, 0 for JPY)."""
    return _EXPONENTS.get(currency, 2)


def check_currency(code: str, *, field: str = "currency") -> str:
    """Return `code` if it is an ISO 4217 currency code; raise InvalidInput otherwise."""
    if not _is_code(code):
        raise InvalidInput(
            _("%(code)r is not a currency. Use a three-letter ISO 4217 code such as AUD.") % {"code": code},
            field=field,
        )
    return code


@lru_cache(maxsize=512)
def _is_code(code: str) -> bool:
    return re.fullmatch("[A-Z]{3}", code) is not None and is_currency(code)


def check_amount(minor: int, *, field: str = "amount") -> int:
    """Return `minor` if it may be moved: a whole number from 1 to MAX_MINOR."""
    if not isinstance(minor, int) or isinstance(minor, bool):
        raise InvalidInput(_("The amount must be a whole number of minor units."), field=field)
    if minor <= 0:
        raise InvalidInput(_("The amount must be more than zero."), field=field)
    if minor > MAX_MINOR:
        raise InvalidInput(_("The amount is too large for one transfer."), field=field)
    return minor


def decimal_text(minor: int, currency: str) -> str:
    """See `Money.decimal`."""
    digits = exponent(currency)
    if digits == 2 and minor >= 0:  # nearly always
        return f"{minor // 100}.{minor % 100:02}"
    sign = "-" if minor < 0 else ""
    text = str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text


def amount_text(minor: int, currency: str) -> str:
    """What `str` makes of Money, "12.34 AUD", for what comes by thousands."""
    return f"{decimal_text(minor, currency)} {currency}"


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """`minor` units of `currency`: Money(1234, "AUD") is 12.34 Australian dollars."""

    minor: int
    currency: str

    def decimal(self) -> str:
        """The amount as plain decimal text, "12.34", with the currency's own digits."""
        return decimal_text(self.minor, self.currency)

    def __str__(self) -> str:
        return amount_text(self.minor, self.currency)

    def localized(self, locale: str = "en_GB") -> str:
        """The amount as people of that locale write it: "£12.34", "12,34 €". For display only."""
        return _localized(self, locale)


@lru_cache(maxsize=4_096)  # a page writes the same few amounts, such as nought, again and again
def _localized(money: Money, locale: str) -> str:
    # A Decimal made from text is exact; it exists for the formatter alone.
    return format_currency(
        Decimal(money.decimal()),
        money.currency,
        locale=locale,
        currency_digits=False,
        format=_display_pattern(locale, exponent(money.currency)),
    )


def plain_amount(text: str, currency: str, locale: str) -> str:
    """An amount as people of that locale type it, the way `parse_amount` reads it: "1.234,50" as "1234.50".

    Where a comma is the decimal sign, a point may be it too: "12.34" stays. So does what is no amount.
    Raises InvalidInput for "1.234" KWD: nobody knows whether that is a thousand times as much.
    """
    if get_decimal_symbol(locale) != ",":
        return text
    whole, comma, part = text.strip().partition(",")
    if comma and (whole.isdigit() or _GROUPED.fullmatch(whole)) and part.isdigit():
        return f"{_GROUP_SIGNS.sub('', whole)}.{part}"
    if not comma and _GROUPED.fullmatch(whole):
        if exponent(currency) == 3 and _EITHER.fullmatch(whole):
            meant = {"text": whole, "thousands": f"{whole},000", "decimals": whole.replace(".", ",")}
            raise InvalidInput(
                _("%(text)s may be read in two ways. Write %(thousands)s or %(decimals)s.") % meant,
                field="amount",
            )
        return _GROUP_SIGNS.sub("", whole)
    return text


def shown_amount(text: str, locale: str) -> str:
    """Plain decimal text with the locale's decimal sign, as `plain_amount` reads it: "12.34" as "12,34"."""
    return text.replace(".", ",") if get_decimal_symbol(locale) == "," and _PLAIN.fullmatch(text) else text


def with_shown_amounts(text: str, locale: str) -> str:
    """A message with its amounts, such as "12.34 EUR", in the decimal sign of the locale: "12,34 EUR"."""
    return _IN_TEXT.sub(r"\1,\2 \3", text) if get_decimal_symbol(locale) == "," else text


@lru_cache(maxsize=64)
def _display_pattern(locale: str, digits: int) -> str:
    """The locale's own pattern for amounts, with as many decimals as the minor unit has."""
    pattern = str(Locale.parse(locale).currency_formats["standard"].pattern)
    return pattern.replace("0.00", "0" + ("." + "0" * digits if digits else ""))


def parse_amount(text: str, currency: str, *, field: str = "amount", zero: bool = False) -> Money:
    """Read an amount as a person types it: "12.34", "1,234.50", "12".

    Raises InvalidInput naming `field` for text, signs, exponents, more decimals than the
    currency has, zero unless `zero`, and anything above MAX_MINOR.
    """
    digits = exponent(currency)
    example = "12" if digits == 0 else "12." + "34567"[:digits]
    stripped = text.strip()
    if stripped.startswith(("-", "\u2212")):
        least = _("Write 0 or more.") if zero else _("The amount must be more than zero.")
        raise InvalidInput(least, field=field)
    if zero and _ZERO.fullmatch(stripped):
        return Money(0, currency)
    match = _AMOUNT.fullmatch(stripped)
    if match is None:
        raise InvalidInput(
            _("%(text)r is not an amount. Write digits and a point, like %(example)s.")
            % {"text": _shortened(text), "example": example},
            field=field,
        )
    part = match["part"] or ""
    if len(part) > digits:
        most = (
            _("%(currency)s has %(digits)s decimal places. Write it like %(example)s.")
            if digits
            else _("%(currency)s has no decimal places. Write it like %(example)s.")
        )
        raise InvalidInput(most % {"currency": currency, "digits": digits, "example": example}, field=field)
    minor = int(match["whole"].replace(",", "")) * 10**digits + int(part.ljust(digits, "0") or "0")
    return Money(check_amount(minor, field=field), currency)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
