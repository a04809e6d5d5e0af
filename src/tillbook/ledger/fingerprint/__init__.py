"""Whether every balance of the book continues, told by one number: see docs/decisions/0008.

For each transfer a keyed hash of the state after it is added, and that of the state before it subtracted. In
an unbroken book these cancel out, down to the accounts' own counters.
"""

from __future__ import annotations

from tillbook.common import statements
from tillbook.common.weighing import Carried
from tillbook.ledger.fingerprint import postgresql, sqlite
from tillbook.ledger.verification import Proof


def agrees(proof: Proof, carried: Carried | None = None) -> bool | None:
    """Whether the states before and after all transfers cancel out to the accounts' counters.

    Counts the transfers and what the houses hold into `proof`, in the same pass, and on PostgreSQL adds up
    the term over `ledger_transfer AS t` that is carried. None, and nothing is counted, where SQLite can't
    tell: where numbers are too large for it, or a row is of no known kind.
    """
    return postgresql.agrees(proof, carried) if statements.is_postgresql() else sqlite.agrees(proof)
