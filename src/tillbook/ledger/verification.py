"""Proving the whole book: every transfer, counter and projection row (R8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection

from tillbook.common.findings import Finding
from tillbook.ledger.book import Line
from tillbook.ledger.models import Account, Balance
from tillbook.ledger.queries import BELONGS_NOWHERE, Broken, add_balance, replay
from tillbook.ledger.steady import EVERYBODY, Range, of_range, steady, streamed, within

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
        for account, lines in accounts_with_lines(wanted):
            proof.transfers += len(lines)
            if account is None:
                first = lines[0]
                proof.broken.append(Broken(first.customer_id, first.account_id, first.seq, BELONGS_NOWHERE))
                continue
            proof.accounts += 1
            found = replay(account, lines)
            if found.problem is not None:
                proof.broken.append(found.problem)
            add_balance(sums, (account.customer_id, account.currency), found)
            add_balance(proof.sums, account.currency, found)
        _check_projection(wanted, sums, proof)
    return proof


def select_lines() -> str:
    """The SELECT of every column of the transfers, as cheap as the database hands them out."""
    return _SELECT_LINES if connection.vendor == "postgresql" else _SELECT_LINES_SQLITE


def lines_of(wanted: Range) -> Iterator[Line]:
    """Every line of the customers in the range, account by account, in its order."""
    condition, parameters = within(wanted, "customer_id")
    rows = streamed(f"{select_lines()} WHERE {condition} ORDER BY customer_id, account_id, seq", parameters)
    if connection.vendor == "postgresql":
        yield from map(Line._make, rows)
        return
    for row in rows:
        yield Line._make(
            (*row[:5], row[5] == 1, *row[6:14], _stored_moment(row[14]), _stored_moment(row[15]), *row[16:])
        )


@lru_cache(maxsize=256)
def _stored_moment(text: str) -> datetime:
    """The moment that SQLite stores as text, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def accounts_with_lines(wanted: Range) -> Iterator[tuple[Account | None, list[Line]]]:
    """Every account of the range with its lines, and None with lines whose account is missing.

    Call it inside `steady`.
    """
    found = ((place, list(chain)) for place, chain in groupby(lines_of(wanted), key=itemgetter(0, 1)))
    chain = next(found, None)
    for account in _accounts(wanted):
        place = (account.customer_id, account.id)
        while chain is not None and chain[0] < place:
            yield None, chain[1]
            chain = next(found, None)
        if chain is not None and chain[0] == place:
            yield account, chain[1]
            chain = next(found, None)
        else:
            yield account, []
    while chain is not None:
        yield None, chain[1]
        chain = next(found, None)


def _accounts(wanted: Range) -> Iterable[Account]:
    rows = Account.objects.filter(of_range(wanted)).order_by("customer_id", "id")
    return rows.iterator(chunk_size=2000)


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
