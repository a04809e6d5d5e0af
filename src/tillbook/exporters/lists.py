"""A list of documents or people as a file: CSV for programs, in names, XLSX for people, in words."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import xlsxwriter

from tillbook.common.cells import unlike_a_formula
from tillbook.common.money import Money, exponent
from tillbook.shop.policies import shop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Coded(NamedTuple):
    """What programs know by a code, and people by its words."""

    code: str
    words: StrOrPromise


Cell = str | Coded | Money | datetime | date | None
Columns = Mapping[str, "StrOrPromise"]  # name -> heading

_EXACT_MINOR = 10**15  # a spreadsheet's numbers have 15 digits

_LONGEST_SHEET_NAME = 31  # characters, of Excel's
_NOT_IN_A_SHEET_NAME = "[]:*?/\\"


def write(title: str, columns: Columns, rows: Iterable[Sequence[Cell]], ending: str, file: IO[bytes]) -> None:
    """Write the rows, a stream, under the names or headings of their columns; `ending` is one of ENDINGS.

    Where a file can say of itself what it is, that is `title`.
    """
    ENDINGS[ending](title, columns, rows, file)


def _write_csv(_title: str, columns: Columns, rows: Iterable[Sequence[Cell]], file: IO[bytes]) -> None:
    """UTF-8 with a byte order mark, by which spreadsheets know it; plain decimals, moments in UTC."""
    text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_text(cell) for cell in row])
    finally:
        text.detach()  # the file is the caller's to close


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return unlike_a_formula(cell)
    if isinstance(cell, Coded):
        return unlike_a_formula(cell.code)
    if isinstance(cell, Money):
        return cell.decimal()
    return cell.astimezone(UTC).isoformat() if isinstance(cell, datetime) else cell.isoformat()


def _write_xlsx(title: str, columns: Columns, rows: Iterable[Sequence[Cell]], file: IO[bytes]) -> None:
    """One sheet: amounts are numbers, moments are times in the shop's zone. Rows are not kept in memory."""
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    book.set_properties({"title": title, "author": shop().name})
    sheet = book.add_worksheet(_sheet_name(title))
    looks = _Looks(book)
    sheet.freeze_panes(1, 0)
    for place, heading in enumerate(columns.values()):
        sheet.set_column(place, place, 18)
        sheet.write_string(0, place, str(heading), looks.head)
    for place, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            _write_cell(sheet, place, column, cell, looks)
    book.close()


def _sheet_name(title: str) -> str:
    """The title as Excel takes it: short, and without the characters that mean something in a formula."""
    kept = "".join(each if each.isprintable() and each not in _NOT_IN_A_SHEET_NAME else " " for each in title)
    return " ".join(kept.split())[:_LONGEST_SHEET_NAME].strip(" '")


class _Looks:
    """How cells of each kind are shown."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._money: dict[int, Any] = {}
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self.day = book.add_format({"num_format": "yyyy-mm-dd"})

    def money(self, digits: int) -> Any:
        if digits not in self._money:
            shape = "#,##0" + (f".{'0' * digits}" if digits else "")
            self._money[digits] = self._book.add_format({"num_format": shape})
        return self._money[digits]


def _write_cell(sheet: Any, row: int, column: int, cell: Cell, looks: _Looks) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif isinstance(cell, Coded):
        sheet.write_string(row, column, str(cell.words))
    elif isinstance(cell, Money) and abs(cell.minor) < _EXACT_MINOR:
        sheet.write_number(row, column, Decimal(cell.decimal()), looks.money(exponent(cell.currency)))
    elif isinstance(cell, Money):
        sheet.write_string(row, column, cell.decimal())
    elif isinstance(cell, datetime):
        local = cell.astimezone(shop().time_zone).replace(tzinfo=None)
        sheet.write_datetime(row, column, local, looks.moment)
    elif cell is not None:
        sheet.write_datetime(row, column, cell, looks.day)


ENDINGS: dict[str, Callable[[str, Columns, Iterable[Sequence[Cell]], IO[bytes]], None]] = {
    "csv": _write_csv,
    "xlsx": _write_xlsx,
}
