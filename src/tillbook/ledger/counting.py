"""Counting the transfers, and what each house holds, in whatever pass looks at them all."""

from __future__ import annotations

from collections.abc import Sequence

from tillbook.common import statements
from tillbook.ledger.steady import Range, within
from tillbook.ledger.verification import Proof

#: What a transfer `t` adds to posted, and to held where it resolves no hold.
POSTED = (
    "CASE WHEN t.kind IN ('hold', 'release') THEN 0 WHEN t.kind = 'capture' THEN -t.amount_minor "
    "WHEN t.inward THEN t.amount_minor ELSE -t.amount_minor END"
)
HELD = "CASE WHEN t.kind = 'hold' THEN t.amount_minor ELSE 0 END"


def add_transfers(proof: Proof, wanted: Range, figures: Sequence[str], beside: str = "") -> list[int]:
    """Count the transfers, and what each house holds: its side of every one that moved posted.

    In the same pass other `figures`, aggregates of each house's, are added up: their sums.
    """
    condition, bounds = within(wanted, "t.customer_id")
    sums = [0] * len(figures)
    for house, transfers, minor, *others in statements.select(
        f"SELECT t.house, count(*), sum({POSTED}), {', '.join(figures)} FROM ledger_transfer AS t {beside} "
        f"WHERE {condition} GROUP BY t.house",
        bounds,
    ):
        proof.transfers += transfers
        proof.houses[house] = -int(minor)
        sums = [before + int(other) for before, other in zip(sums, others, strict=True)]
    return sums
