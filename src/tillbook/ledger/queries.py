"""Reading the book, and proving it from its transfers alone (R8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from itertools import groupby
from operator import attrgetter

from tillbook.ledger.book import Line, chained, effect, genesis
from tillbook.ledger.models import Account, Balance, Kind, Transfer

_COLUMNS = [each.name for each in fields(Line)]


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row of an account, or of the projection, that does not agree with the rest."""

    customer_id: int
    account_id: int | None
    seq: int | None
    problem: str


@dataclass(slots=True)
class Proof:
    """What a check of the whole book looked at, and what it found."""

    accounts: int = 0
    transfers: int = 0
    balances: int = 0
    broken: list[Broken] = field(default_factory=list)


def balances_of(customer_id: int) -> list[Balance]:
    """The customer's projection rows, one per currency."""
    return list(Balance.objects.filter(customer_id=customer_id).order_by("currency"))


def derived_balances(customer_id: int) -> dict[str, tuple[int, int]]:
    """currency -> (available, held) in minor units, replayed from the transfers alone."""
    currencies = dict(Account.objects.filter(customer_id=customer_id).values_list("id", "currency"))
    sums: dict[str, tuple[int, int]] = {}
    rows = Transfer.objects.filter(customer_id=customer_id).order_by("account_id", "seq").iterator()
    for account_id, transfers in groupby(rows, key=attrgetter("account_id")):
        posted, held = _replayed(list(transfers))
        before = sums.get(currencies[account_id], (0, 0))
        sums[currencies[account_id]] = (before[0] + posted - held, before[1] + held)
    return sums


def _replayed(transfers: list[Transfer]) -> tuple[int, int]:
    posted = held = 0
    holds = {row.seq: row.amount_minor for row in transfers if row.kind == Kind.HOLD}
    for row in transfers:
        by = effect(row.kind, row.inward, row.amount_minor, holds.get(row.hold_seq or 0, 0))
        posted, held = posted + by[0], held + by[1]
    return posted, held


def verify() -> Proof:
    """Check every transfer, counter and projection row. Streams; memory is one account's chain."""
    proof = Proof()
    sums: dict[tuple[int, str], tuple[int, int]] = {}
    chains = _chains()
    chain = next(chains, None)
    for account in Account.objects.order_by("customer_id", "id").iterator(chunk_size=2000):
        place = (account.customer_id, account.id)
        while chain is not None and chain[0] < place:
            proof.broken.append(Broken(*chain[0], chain[1][0].seq, "belongs to no account"))
            chain = next(chains, None)
        transfers = chain[1] if chain is not None and chain[0] == place else []
        proof.accounts += 1
        proof.transfers += len(transfers)
        found = _check_account(account, transfers)
        if found is not None:
            proof.broken.append(found)
        if transfers:
            chain = next(chains, None)
        before = sums.get((account.customer_id, account.currency), (0, 0))
        posted, held = _replayed(transfers)
        sums[account.customer_id, account.currency] = (before[0] + posted - held, before[1] + held)
    while chain is not None:
        proof.broken.append(Broken(*chain[0], chain[1][0].seq, "belongs to no account"))
        chain = next(chains, None)
    _check_projection(sums, proof)
    return proof


def _chains() -> Iterator[tuple[tuple[int, int], list[Transfer]]]:
    rows = Transfer.objects.order_by("customer_id", "account_id", "seq").iterator(chunk_size=2000)
    for place, chain in groupby(rows, key=attrgetter("customer_id", "account_id")):
        yield place, list(chain)


def _check_account(account: Account, transfers: list[Transfer]) -> Broken | None:
    """The first broken row of one account, or None."""
    place = (account.customer_id, account.id)
    digest = genesis(account.customer_id, account.id, account.currency)
    posted = held = 0
    open_holds: dict[int, int] = {}
    for expected, row in enumerate(transfers, start=1):
        if row.seq != expected:
            return Broken(*place, expected, "is missing")
        digest = chained(digest, _line(row))
        if digest != bytes(row.digest):
            return Broken(*place, row.seq, "was changed: its digest does not follow")
        if row.kind == Kind.HOLD:
            open_holds[row.seq] = row.amount_minor
        hold = open_holds.pop(row.hold_seq, None) if row.hold_seq is not None else 0
        if hold is None:
            return Broken(*place, row.seq, "resolves a hold that is not open")
        by = effect(row.kind, row.inward, row.amount_minor, hold)
        posted, held = posted + by[0], held + by[1]
        if (posted, held) != (row.posted_minor, row.held_minor) or not 0 <= held <= posted:
            return Broken(*place, row.seq, "has a running balance that does not continue")
    if account.transfers != len(transfers) or bytes(account.digest) != digest:
        return Broken(*place, len(transfers) + 1, "is missing: the account knows of other transfers")
    if (account.posted_minor, account.held_minor) != (posted, held):
        return Broken(*place, None, "has counters that are not the sum of its transfers")
    return None


def _line(row: Transfer) -> Line:
    return Line(**{name: getattr(row, name) for name in _COLUMNS})


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
