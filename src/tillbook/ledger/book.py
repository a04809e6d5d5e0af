"""The rules of the book, in plain integers: no database, no clock.

A `Book` holds the counters of some accounts in memory. `post` decides linked drafts
against them, all or none, and keeps the lines they become. `services.write` stores them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tillbook.common.errors import NotFound, Refusal
from tillbook.common.money import MAX_MINOR, Money, check_amount
from tillbook.ledger.models import House, Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InsufficientCredit(Refusal):
    """More was asked for than is available."""

    code = "insufficient_credit"

    def __init__(self, available: Money) -> None:
        super().__init__(f"Only {available} is available.", field="amount")
        self.available = available


class HoldNotFound(NotFound):
    code = "hold_not_found"


class HoldAlreadyResolved(Refusal):
    """The hold was captured or released before; it ends once."""

    code = "hold_already_resolved"


class AmountAboveHold(Refusal):
    code = "amount_above_hold"


@dataclass(slots=True)
class Counters:
    """An account as it stands: what is posted, what of it is held, and its chain's head."""

    customer_id: int
    account_id: int
    currency: str
    posted: int
    held: int
    transfers: int
    digest: bytes
    opened: bool = False  # True: not stored yet

    @property
    def available(self) -> int:
        return self.posted - self.held


@dataclass(frozen=True, slots=True)
class Pending:
    """A hold, and whether a later transfer resolved it."""

    account_id: int
    seq: int
    amount: int
    house: House
    reason: str
    reference: str
    currency: str
    resolved: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A transfer somebody asks for. `hold` is the one that a capture or release resolves."""

    account_id: int
    kind: Kind
    house: House
    inward: bool
    amount: int
    reason: str
    reference: str
    hold: Pending | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A transfer as it is written: the draft, its place in the chain, the counters after it."""

    customer_id: int
    account_id: int
    seq: int
    kind: str
    house: str
    inward: bool
    amount_minor: int
    hold_seq: int | None
    reason: str
    reference: str
    key: str
    part: int
    content: str
    actor: str
    effective_at: datetime
    recorded_at: datetime
    posted_minor: int
    held_minor: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the lines of one keyed operation share."""

    customer_id: int
    key: str
    content: str
    actor: str
    effective_at: datetime
    recorded_at: datetime


def genesis(customer_id: int, account_id: int, currency: str) -> bytes:
    """The digest that an account's chain starts from; it binds owner and currency."""
    return hashlib.sha256(f"tillbook account {customer_id} {account_id} {currency}".encode()).digest()


def chained(previous: bytes, line: Line) -> bytes:
    """SHA-256 over the digest before and every column of `line` but its own digest.

    Columns are a JSON list in the order of `Line`; times are whole microseconds since 1970 UTC.
    """
    columns = [
        line.customer_id, line.account_id, line.seq, line.kind, line.house, line.inward,
        line.amount_minor, line.hold_seq, line.reason, line.reference, line.key, line.part,
        line.content, line.actor, _micros(line.effective_at), _micros(line.recorded_at),
        line.posted_minor, line.held_minor,
    ]  # fmt: skip
    return hashlib.sha256(previous + json.dumps(columns, separators=(",", ":")).encode()).digest()


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def effect(kind: str, inward: bool, amount: int, hold_amount: int) -> tuple[int, int]:
    """What a transfer adds to (posted, held). `hold_amount` is that of the hold it resolves."""
    if kind == Kind.HOLD:
        return 0, amount
    if kind == Kind.CAPTURE:
        return -amount, -hold_amount
    if kind == Kind.RELEASE:
        return 0, -hold_amount
    return (amount if inward else -amount), 0


def _decide(account: Counters, draft: Draft) -> tuple[int, int]:
    """The account's (posted, held) after `draft`. Raises the refusal if a rule forbids it."""
    check_amount(draft.amount)
    if draft.kind in (Kind.CAPTURE, Kind.RELEASE):
        _check_hold(account, draft)
    elif not draft.inward and draft.amount > account.available:
        raise InsufficientCredit(Money(account.available, account.currency))
    hold_amount = draft.hold.amount if draft.hold else 0
    posted, held = effect(draft.kind, draft.inward, draft.amount, hold_amount)
    after = account.posted + posted, account.held + held
    if not 0 <= after[1] <= after[0] <= MAX_MINOR:
        raise InsufficientCredit(Money(account.available, account.currency))
    return after


def _check_hold(account: Counters, draft: Draft) -> None:
    hold = draft.hold
    if hold is None or hold.account_id != account.account_id:
        raise HoldNotFound("There is no such hold.")
    if hold.resolved:
        raise HoldAlreadyResolved("This hold was already captured or released.")
    if draft.amount > hold.amount:
        most = Money(hold.amount, account.currency)
        raise AmountAboveHold(f"At most {most} is held.", field="amount")


@dataclass(slots=True)
class Book:
    """The accounts in hand, and the lines decided but not yet stored."""

    accounts: dict[int, Counters] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    moved: dict[tuple[int, str], list[int]] = field(default_factory=dict)  # -> [available, held] deltas
    resolved: set[tuple[int, int]] = field(default_factory=set)  # (account id, seq) of holds ended here

    def add(self, accounts: Iterable[Counters]) -> None:
        """Take accounts in hand; one that is there already keeps what was posted to it."""
        for account in accounts:
            self.accounts.setdefault(account.account_id, account)

    def post(self, stamp: Stamp, drafts: Sequence[Draft]) -> list[Line]:
        """Decide linked drafts: all become lines, or a refusal leaves the book as it was."""
        scratch: dict[int, Counters] = {}
        lines: list[Line] = []
        resolved = set(self.resolved)
        for part, draft in enumerate(drafts):
            account = scratch.get(draft.account_id) or replace(self._account(stamp, draft))
            scratch[draft.account_id] = account
            if draft.hold and (draft.account_id, draft.hold.seq) in resolved:
                raise HoldAlreadyResolved("This hold was already captured or released.")
            lines.append(_append(account, stamp, part, draft))
            if draft.hold:
                resolved.add((draft.account_id, draft.hold.seq))
        self._keep(scratch, lines)
        self.resolved = resolved
        return lines

    def _account(self, stamp: Stamp, draft: Draft) -> Counters:
        account = self.accounts.get(draft.account_id)
        if account is None or account.customer_id != stamp.customer_id:
            raise NotFound("This customer has no such credit.", field="credit")
        return account

    def _keep(self, scratch: dict[int, Counters], lines: list[Line]) -> None:
        for account_id, after in scratch.items():
            before = self.accounts[account_id]
            delta = self.moved.setdefault((after.customer_id, after.currency), [0, 0])
            delta[0] += after.available - before.available
            delta[1] += after.held - before.held
            self.accounts[account_id] = after
        self.lines += lines


def _append(account: Counters, stamp: Stamp, part: int, draft: Draft) -> Line:
    """Decide `draft`, advance the account by it and return the line."""
    account.posted, account.held = _decide(account, draft)
    account.transfers += 1
    line = Line(
        customer_id=stamp.customer_id,
        account_id=account.account_id,
        seq=account.transfers,
        kind=str(draft.kind),
        house=str(draft.house),
        inward=draft.inward,
        amount_minor=draft.amount,
        hold_seq=draft.hold.seq if draft.hold else None,
        reason=str(draft.reason),
        reference=draft.reference,
        key=stamp.key,
        part=part,
        content=stamp.content,
        actor=stamp.actor,
        effective_at=stamp.effective_at,
        recorded_at=stamp.recorded_at,
        posted_minor=account.posted,
        held_minor=account.held,
        digest=b"",
    )
    account.digest = chained(account.digest, line)
    return replace(line, digest=account.digest)
