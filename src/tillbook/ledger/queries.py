"""Reading the book, and proving it from its transfers alone (R8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from tillbook.ledger.book import Line, chained, effect, genesis
from tillbook.ledger.models import Account, Balance, Kind, Transfer


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of an account, or of the projection, that does not agree with the rest."""

    customer_id: int
    account_id: int | None
    seq: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What an account's transfers alone give, in minor units, beside what the account says."""

    customer_id: int
    account_id: int
    currency: str
    posted: int
    held: int
    stored: tuple[int, int]  # posted and held, as the account has them
    broken: Broken | None  # the first row of the chain that does not follow

    @property
    def problem(self) -> Broken | None:
        """The first thing wrong with the account: a row of its chain, or else its counters."""
        if self.broken is None and self.stored != (self.posted, self.held):
            what = "has counters that are not the sum of its transfers"
            return Broken(self.customer_id, self.account_id, None, what)
        return self.broken


@dataclass(slots=True)
class Proof:
    """What a check of the whole book looked at, and what it found."""

    accounts: int = 0
    transfers: int = 0
    balances: int = 0
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)  # currency -> available, held (minor)
    broken: list[Broken] = field(default_factory=list)


def balances_of(customer_id: int) -> list[Balance]:
    """The customer's projection rows, one per currency."""
    return list(Balance.objects.filter(customer_id=customer_id).order_by("currency"))


def currencies_of(customer_id: int) -> set[str]:
    """The currencies that the customer has or had credit in."""
    return set(Account.objects.filter(customer_id=customer_id).values_list("currency", flat=True))


def derived_balances(customer_id: int) -> dict[str, tuple[int, int]]:
    """currency -> (available, held) in minor units, replayed from the transfers alone."""
    sums: dict[str, tuple[int, int]] = {}
    for each in replayed(customer_id):
        _add(sums, each.currency, each)
    return sums


def replayed(customer_id: int) -> list[Replayed]:
    """Each account of the customer, replayed from its transfers alone."""
    accounts = Account.objects.filter(customer_id=customer_id).order_by("id")
    chains = dict(_chains(Transfer.objects.filter(customer_id=customer_id)))
    return [_replay(account, chains.get((customer_id, account.id), [])) for account in accounts]


def verify() -> Proof:
    """Check every transfer, counter and projection row. Streams; memory is one account's chain."""
    proof = Proof()
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    for account, lines in _accounts_with_lines():
        proof.transfers += len(lines)
        if account is None:
            first = lines[0]
            proof.broken.append(
                Broken(first.customer_id, first.account_id, first.seq, "belongs to no account")
            )
            continue
        proof.accounts += 1
        found = _replay(account, lines)
        if found.problem is not None:
            proof.broken.append(found.problem)
        for totals, place in (
            (sums, (account.customer_id, account.currency)),
            (proof.sums, account.currency),
        ):
            _add(totals, place, found)
    _check_projection(sums, proof)
    return proof


def _add(totals: dict[Any, tuple[int, int]], place: Any, found: Replayed) -> None:
    available, held = totals.get(place, (0, 0))
    totals[place] = (available + found.posted - found.held, held + found.held)


def _accounts_with_lines() -> Iterator[tuple[Account | None, list[Line]]]:
    """Every account with its lines, and None with lines whose account is missing."""
    chains = _chains(Transfer.objects.all())
    chain = next(chains, None)
    for account in Account.objects.order_by("customer_id", "id").iterator(chunk_size=2000):
        place = (account.customer_id, account.id)
        while chain is not None and chain[0] < place:
            yield None, chain[1]
            chain = next(chains, None)
        if chain is not None and chain[0] == place:
            yield account, chain[1]
            chain = next(chains, None)
        else:
            yield account, []
    while chain is not None:
        yield None, chain[1]
        chain = next(chains, None)


def _chains(transfers: QuerySet[Transfer]) -> Iterator[tuple[tuple[int, int], list[Line]]]:
    """((customer_id, account_id), its lines in their order), account by account."""
    rows = transfers.order_by("customer_id", "account_id", "seq").values_list(*Line._fields)
    lines = (Line._make(row) for row in rows.iterator(chunk_size=2000))
    for place, chain in groupby(lines, key=attrgetter("customer_id", "account_id")):
        yield place, list(chain)


def _replay(account: Account, lines: Sequence[Line]) -> Replayed:
    place = (account.customer_id, account.id)
    digest = genesis(account.customer_id, account.id, account.currency)
    posted = held = 0
    open_holds: dict[int, int] = {}
    broken: Broken | None = None
    for expected, line in enumerate(lines, start=1):
        hold = 0 if line.hold_seq is None else open_holds.pop(line.hold_seq, None)
        by = effect(line.kind, line.inward, line.amount_minor, hold or 0)
        posted, held = posted + by[0], held + by[1]
        if line.kind == Kind.HOLD:
            open_holds[line.seq] = line.amount_minor
        if broken is None:
            digest = chained(digest, line)
            broken = _broken(place, line, expected, digest, hold, (posted, held))
    if broken is None and (account.transfers, bytes(account.digest)) != (len(lines), digest):
        broken = Broken(*place, len(lines) + 1, "is missing: the account knows of other transfers")
    stored = (account.posted_minor, account.held_minor)
    return Replayed(*place, account.currency, posted, held, stored, broken)


def _broken(
    place: tuple[int, int], line: Line, expected: int, digest: bytes, hold: int | None, after: tuple[int, int]
) -> Broken | None:
    """What is wrong with one line, if anything; `hold` is None if the hold it resolves is not open."""
    if line.seq != expected:
        return Broken(*place, expected, "is missing")
    if digest != bytes(line.digest):
        return Broken(*place, line.seq, "was changed: its digest does not follow")
    if hold is None:
        return Broken(*place, line.seq, "resolves a hold that is not open")
    if after != (line.posted_minor, line.held_minor) or not 0 <= after[1] <= after[0]:
        return Broken(*place, line.seq, "has a running balance that does not continue")
    return None


def _check_projection(sums: dict[tuple[int, str], tuple[int, int]], proof: Proof) -> None:
    for row in Balance.objects.order_by("customer_id", "currency").iterator(chunk_size=2000):
        proof.balances += 1
        derived = sums.pop((row.customer_id, row.currency), (0, 0))
        if (row.available_minor, row.held_minor) != derived:
            proof.broken.append(
                Broken(
                    row.customer_id,
                    None,
                    None,
                    f"has a {row.currency} projection that its transfers do not give",
                )
            )
    for (customer_id, currency), derived in sums.items():
        if derived != (0, 0):
            proof.broken.append(Broken(customer_id, None, None, f"has no {currency} projection"))
