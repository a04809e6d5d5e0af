"""Reading the book, and replaying it from its transfers alone (R8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple, TypeVar

from django.db.models import QuerySet, Sum

from tillbook.ledger.book import Line, chained, effect, genesis
from tillbook.ledger.models import Account, Balance, Kind, Transfer

T = TypeVar("T")

NOT_CONTINUED = "has a running balance that does not continue"
BELONGS_NOWHERE = "belongs to no account"


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
    counted: int  # transfers that the account knows of
    broken: Broken | None  # the first row of the chain that does not follow

    @property
    def problem(self) -> Broken | None:
        """The first thing wrong with the account: a row of its chain, or else its counters."""
        if self.broken is None and self.stored != (self.posted, self.held):
            what = "has counters that are not the sum of its transfers"
            return Broken(self.customer_id, self.account_id, None, what)
        return self.broken


class Total(NamedTuple):
    """What all customers together have in one currency, in minor units."""

    currency: str
    available_minor: int
    held_minor: int

    @property
    def owed_minor(self) -> int:
        return self.available_minor + self.held_minor


class History(NamedTuple):
    """What an account's transfers give, and those transfers in their order."""

    found: Replayed
    lines: list[Line]


def balances_of(customer_id: int) -> list[Balance]:
    """The customer's projection rows, one per currency."""
    return list(Balance.objects.filter(customer_id=customer_id).order_by("currency"))


def totals() -> list[Total]:
    """What everybody has, by currency; currencies in which nobody has anything are left out.

    It reads each customer's projection: keep the answer for a while.
    """
    sums = Balance.objects.values_list("currency").annotate(Sum("available_minor"), Sum("held_minor"))
    found = (Total(currency, int(free), int(held)) for currency, free, held in sums.order_by("currency"))
    return [total for total in found if total.owed_minor]


def currencies_of(customer_id: int) -> set[str]:
    """The currencies that the customer has or had credit in."""
    return set(Account.objects.filter(customer_id=customer_id).values_list("currency", flat=True))


def add_balance(totals: dict[T, tuple[int, int]], place: T, posted: int, held: int) -> None:
    """Add what an account has available and held to the total of `place`."""
    available, set_aside = totals.get(place, (0, 0))
    totals[place] = (available + posted - held, set_aside + held)


def histories(customer_id: int) -> tuple[list[History], list[Broken]]:
    """Each account of the customer with its transfers, replayed; and transfers whose account is missing."""
    by_account = dict(chains(Transfer.objects.filter(customer_id=customer_id)))
    found = []
    for account in Account.objects.filter(customer_id=customer_id).order_by("id"):
        lines = by_account.pop((customer_id, account.id), [])
        found.append(History(replay(account, lines), lines))
    orphans = [Broken(*place, lines[0].seq, BELONGS_NOWHERE) for place, lines in by_account.items()]
    return found, orphans


def chains(transfers: QuerySet[Transfer]) -> Iterator[tuple[tuple[int, int], list[Line]]]:
    """((customer_id, account_id), its lines in their order), account by account."""
    rows = transfers.order_by("customer_id", "account_id", "seq").values_list(*Line._fields)
    lines = (Line._make(row) for row in rows.iterator(chunk_size=2000))
    for place, chain in groupby(lines, key=attrgetter("customer_id", "account_id")):
        yield place, list(chain)


def replay(account: Account, lines: Sequence[Line]) -> Replayed:
    """What `lines`, all of an account in their order, give, beside what the account says."""
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
    return Replayed(*place, account.currency, posted, held, stored, account.transfers, broken)


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
        return Broken(*place, line.seq, NOT_CONTINUED)
    return None
