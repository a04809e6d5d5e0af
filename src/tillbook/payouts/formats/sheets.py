"""A payout as a table, for banks that take one: CSV for programs, XLSX for people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

import xlsxwriter

from tillbook.common.cells import unlike_a_formula
from tillbook.common.money import Money, exponent
from tillbook.payouts.instructions import Instruction, Run

_COLUMNS = ("reference", "name", "branch", "account", "bic", "amount", "currency", "pay_on")


def csv_written(run: Run) -> bytes:
    """UTF-8 with a byte order mark, by which spreadsheets know it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    writer.writerows([unlike_a_formula(cell) for cell in row] for row in _rows(run))
    return text.getvalue().encode("utf-8-sig")


def xlsx_written(run: Run) -> bytes:
    """One sheet; account numbers are text, so that their zeros stay."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(
        file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": run.reference, "created": run.made_at.replace(tzinfo=None)})
    sheet = book.add_worksheet(run.reference)
    digits = exponent(run.currency)
    amount = book.add_format({"num_format": "#,##0" + ("." + "0" * digits if digits else "")})
    head = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(_COLUMNS) - 1, 20)
    sheet.write_row(0, 0, _COLUMNS, head)
    for line, row in enumerate(_rows(run), start=1):
        for place, cell in enumerate(row):
            if _COLUMNS[place] == "amount":
                sheet.write_number(line, place, Decimal(cell), amount)
            else:
                sheet.write_string(line, place, cell)
    book.close()
    return file.getvalue()


def _rows(run: Run) -> Iterator[list[str]]:
    return (_row(run, each) for each in run.instructions)


def _row(run: Run, each: Instruction) -> list[str]:
    account = each.account
    amount = Money(each.minor, run.currency).decimal()
    return [
        each.reference, each.name, account.branch, account.number, account.bic, amount, run.currency,
        run.pay_on.isoformat(),
    ]  # fmt: skip
