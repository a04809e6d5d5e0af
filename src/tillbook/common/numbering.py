"""Public numbers of documents: CR-1042, RF-1042, RMA-1042."""

from __future__ import annotations

import re

# The first document is number 1001: a shop's first slip should not look like a test.
_OFFSET = 1000
_NUMBER = re.compile(r"([A-Z]+)-([1-9][0-9]{3,17})", re.ASCII)


def public_number(prefix: str, row_id: int) -> str:
    """The number people see for row `row_id`: public_number("CR", 42) is "CR-1042"."""
    return f"{prefix}-{row_id + _OFFSET}"


def row_id(prefix: str, number: str) -> int | None:
    """The row behind a public number, or None if `number` is not one of that prefix."""
    match = _NUMBER.fullmatch(number.strip().upper())
    if match is None or match[1] != prefix:
        return None
    return int(match[2]) - _OFFSET
