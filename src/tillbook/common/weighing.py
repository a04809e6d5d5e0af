"""Whether very many sums agree, told by one sum of each side.

Every amount is multiplied by a number that hangs on what it counts for, the order or the customer, and on a
seed that nobody knows. Where all sums agree the two products' sums do; where one does not they differ, but
for one seed in about 2^32. Which one it is, only the exact statement says. PostgreSQL alone has the hash.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from tillbook.common import statements

#: Amounts must be below this to be weighed, whichever their sign: a product fits into 64 bits.
BELOW = 2**31
_WEIGHTS = 2**32 - 1


class Term(NamedTuple):
    """One side of what should agree: an amount of each row of a table, or of a join."""

    table: str  # as FROM has it
    counts_for: str  # a hash: of `number_hash` or `text_hash`
    amount: str
    where: str = "TRUE"  # which of the rows


@dataclass(slots=True)
class Carried:
    """A term that whoever reads its table anyway adds up in the same pass, by `figure`."""

    term: Term
    total: int | None = None  # None: nobody did, or an amount was too large to be weighed


class Pair(NamedTuple):
    """Two sides that should have the same sum for everything they count for."""

    one: Term
    other: Term


def new_seed() -> int:
    """A seed for one run. It is never told: whoever knew it could make sums that agree."""
    return secrets.randbits(63)


def can_weigh() -> bool:
    """Whether the database has the hash that weights are made of."""
    return connection.vendor == "postgresql"


def number_hash(seed: int | str, number: str) -> str:
    """The term for the hash of a whole number, such as an id. `seed` may be a hash: of both, then."""
    # All 64 bits of a number go into the seed; of what is hashed the server folds one half onto the other.
    return f"hashint4extended(0, {seed} # ({number}))"


def text_hash(seed: int | str, number: str, text: str) -> str:
    """The term for the hash of a text with a whole number, such as a customer's id."""
    return f"hashtextextended({text}, {seed} # ({number}))"


def agreeing(pairs: Mapping[str, Pair], known: Mapping[Term, int] | None = None) -> set[str]:
    """The names of the pairs that agree; on SQLite none, as none can be weighed there.

    Terms in `known` were added up before.
    """
    if not can_weigh():
        return set()
    known = known or {}
    terms = {term for pair in pairs.values() for term in pair}
    sums = {**known, **_sums(terms - known.keys())}
    return {
        name for name, (one, other) in pairs.items() if sums[one] is not None and sums[one] == sums[other]
    }


def _sums(terms: Iterable[Term]) -> Mapping[Term, int | None]:
    """The sum of each term, or None where an amount is too large to be weighed; a table is read once."""
    by_rows: dict[tuple[str, str], list[Term]] = defaultdict(list)
    for term in terms:
        by_rows[term.table, term.where].append(term)
    found: dict[Term, int | None] = {}
    for (table, where), own in by_rows.items():
        figures = [
            f"coalesce(sum({_weighed(term)}), 0), coalesce(bit_or({_size(term.amount)}), 0)" for term in own
        ]
        (row,) = statements.select(f"SELECT {', '.join(figures)} FROM {table} WHERE {where}", [])
        for term, total, bits in zip(own, row[::2], row[1::2], strict=True):
            found[term] = int(total) if int(bits) < BELOW else None
    return found


def figure(term: Term) -> str:
    """The sum of the term in a statement that has its table; it holds if all amounts are below BELOW."""
    return f"coalesce(sum({_weighed(term)}) FILTER (WHERE {term.where}), 0)"


def _weighed(term: Term) -> str:
    """The amount times its weight; what is not below BELOW gives nonsense, but no error."""
    return f"(({term.counts_for}) & {_WEIGHTS}) * mod({term.amount}, {BELOW})"


def _size(amount: str) -> str:
    """A number below BELOW where the amount is, whichever its sign; the bits of many show the largest."""
    return f"({amount}) # (({amount}) >> 63)"
