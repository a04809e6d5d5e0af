"""Statements as a table, CSV: each bank names its columns as it likes, so the shop says which is which."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput
from tillbook.common.money import exponent
from tillbook.payouts.entries import Entry, UnreadableStatement, minor_of, text_of

_MOST_ROWS = 100_000
_OTHER_SPACES = re.compile("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}]")
# Groups of three digits, as 1,234,567; or three and before them groups of two, as in India 12,34,567.
_GROUPED = re.compile(
    r"[1-9][0-9]{0,2}([., '’])[0-9]{3}(\1[0-9]{3})*|[1-9][0-9]?([., '’])([0-9]{2}\3)+[0-9]{3}"
)
_ONE_GROUP = re.compile(r"[1-9][0-9]{0,2}")  # digits that a sign for thousands could follow
_NAMES = ("date", "amount", "debit", "credit", "reference", "name", "account", "id", "cheque")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column says what. `amount` is signed; or `debit` and `credit` stand apart, without signs.

    `reference` may name several columns, all of which may hold a refund's number. `date_format` is
    strptime's; `decimal` is the character before the minor units.
    """

    date: str
    reference: tuple[str, ...]
    amount: str = ""
    debit: str = ""
    credit: str = ""
    name: str = ""
    account: str = ""
    id: str = ""
    cheque: str = ""
    date_format: str = "%Y-%m-%d"
    decimal: str = "."


def columns_of(named: Mapping[str, str], *, date_format: str, decimal: str) -> Columns:
    """The columns as people name them: {"date": "Booked", "reference": "Text,Note"}. Raises InvalidInput."""
    unknown = sorted(set(named) - set(_NAMES))
    if unknown:
        raise InvalidInput(
            _("There is no column %(name)r. Name one of %(names)s.")
            % {"name": unknown[0], "names": ", ".join(_NAMES)},
            field="column",
        )
    if missing := [name for name in ("date", "reference") if name not in named]:
        raise InvalidInput(_("Name at least the columns date and reference."), field=missing[0])
    if ("amount" in named) == ("debit" in named or "credit" in named):
        raise InvalidInput(_("Name the column amount, or the columns debit and credit."), field="amount")
    if decimal not in (".", ","):
        raise InvalidInput(_("The decimal sign is a point or a comma."), field="decimal")
    _check_date_format(date_format)
    others = {name: column for name, column in named.items() if name != "reference"}
    references = tuple(part.strip() for part in named["reference"].split(",") if part.strip())
    return Columns(reference=references, date_format=date_format, decimal=decimal, **others)


def _check_date_format(date_format: str) -> None:
    example = date(2026, 12, 31)
    try:
        understood = datetime.strptime(example.strftime(date_format), date_format)  # noqa: DTZ007  as in `_day`
    except (ValueError, re.error):  # the latter where it names a part twice
        understood = None
    if understood is None or understood.date() != example:
        raise InvalidInput(
            _("%(shape)r is no way to write a day. 31/12/2026 is %%d/%%m/%%Y.") % {"shape": date_format},
            field="date_format",
        )


def read(data: bytes, columns: Columns, currency: str) -> list[Entry]:
    """The entries, in their order; all are in `currency`. Raises UnreadableStatement naming the line."""
    text = text_of(data)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        heads = [head.strip() for head in next(table, [])]
        places = _places(heads, columns)
        return list(_entries(table, places, columns, currency))
    except csv.Error as error:
        raise UnreadableStatement(_("The file is not CSV: %(error)s.") % {"error": error}) from error


def _delimiter(text: str) -> str:
    head = text.partition("\n")[0]
    return max(",;\t", key=head.count)


def _places(heads: list[str], columns: Columns) -> dict[str, list[int]]:
    named = {
        name: [getattr(columns, name)] if isinstance(getattr(columns, name), str) else getattr(columns, name)
        for name in _NAMES
    }
    missing = [head for wanted in named.values() for head in wanted if head and head not in heads]
    if missing:
        raise UnreadableStatement(
            _("The file has no column %(name)r. It has: %(names)s.")
            % {"name": missing[0], "names": ", ".join(heads)[:300]}
        )
    return {name: [heads.index(head) for head in wanted if head] for name, wanted in named.items()}


def _entries(
    table: Iterator[list[str]], places: dict[str, list[int]], columns: Columns, currency: str
) -> Iterator[Entry]:
    for line, row in enumerate(table, start=2):
        if line > _MOST_ROWS:
            raise UnreadableStatement(
                _("A statement has at most %(most)s lines. Read it in parts.") % {"most": f"{_MOST_ROWS:,}"}
            )
        if any(cell.strip() for cell in row):
            yield _entry(line, row, places, columns, currency)


def _entry(line: int, row: list[str], places: dict[str, list[int]], columns: Columns, currency: str) -> Entry:
    def cells(name: str) -> list[str]:
        return [row[place].strip() if place < len(row) else "" for place in places[name]]

    def cell(name: str) -> str:
        return next(iter(cells(name)), "")

    try:
        minor = (
            _signed(cell("amount"), columns, currency)
            if columns.amount
            else (
                _signed(cell("credit") or "0", columns, currency)
                - abs(_signed(cell("debit") or "0", columns, currency))
            )
        )
        booked_on = _day(cell("date"), columns.date_format)
    except UnreadableStatement as error:
        raise UnreadableStatement(
            _("Line %(line)s: %(message)s") % {"line": line, "message": error.message}
        ) from None
    return Entry(
        booked_on=booked_on,
        minor=minor,
        currency=currency,
        texts=tuple(text for text in cells("reference") if text),
        name=cell("name"),
        account=cell("account"),
        bank_reference=cell("id"),
        cheque=cell("cheque"),
    )


def _signed(text: str, columns: Columns, currency: str) -> int:
    """Minor units of "-1.234,50", "1234.5-", "(12.00)"; signs may stand before or after."""
    plain = _OTHER_SPACES.sub(" ", text.replace("\N{MINUS SIGN}", "-")).strip()
    negative = plain.startswith(("-", "(")) or plain.endswith("-")
    whole, _point, part = plain.strip("+-() ").partition(columns.decimal)
    # Nothing else may stand between digits: of "12,50" nobody knows whether the comma parts thousands.
    is_number = whole.isdigit() or _GROUPED.fullmatch(whole) or (not whole and part)
    # Three digits where the currency has fewer: with the other decimal sign "1.200" is twelve hundred.
    is_group = len(part) == 3 > exponent(currency) and _ONE_GROUP.fullmatch(whole)
    if not is_number or is_group or not (part.isdigit() or part == ""):
        raise UnreadableStatement(
            _("%(text)r is not an amount with %(decimal)r as its decimal sign.")
            % {"text": text[:40], "decimal": columns.decimal}
        )
    minor = minor_of(f"{''.join(filter(str.isdigit, whole))}.{part}", currency)
    return -minor if negative else minor


def _day(text: str, date_format: str) -> date:
    try:
        return datetime.strptime(text, date_format).date()  # noqa: DTZ007  a day has no zone
    except ValueError:
        raise UnreadableStatement(
            _("%(text)r is not a date like %(shape)s.") % {"text": text[:40], "shape": date_format}
        ) from None
