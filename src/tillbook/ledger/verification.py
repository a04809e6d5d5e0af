"""Proving the whole book: every transfer, counter and projection row (R8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tillbook.ledger.book import Line
from tillbook.ledger.models import Account, Balance, Transfer
from tillbook.ledger.queries import Broken, add_balance, chains, replay


@dataclass(slots=True)
class Proof:
    """What a check of the whole book looked at, and what it found."""

    accounts: int = 0
    transfers: int = 0
    balances: int = 0
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)  # currency -> available, held (minor)
    broken: list[Broken] = field(default_factory=list)


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
        found = replay(account, lines)
        if found.problem is not None:
            proof.broken.append(found.problem)
        add_balance(sums, (account.customer_id, account.currency), found)
        add_balance(proof.sums, account.currency, found)
    _check_projection(sums, proof)
    return proof


def _accounts_with_lines() -> Iterator[tuple[Account | None, list[Line]]]:
    """Every account with its lines, and None with lines whose account is missing."""
    found = chains(Transfer.objects.all())
    chain = next(found, None)
    for account in Account.objects.order_by("customer_id", "id").iterator(chunk_size=2000):
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
