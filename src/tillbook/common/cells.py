"""Cells of tables that spreadsheets open."""

from __future__ import annotations

_FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")


def unlike_a_formula(cell: str) -> str:
    """The cell of a table, so that a spreadsheet shows it as text and never runs it."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
