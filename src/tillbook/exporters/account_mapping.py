"""Which account of the shop's books stands for what: defaults, and a TOML file in their place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tillbook.common.errors import InvalidInput
from tillbook.common.money import check_currency
from tillbook.exporters.journal import LIABILITY, Balances
from tillbook.ledger.models import House

NAMES = (LIABILITY, *(house.value for house in House))


class Format(StrEnum):
    BEANCOUNT = "beancount"
    HLEDGER = "hledger"
    XERO = "xero"
    QUICKBOOKS = "quickbooks"


class InvalidMapping(InvalidInput):
    """The file of accounts names what there is not, or what the format can't take."""

    code = "invalid_account_mapping"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="accounts")


@dataclass(frozen=True, slots=True)
class AccountMapping:
    """The accounts of one format: the common ones, and those of single currencies."""

    common: Mapping[str, str]
    of_currency: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tax_rate: str = ""  # Xero's name of the rate that is none

    def account(self, name: str, currency: str) -> str:
        """The account of the books for LIABILITY or a house account, in that currency."""
        return self.of_currency.get(currency, {}).get(name) or self.common[name]

    def accounts(self) -> list[str]:
        """Every account that the mapping names, sorted."""
        return sorted(
            {*self.common.values(), *(each for more in self.of_currency.values() for each in more.values())}
        )

    def balances(self, found: Balances) -> Balances:
        """The balances of the books' accounts: those that one account stands for are added up."""
        sums: Balances = {}
        for (name, currency), minor in found.items():
            place = (self.account(name, currency), currency)
            sums[place] = sums.get(place, 0) + minor
        return dict(sorted(sums.items()))


_PLAIN = {
    LIABILITY: "Liabilities:Customer-Credit",
    House.RECEIPTS: "Assets:Clearing:Receipts",
    House.SALES_RETURNS: "Income:Sales-Returns",
    House.GOODWILL: "Expenses:Goodwill",
    House.PROMOTIONS: "Expenses:Promotions",
    House.ADJUSTMENTS: "Expenses:Credit-Adjustments",
    House.ORDERS: "Assets:Clearing:Orders",
    House.PAYOUTS: "Assets:Clearing:Payouts",
    House.BREAKAGE: "Income:Breakage",
}
_QUICKBOOKS = {
    LIABILITY: "Customer credit",
    House.RECEIPTS: "Credit clearing:Receipts",
    House.SALES_RETURNS: "Sales returns",
    House.GOODWILL: "Goodwill",
    House.PROMOTIONS: "Promotions",
    House.ADJUSTMENTS: "Credit adjustments",
    House.ORDERS: "Credit clearing:Orders",
    House.PAYOUTS: "Credit clearing:Payouts",
    House.BREAKAGE: "Breakage",
}
_DEFAULTS: dict[Format, dict[str, str]] = {
    Format.BEANCOUNT: _PLAIN,
    Format.HLEDGER: _PLAIN,
    Format.QUICKBOOKS: _QUICKBOOKS,
    Format.XERO: {},  # its accounts are codes, and every shop has its own
}


def _is_beancount(account: str) -> bool:
    root, *parts = account.split(":")
    return (
        root in {"Assets", "Liabilities", "Equity", "Income", "Expenses"}
        and bool(parts)
        and all(re.fullmatch(r"[^\W_](?:[^\W_]|-)*", part) and not part[0].islower() for part in parts)
    )


def _is_hledger(account: str) -> bool:
    parts = account.split(":")
    return (
        account.isprintable()
        and all(part and part == part.strip() for part in parts)
        and not re.search(r"[;|\[\]()\"]|  ", account)
        and account[0].isalnum()
    )


def _is_quickbooks(account: str) -> bool:
    parts = account.split(":")
    sound = account.isprintable() and len(account) <= 100 and '"' not in account
    return sound and all(part and part == part.strip() for part in parts) and account[0].isalnum()


_RULES: dict[Format, tuple[Callable[[str], Any], str]] = {
    Format.BEANCOUNT: (
        _is_beancount,
        "Use Assets, Liabilities, Equity, Income or Expenses, then parts like Clearing-2 (Assets:Receipts).",
    ),
    Format.HLEDGER: (_is_hledger, "Use parts with colons between, like Assets:Clearing:Receipts."),
    Format.QUICKBOOKS: (_is_quickbooks, "Use the account's name, a sub-account as Parent:Name."),
    Format.XERO: (re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]{0,9}").fullmatch, "Use the code, like 840."),
}


def mapping(format: Format, file: Path | None = None) -> AccountMapping:
    """The format's accounts: its defaults, and what the TOML `file` puts in their place.

    Raises InvalidMapping, which names the account that is unknown, missing or nothing for the format.
    """
    content = {} if file is None else _read(file)
    common, more, tax_rate = dict(_DEFAULTS[format]), {}, content.pop("tax_rate", "")
    for name, value in content.items():
        if isinstance(value, dict):
            more[_currency(name)] = {each: _checked(format, each, account) for each, account in value.items()}
        else:
            common[name] = _checked(format, name, value)
    if missing := [name for name in NAMES if name not in common]:
        raise InvalidMapping(
            f"No account is given for {', '.join(missing)}. Name each in a file (--accounts); "
            f"`tillbook export-accounts {format}` prints one to start from."
        )
    if (
        not isinstance(tax_rate, str)
        or not tax_rate.isprintable()
        or (format is Format.XERO) != bool(tax_rate)
    ):
        raise InvalidMapping("tax_rate is for xero, and needed there: the full name of your rate of no tax.")
    found = AccountMapping(common, more, tax_rate)
    _check_liability(found)
    if format is Format.BEANCOUNT:
        _check_parents(found)
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InvalidMapping(f"Can't read {file}: {error.strerror}.") from error
    except ValueError as error:  # neither UTF-8 nor TOML
        raise InvalidMapping(f"{file} is no TOML file in UTF-8: {error}") from error


def _currency(name: str) -> str:
    try:
        return check_currency(name)
    except InvalidInput as error:
        raise InvalidMapping(f"The table [{name}] is no currency: {error}") from error


def _checked(format: Format, name: str, account: object) -> str:
    if name not in NAMES:
        raise InvalidMapping(f"There is no {name!r} to give an account to. Use {', '.join(NAMES)}.")
    sound, what = _RULES[format]
    if not isinstance(account, str) or not account or not sound(account):
        raise InvalidMapping(f"{account!r}, given for {name}, is no account in {format}. {what}")
    return account


def _check_liability(found: AccountMapping) -> None:
    """What is owed stands on accounts of its own: only then can its balance be asserted."""
    tables = [found.common, *found.of_currency.values()]
    owed = {table[LIABILITY] for table in tables if LIABILITY in table}
    for table in tables:
        for name, account in table.items():
            if name != LIABILITY and account in owed:
                raise InvalidMapping(f"{account} stands for {LIABILITY} and for {name}. Give each its own.")


def _check_parents(found: AccountMapping) -> None:
    """What beancount asserts counts sub-accounts in; beside other bookings those are not all ours."""
    accounts = found.accounts()
    for parent in accounts:
        below = [each for each in accounts if each.startswith(f"{parent}:")]
        if below:
            raise InvalidMapping(
                f"{parent} is the parent of {below[0]}, which beancount counts in with its balance. Use a "
                f"sub-account in its place, like {parent}:Other."
            )


def template(format: Format) -> str:
    """A file of accounts to start from, in TOML: the defaults, or for Xero codes to replace."""
    codes = {name: str(840 + place) for place, name in enumerate(NAMES)}
    lines = [f"# Accounts for `tillbook export {format}`."]
    lines += [f'{name} = "{account}"' for name, account in (_DEFAULTS[format] or codes).items()]
    if format is Format.XERO:
        lines[0] += " Put your own codes in."
        lines.append('tax_rate = "No VAT"')
    lines += ["", "# One currency's own accounts, where it has any:", "# [JPY]", f"# {LIABILITY} = ..."]
    return "\n".join(lines) + "\n"
