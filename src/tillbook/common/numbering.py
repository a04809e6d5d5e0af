"""Public numbers of documents: CR-1042, RF-1042, RMA-1042."""

from __future__ import annotations

import re

# The first document is number 1001: a shop's first slip should not look like a test.
_OFFSET = 1000
_NUMBER = re.compile(r"([A-Z]+)-([1-9][0-9]{3,17})", re.ASCII)


def public_number(prefix: str, row_id: int) -> str:
    """The number people see for row `row_id`: public_number("CR", 42) is "CR-1042"."""
    return f"{prefix}-{row_id + _OFFSET}"


def number_sql(prefix: str, row_id: str) -> str:
    """The same in a statement, where the term `row_id` is a row's id: number_sql("RF", "r.id")."""
    return f"'{prefix}-' || CAST({row_id} + {_OFFSET} AS text)"


def row_id(prefix: str, number: str) -> int | None:
    """The row behind a public number, or None if `number` is not one of that prefix."""
    match = _NUMBER.fullmatch(number.strip().upper())
    if match is None or match[1] != prefix:
        return None
    return row_id_of(match[2])


def row_id_of(digits: str) -> int:
    """The row behind the digits of its public number: row_id_of("1042") is 42."""
    return int(digits) - _OFFSET
