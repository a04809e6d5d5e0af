"""Journals as CSV: UTF-8, lines that end in CR LF, one currency a file.

Xero takes manual journals in the organisation's own currency, QuickBooks' journal import names none.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from tillbook.common.cells import unlike_a_formula
from tillbook.common.errors import InvalidInput
from tillbook.exporters.account_mapping import AccountMapping
from tillbook.exporters.journal import Journal, shown
from tillbook.exporters.plain_text import one_line

XERO_LINES = 300  # most lines that Xero imports from one file


def xero(journal: Journal, mapping: AccountMapping) -> Iterator[str]:
    """Xero's template of manual journals: lines of the same narration and date are one journal.

    Dates are dd/mm/yyyy, a debit is above zero and a credit below. Source: Xero's help, "Enter
    multiple manual journals using an import template", help.xero.com/nz/ManualJournalsImport.
    """
    yield _row(["*Narration", "*Date", "Description", "*AccountCode", "*TaxRate", "*Amount"])
    for booking in _of_one_currency(journal):
        narration = _text(f"{booking.number} {booking.narration}")
        for name, minor, description in booking.postings:
            account = mapping.account(name, booking.currency)
            amount = shown(minor, booking.currency)
            yield _row([narration, f"{booking.day:%d/%m/%Y}", description, account, mapping.tax_rate, amount])


def quickbooks(journal: Journal, mapping: AccountMapping) -> Iterator[str]:
    """QuickBooks Online's columns: lines of the same number are one journal.

    Amounts are above zero, in one of two columns; dates are mm/dd/yyyy. Source: Intuit's help,
    "Import journal entries", quickbooks.intuit.com/learn-support.
    """
    yield _row(["Journal No.", "Journal Date", "Account Name", "Description", "Debits", "Credits"])
    for booking in _of_one_currency(journal):
        for name, minor, happened in booking.postings:
            account = mapping.account(name, booking.currency)
            description = _text(booking.narration if booking.facts else happened)
            amount = shown(abs(minor), booking.currency)
            sides = [amount, ""] if minor > 0 else ["", amount]
            yield _row([booking.number, f"{booking.day:%m/%d/%Y}", account, description, *sides])


def _of_one_currency(journal: Journal) -> Iterator[Any]:
    first = None
    for booking in journal.bookings():
        first = first or booking.currency
        if booking.currency != first:
            raise InvalidInput(
                f"The period has {first} and {booking.currency}, and such a file takes one currency. "
                f"Export each by itself: --currency {first}.",
                field="currency",
            )
        yield booking


def _text(text: str) -> str:
    plain = one_line(text)
    return unlike_a_formula(plain)


def _row(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()
