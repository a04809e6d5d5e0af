"""What a check of the records finds."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """A record that does not agree with the book: whose, which, and in what."""

    customer_id: int
    subject: str  # the public number of a document; empty for the customer's own figures
    problem: str
