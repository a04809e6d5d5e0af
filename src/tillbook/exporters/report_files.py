"""A report as a file: XLSX and PDF for people, CSV and JSON for programs.

The same report is the same file to the byte: no file knows when it was made, only what it is as of.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import xlsxwriter
from babel.dates import format_skeleton
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from tillbook.common.cells import unlike_a_formula
from tillbook.common.errors import Refusal
from tillbook.common.languages import FOR_PROGRAMS
from tillbook.common.money import Money, exponent
from tillbook.common.pdf import compiled
from tillbook.exporters.reports import Cell, Column, Document, Holds, Row, Section
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("report.typ")
_LONGEST_PDF = 3_000  # rows: some 70 pages; nobody reads more on paper
_LONGEST_SHEET = 1_000_000  # rows: a sheet has 1,048,576
_EXACT_MINOR = 10**15  # a spreadsheet's numbers have 15 digits


class ReportTooLong(Refusal):
    """The report has more rows than this kind of file is made for."""

    code = "report_too_long"


def _write_csv(document: Document, file: IO[bytes]) -> None:
    """One table of all sections, UTF-8 with a byte order mark, amounts as plain decimals. Streams."""
    text = TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerow(["currency", "section", *(column.key for column in document.columns)])
        for section in document.sections:
            for row in section.rows:
                writer.writerow([section.currency, section.title, *_texts(document, section, row)])
    finally:
        text.detach()  # the file is the caller's to close


def _texts(document: Document, section: Section, row: Row) -> list[str]:
    pairs = zip(document.columns, row.cells, strict=True)
    return [_text(column, cell, section.currency) for column, cell in pairs]


def _text(column: Column, cell: Cell, currency: str) -> str:
    if column.holds == Holds.WORDS:
        return unlike_a_formula(str(cell))
    if cell is None:
        return ""
    return Money(int(cell), currency).decimal() if column.holds == Holds.MONEY else str(cell)


def _write_json(document: Document, file: IO[bytes]) -> None:
    """One object, UTF-8, an amount as {"amount": "12.34", "currency": "GBP"}. Streams."""
    basis = document.basis
    head = {
        "report": document.kind,
        **({"from": document.from_at.isoformat()} if document.from_at else {}),
        "as_of": basis.as_of.isoformat(),
        "view": basis.view.value,
        "recorded_by": basis.recorded_by.isoformat(),
    }
    file.write(f'{json.dumps(head)[:-1]}, "sections": ['.encode())
    for place, section in enumerate(document.sections):
        opened = json.dumps({"currency": section.currency, "title": section.title})
        file.write(f'{"," if place else ""}\n{opened[:-1]}, "rows": ['.encode())
        for number, row in enumerate(section.rows):
            file.write(f"{',' if number else ''}\n{json.dumps(_object(document, section, row))}".encode())
        file.write(b"]}")
    file.write(f'], "{document.derived_from}": {document.transfers}}}\n'.encode())


def _object(document: Document, section: Section, row: Row) -> dict[str, Any]:
    pairs = zip(document.columns, row.cells, strict=True)
    cells = {
        column.key: {"amount": Money(int(cell), section.currency).decimal(), "currency": section.currency}
        if column.holds == Holds.MONEY and cell is not None
        else cell
        for column, cell in pairs
    }
    return {**cells, "total": row.total}


def _write_xlsx(document: Document, file: IO[bytes]) -> None:
    """A sheet for each currency, amounts as numbers. Rows are not kept in memory.

    Raises ReportTooLong for more rows than a sheet has.
    """
    book = xlsxwriter.Workbook(file, {"constant_memory": True, "strings_to_formulas": False})
    # The clock is no part of the report: its own moment stands where a file has its date.
    made = document.basis.recorded_by.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    book.set_properties({"title": document.title, "author": shop().name, "created": made})
    try:
        _fill(book, document)
    finally:
        book.close()  # it removes the files in which the rows waited


def _fill(book: xlsxwriter.Workbook, document: Document) -> None:
    sheets: dict[str, _Sheet] = {}
    sheet = None
    for section in document.sections:
        sheet = sheets.get(section.currency)
        if sheet is None:
            sheet = sheets[section.currency] = _Sheet(book, document, section.currency)
        sheet.write(section)
    if sheet is None:
        sheet = _Sheet(book, document, document.currency or "Report")
        sheet.line([_("Nothing had happened by then.")])
    sheet.line([])
    sheet.line([document.derivation])


class _Sheet:
    """The sheet of one currency, written from the top down."""

    def __init__(self, book: xlsxwriter.Workbook, document: Document, name: str) -> None:
        self._document = document
        self._sheet: Worksheet = book.add_worksheet(name)
        self._row = 0
        digits = exponent(name) if len(name) == 3 else 2
        number = "#,##0" + (f".{'0' * digits}" if digits else "")
        looks = {
            Holds.WORDS: {},
            Holds.DAY: {"num_format": "yyyy-mm-dd", "align": "left"},
            Holds.COUNT: {"num_format": "#,##0"},
            Holds.MONEY: {"num_format": number},
        }
        strong = {"bold": True, "top": 1}
        self._plain = {holds: book.add_format({**look}) for holds, look in looks.items()}
        self._total = {holds: book.add_format({**look, **strong}) for holds, look in looks.items()}
        self._bold = book.add_format({"bold": True})
        self._head = book.add_format({"bold": True, "bottom": 1})
        self._right = book.add_format({"bold": True, "bottom": 1, "align": "right"})
        for place, column in enumerate(document.columns):
            self._sheet.set_column(place, place, 36 if place == 0 else 26 if column.holds == "words" else 18)
        self.line([f"{shop().name}: {document.title}"], self._bold)
        for label, words in document.facts:
            self.line([f"{label}: {words}"])

    def line(self, cells: list[str], look: Format | None = None) -> None:
        for place, cell in enumerate(cells):
            self._sheet.write_string(self._row, place, cell, look)
        self._row += 1

    def write(self, section: Section) -> None:
        self.line([])
        self.line([f"{section.title}, {section.currency}"], self._bold)
        for place, column in enumerate(self._document.columns):
            look = self._head if column.at_left else self._right
            self._sheet.write_string(self._row, place, column.label, look)
        self._row += 1
        for row in section.rows:
            self._write(section, row)

    def _write(self, section: Section, row: Row) -> None:
        if self._row >= _LONGEST_SHEET:
            raise ReportTooLong(
                _("A sheet has no room for more than %(most)s rows. Ask for CSV instead.")
                % {"most": f"{_LONGEST_SHEET:,}"}
            )
        looks = self._total if row.total else self._plain
        for place, (column, cell) in enumerate(zip(self._document.columns, row.cells, strict=True)):
            look = looks[column.holds]
            if cell is None:
                self._sheet.write_blank(self._row, place, None, look)
            elif column.holds == Holds.WORDS:
                self._sheet.write_string(self._row, place, str(cell), look)
            elif column.holds == Holds.DAY:
                self._sheet.write_datetime(self._row, place, date.fromisoformat(str(cell)), look)
            else:
                self._number(place, column, int(cell), section.currency, look)
        self._row += 1

    def _number(self, place: int, column: Column, value: int, currency: str, look: Format) -> None:
        text = Money(value, currency).decimal() if column.holds == Holds.MONEY else str(value)
        if abs(value) < _EXACT_MINOR:
            # A Decimal made from text is exact, and so is what 15 digits of it write.
            self._sheet.write_number(self._row, place, Decimal(text), look)
        else:
            self._sheet.write_string(self._row, place, text, look)


def _write_pdf(document: Document, file: IO[bytes]) -> None:
    """The report on A4 pages. Raises ReportTooLong for more rows than anybody reads on paper."""
    sections, rows = [], 0
    for section in document.sections:
        shown = []
        for row in section.rows:
            shown.append(_printed(document, section, row))
            rows += 1
            if rows > _LONGEST_PDF:
                raise ReportTooLong(
                    _("A PDF has at most %(most)s rows. Ask for XLSX or CSV, or for one currency.")
                    % {"most": f"{_LONGEST_PDF:,}"}
                )
        columns = [document.columns[place] for place in document.seen(section)]
        heads = [{"label": column.label, "words": column.at_left} for column in columns]
        sections.append(
            {"currency": section.currency, "title": section.title, "columns": heads, "rows": shown}
        )
    made = document.basis.recorded_by.astimezone(UTC)
    page = {
        "shop": {
            "name": shop().name,
            "address": [line for line in shop().address.splitlines() if line.strip()],
        },
        "title": document.title,
        "facts": [[label, words] for label, words in document.facts],
        "sections": sections,
        "nothing": _("Nothing had happened by then."),
        "page": _("Page {page} of {pages}"),
        "language": get_language() or FOR_PROGRAMS,
        "derivation": " ".join([document.derivation, _("Nothing was taken from stored balances.")]),
        "unprinted": _("Some characters could not be printed. Their place shows an empty box."),
        "made": [made.year, made.month, made.day, made.hour, made.minute, made.second],
    }
    # The template says if its fonts lack any of these.
    beyond_ascii = {each for each in json.dumps(page, ensure_ascii=False) if not each.isascii()}
    file.write(compiled(_TEMPLATE, {"report": json.dumps(page | {"characters": sorted(beyond_ascii)})}))


def _printed(document: Document, section: Section, row: Row) -> dict[str, Any]:
    cells = [
        shown(document.columns[place], row.cells[place], section.currency) for place in document.seen(section)
    ]
    return {"cells": cells, "total": row.total}


def shown(column: Column, cell: Cell, currency: str) -> str:
    """The cell as people of the shop's locale read it; empty where there is none."""
    if cell is None:
        return ""
    if column.holds == Holds.WORDS:
        return "".join(each if each.isprintable() else " " for each in str(cell))
    if column.holds == Holds.DAY:
        return str(format_skeleton("yMMMd", date.fromisoformat(str(cell)), locale=shop().locale))
    if column.holds == Holds.COUNT:
        return f"{int(cell):,}"
    return Money(int(cell), currency).localized(shop().locale).replace("-", "\N{MINUS SIGN}")


_WRITERS: dict[str, Callable[[Document, IO[bytes]], None]] = {
    "csv": _write_csv,
    "json": _write_json,
    "xlsx": _write_xlsx,
    "pdf": _write_pdf,
}

#: file ending -> its media type
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def write(document: Document, ending: str, file: IO[bytes]) -> None:
    """Write the report to `file` as what files of that ending are. Raises ReportTooLong."""
    with closing(document):
        _WRITERS[ending](document, file)
