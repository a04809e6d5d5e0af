"""Proving the whole book: every transfer, counter and projection row (R8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from tillbook.common.findings import Finding
from tillbook.ledger.book import EPOCH, Line
from tillbook.ledger.following import Head, follows, micros_of_number, micros_of_text
from tillbook.ledger.models import Account, Balance
from tillbook.ledger.queries import BELONGS_NOWHERE, Broken, add_balance, replay
from tillbook.ledger.steady import EVERYBODY, Range, of_range, steady, streamed, within

_SELECT_HEADS = f"SELECT {', '.join(Head._fields)} FROM ledger_account"
_SELECT_LINES = (
    "SELECT customer_id, account_id, seq, kind, house, inward, amount_minor, hold_seq, reason, reference, "
    "key, part, content, actor, effective_at, recorded_at, posted_minor, held_minor, digest "
    "FROM ledger_transfer"
)
# A bare column would pass through Django's converters on SQLite; a term comes as it is stored.
_SELECT_LINES_SQLITE = (
    _SELECT_LINES.replace("inward", "+inward")
    .replace("effective_at", "+effective_at")
    .replace("recorded_at", "+recorded_at")
)


@dataclass(slots=True)
class Proof:
    """What a check of the book, or of a range of it, looked at, and what it found."""

    accounts: int = 0
    transfers: int = 0
    balances: int = 0
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)  # currency -> available, held (minor)
    houses: dict[str, int] = field(default_factory=dict)  # house -> what it holds (minor), sums depth only
    broken: list[Broken] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)  # what does not agree among documents

    def add(self, other: Proof) -> None:
        """Count in what another range gave."""
        self.accounts += other.accounts
        self.transfers += other.transfers
        self.balances += other.balances
        for currency, (available, held) in other.sums.items():
            before = self.sums.get(currency, (0, 0))
            self.sums[currency] = (before[0] + available, before[1] + held)
        for house, minor in other.houses.items():
            self.houses[house] = self.houses.get(house, 0) + minor
        self.broken += other.broken
        self.findings += other.findings

    def as_data(self) -> dict[str, Any]:
        """The same as JSON takes it."""
        return asdict(self)

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> Proof:
        """The proof that `as_data` told."""
        sums = {currency: (available, held) for currency, (available, held) in data["sums"].items()}
        broken = [Broken(**each) for each in data["broken"]]
        findings = [Finding(*each) for each in data["findings"]]
        return cls(**{**data, "sums": sums, "broken": broken, "findings": findings})


def verify(wanted: Range = EVERYBODY, moment: str = "") -> Proof:
    """Check every transfer, counter and projection row of the customers in the range.

    Streams, as of one moment; memory is one account's chain and a row per customer.
    """
    proof = Proof()
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    with steady(moment):
        for head, rows in heads_with_rows(wanted):
            proof.transfers += len(rows)
            if head is None:
                customer_id, account_id, seq = rows[0][:3]
                proof.broken.append(Broken(customer_id, account_id, seq, BELONGS_NOWHERE))
                continue
            proof.accounts += 1
            posted, held, problem = _checked(head, rows)
            if problem is not None:
                proof.broken.append(problem)
            add_balance(sums, (head.customer_id, head.currency), posted, held)
            add_balance(proof.sums, head.currency, posted, held)
        _check_projection(wanted, sums, proof)
    return proof


def _checked(head: Head, rows: Sequence[tuple[Any, ...]]) -> tuple[int, int, Broken | None]:
    """What an account has posted and held by its rows, and what is wrong with it, if anything."""
    try:
        if is_sound(head, rows):
            return head.posted_minor, head.held_minor, None
        found = replay(Account(**head._asdict()), [_line(row) for row in rows])
    except (TypeError, ValueError):
        # SQLite keeps any value in any column, and hands it out: a word for an amount.
        return 0, 0, Broken(head.customer_id, head.id, None, "holds values that no transfer can have")
    return found.posted, found.held, found.problem


def select_lines() -> str:
    """The SELECT of every column of the transfers, as cheap as the database hands them out."""
    return _SELECT_LINES if connection.vendor == "postgresql" else _SELECT_LINES_SQLITE


def _line(row: tuple[Any, ...]) -> Line:
    """A row that `heads_with_rows` gave, with truth and moments as Django has them."""
    if connection.vendor == "postgresql":
        return Line._make((*row[:14], *map(_moment, row[14:16]), *row[16:]))
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in row[14:16]]
    return Line._make((*row[:5], row[5] == 1, *row[6:14], *at, *row[16:]))


def _moment(number: int) -> datetime:
    """The moment that PostgreSQL sends as that number; what is none in Python is the last there is."""
    try:
        return EPOCH + timedelta(microseconds=micros_of_number(number))
    except OverflowError:  # "infinity", or a year of five digits: no digest has it
        return datetime.max.replace(tzinfo=UTC)


def is_sound(head: Head, rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether the rows of `heads_with_rows`, all of an account in their order, end in `head`."""
    return follows(head, rows, micros_of_number if connection.vendor == "postgresql" else micros_of_text)


def heads_with_rows(wanted: Range) -> Iterator[tuple[Head | None, list[tuple[Any, ...]]]]:
    """Every account with its rows of `select_lines`, and None with rows whose account is missing.

    Moments are numbers on PostgreSQL: making them of thousands of rows takes as long as hashing those.
    Call it inside `steady`.
    """
    condition, bounds = within(wanted, "customer_id")
    heads = streamed(f"{_SELECT_HEADS} WHERE {condition} ORDER BY customer_id, id", bounds)
    ordered = f"{select_lines()} WHERE {condition} ORDER BY customer_id, account_id, seq"
    rows = streamed(ordered, bounds, numbered_moments=True)
    found = ((place, list(chain)) for place, chain in groupby(rows, key=itemgetter(0, 1)))
    chain = next(found, None)
    for head in map(Head._make, heads):
        place = head[:2]
        while chain is not None and chain[0] < place:
            yield None, chain[1]
            chain = next(found, None)
        if chain is not None and chain[0] == place:
            yield head, chain[1]
            chain = next(found, None)
        else:
            yield head, []
    while chain is not None:
        yield None, chain[1]
        chain = next(found, None)


def _check_projection(wanted: Range, sums: dict[tuple[int, str], tuple[int, int]], proof: Proof) -> None:
    rows = Balance.objects.filter(of_range(wanted)).order_by("customer_id", "currency")
    for row in rows.iterator(chunk_size=2000):
        proof.balances += 1
        derived = sums.pop((row.customer_id, row.currency), (0, 0))
        if (row.available_minor, row.held_minor) != derived:
            problem = f"has a {row.currency} projection that its transfers do not give"
            proof.broken.append(Broken(row.customer_id, None, None, problem))
    for (customer_id, currency), derived in sums.items():
        if derived != (0, 0):
            proof.broken.append(Broken(customer_id, None, None, f"has no {currency} projection"))
