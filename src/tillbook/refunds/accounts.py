"""Bank accounts as people type them: told apart, checked and written in one way.

What a branch code looks like hangs on the currency: a BSB for AUD, a sort code for GBP, a routing
number for USD. An IBAN, with its BIC or without, goes with any currency.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from stdnum import bic as bics
from stdnum import exceptions, iban
from stdnum.us import rtn

from tillbook.common.errors import InvalidInput

_SHOWN_DIGITS = 3  # of a masked number
_MIN_DIGITS = 6  # the shortest account numbers in use, with no branch code
_LONGEST = 34  # ISO 13616, and longer than any domestic number

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9 ]+", re.ASCII)
_BSB = re.compile(r"(?P<branch>\d{3}[- ]?\d{3})[ ,/-]*(?P<number>\d[\d -]*)", re.ASCII)
_SORT_CODE = re.compile(r"(?P<branch>\d\d[- ]?\d\d[- ]?\d\d)[ ,/-]*(?P<number>\d[\d -]*)", re.ASCII)
_ROUTING = re.compile(r"(?P<branch>\d{9})[ ,/-]+(?P<number>[A-Za-z0-9][A-Za-z0-9 -]*)", re.ASCII)


class Scheme(StrEnum):
    """Which bank system an account's number belongs to."""

    AU = "au"
    GB = "gb"
    US = "us"
    IBAN = "iban"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account: digits and letters alone. `branch` is the BSB, sort code or routing number."""

    scheme: Scheme
    branch: str
    number: str
    bic: str = ""

    def written(self) -> str:
        """As people of its country write it: "062-000 12345678"."""
        return " ".join(
            part for part in (_BRANCH[self.scheme](self.branch), self._number(), self.bic) if part
        )

    @property
    def whole(self) -> str:
        """What tells it from every other account."""
        return self.branch + self.number

    def _number(self) -> str:
        return iban.format(self.number) if self.scheme is Scheme.IBAN else self.number


#: scheme -> how its branch code is written
_BRANCH: dict[Scheme, Callable[[str], str]] = {
    Scheme.AU: lambda code: f"{code[:3]}-{code[3:]}",
    Scheme.GB: lambda code: f"{code[:2]}-{code[2:4]}-{code[4:]}",
    Scheme.US: str,
    Scheme.IBAN: str,
    Scheme.OTHER: str,
}


def read(text: str, currency: str) -> BankAccount:
    """The account that `text` names, for money in `currency`. Raises InvalidInput with what is wrong."""
    tidy = " ".join(text.upper().split())
    if not tidy:
        raise _wrong(_("Enter the payee's bank account."))
    if _IBAN.fullmatch(tidy):
        return _international(tidy)
    return _DOMESTIC.get(currency, _other)(tidy)


def _international(text: str) -> BankAccount:
    number, bic = text, ""
    head, _space, last = text.rpartition(" ")
    if head and iban.is_valid(head, check_country=False) and bics.is_valid(last):
        number, bic = head, bics.compact(last)
    return BankAccount(Scheme.IBAN, "", _checked_iban(number), bic)


def _checked_iban(text: str) -> str:
    try:
        # Countries' own checks know banks by lists that are never whole.
        return str(iban.validate(text, check_country=False))
    except exceptions.InvalidChecksum:
        raise _wrong(
            _("The IBAN's check digits do not fit: something in it is mistyped or missing.")
        ) from None
    except exceptions.InvalidComponent:
        raise _wrong(_("The IBAN does not begin with a country that has IBANs.")) from None
    except exceptions.ValidationError:
        raise _wrong(_("The IBAN has not the length and form of its country's.")) from None


def _australian(text: str) -> BankAccount:
    branch, number = _parts(_BSB, text, _("Enter the BSB and the account number, like 062-000 12345678."))
    if not 5 <= len(number) <= 9:
        raise _wrong(_("An Australian account number has 5 to 9 digits after the BSB."))
    return BankAccount(Scheme.AU, branch, number)


def _british(text: str) -> BankAccount:
    branch, number = _parts(
        _SORT_CODE, text, _("Enter the sort code and the account number, like 20-00-00 55779911.")
    )
    if len(number) != 8:
        raise _wrong(
            _("A British account number has 8 digits after the sort code; put zeros before a shorter one.")
        )
    return BankAccount(Scheme.GB, branch, number)


def _american(text: str) -> BankAccount:
    branch, number = _parts(
        _ROUTING, text, _("Enter the routing number and the account number, like 021000021 123456789.")
    )
    if not rtn.is_valid(branch):
        raise _wrong(_("The routing number's check digit does not fit: one of its nine digits is mistyped."))
    if not 4 <= len(number) <= 17:
        raise _wrong(_("An American account number has 4 to 17 characters after the routing number."))
    return BankAccount(Scheme.US, branch, number)


def _other(text: str) -> BankAccount:
    number = plain(text)
    digits = sum(character.isdigit() for character in number)
    if not (number.isascii() and number.isalnum() and digits >= _MIN_DIGITS and len(number) <= _LONGEST):
        raise _wrong(_("Enter the payee's bank account: branch code and account number, or an IBAN."))
    return BankAccount(Scheme.OTHER, "", number)


def _parts(shape: re.Pattern[str], text: str, ask: str) -> tuple[str, str]:
    found = shape.fullmatch(text)
    if found is None:
        raise _wrong(ask)
    return plain(found["branch"]), plain(found["number"])


def plain(text: str) -> str:
    """Without what people put between the characters."""
    return "".join(filter(str.isalnum, text.upper()))


def identity(text: str) -> str:
    """What tells the account from every other, however it is typed, with a BIC or without."""
    tidy = " ".join(text.upper().split())
    if _IBAN.fullmatch(tidy):
        with suppress(InvalidInput):
            return _international(tidy).whole
    return plain(text)


def mask(account: str) -> str:
    """An account number with all but its last three characters hidden."""
    number = identity(account)
    shown = _SHOWN_DIGITS if len(number) > _SHOWN_DIGITS else 0
    return "•" * (len(number) - shown) + number[len(number) - shown :]


def _wrong(message: str) -> InvalidInput:
    return InvalidInput(message, field="bank_account")


_DOMESTIC: dict[str, Callable[[str], BankAccount]] = {
    "AUD": _australian,
    "GBP": _british,
    "USD": _american,
}
