"""The rules of the book, in plain integers: no database, no clock.

A `Book` holds the counters of some accounts in memory. `post` decides linked drafts
against them, all or none, and keeps the lines they become. `services.write` stores them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tillbook.common.errors import NotFound, Refusal
from tillbook.common.money import MAX_MINOR, Money, check_amount
from tillbook.ledger.models import House, Kind

_PLAIN = {each: each.value for each in (*Kind, *House)}  # an enum takes its time to say its value
_HOLD, _CAPTURE, _RELEASE = Kind.HOLD, Kind.CAPTURE, Kind.RELEASE  # and to name a member

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class InsufficientCredit(Refusal):
    """More was asked for than is available."""

    code = "insufficient_credit"
    says = gettext_noop("Only %(available)s is available.")

    def __init__(self, available: Money) -> None:
        super().__init__(_(self.says) % {"available": available}, field="amount")
        self.available = available


class HoldNotFound(NotFound):
    """There is no such hold."""

    code = "hold_not_found"


class HoldAlreadyResolved(Refusal):
    """The hold was captured or released before; it ends once."""

    code = "hold_already_resolved"


class AmountAboveHold(Refusal):
    """More would be captured than is held."""

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


class Pending(NamedTuple):
    """A hold, and whether a later transfer resolved it."""

    account_id: int
    seq: int
    amount: int
    house: House
    reason: str
    reference: str
    currency: str
    resolved: bool


class Draft(NamedTuple):
    """A transfer somebody asks for. `hold` is the one that a capture or release resolves."""

    account_id: int
    kind: Kind
    house: House
    inward: bool
    amount: int
    reason: str
    reference: str
    hold: Pending | None = None


class Line(NamedTuple):
    """A transfer as it is written: the draft, its place in the chain, the counters after it.

    Lines, drafts and the like are tuples: a batch makes thousands of each, and nothing in
    Python is made faster.
    """

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


class Stamp(NamedTuple):
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


@lru_cache(maxsize=256)  # a batch has one time, a history few
def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC."""
    return (moment - EPOCH) // _MICROSECOND


def chained(previous: bytes, line: Sequence[Any], to_micros: Callable[[Any], int] = micros) -> bytes:
    """SHA-256 over the digest before and every column of `line` but its own digest.

    Columns are texts in the order of `Line`, joined by U+001F, which none of them can hold:
    keys and references are printable. Times are whole microseconds since 1970 UTC, truth is
    True or False, what is missing is None. `to_micros` makes such a time of one as it stands in `line`.
    """
    (
        customer_id, account_id, seq, kind, house, inward, amount, hold_seq, reason, reference, key, part,
        content, actor, effective_at, recorded_at, posted, held, *_,
    ) = line  # fmt: skip
    text = (
        f"{customer_id}\x1f{account_id}\x1f{seq}\x1f{kind}\x1f{house}\x1f{inward == 1}\x1f{amount}"
        f"\x1f{hold_seq}\x1f{reason}\x1f{reference}\x1f{key}\x1f{part}\x1f{content}\x1f{actor}"
        f"\x1f{to_micros(effective_at)}\x1f{to_micros(recorded_at)}\x1f{posted}\x1f{held}"
    )
    return hashlib.sha256(previous + text.encode()).digest()


def effect(kind: str, inward: bool, amount: int, hold_amount: int) -> tuple[int, int]:
    """What a transfer adds to (posted, held). `hold_amount` is that of the hold it resolves."""
    if kind == _HOLD:
        return 0, amount
    if kind == _CAPTURE:
        return -amount, -hold_amount
    if kind == _RELEASE:
        return 0, -hold_amount
    return (amount if inward else -amount), 0


def _decide(account: Counters, draft: Draft) -> tuple[int, int]:
    """The account's (posted, held) after `draft`. Raises the refusal if a rule forbids it."""
    check_amount(draft.amount)
    if draft.kind in (_CAPTURE, _RELEASE):
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
        raise HoldNotFound(_("There is no such hold."))
    if hold.resolved:
        raise HoldAlreadyResolved(_("This hold was already captured or released."))
    if draft.amount > hold.amount:
        most = Money(hold.amount, account.currency)
        raise AmountAboveHold(_("At most %(most)s is held.") % {"most": most}, field="amount")


@dataclass(slots=True)
class Book:
    """The accounts in hand, and the lines decided but not yet stored."""

    accounts: dict[int, Counters] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # accounts that lines moved, not stored yet
    stood: dict[int, tuple[int, int]] = field(default_factory=dict)  # account id -> stored posted, held
    resolved: set[tuple[int, int]] = field(default_factory=set)  # (account id, seq) of holds ended here

    def add(self, accounts: Iterable[Counters]) -> None:
        """Take accounts in hand; one that is there already keeps what was posted to it."""
        for account in accounts:
            if account.account_id not in self.accounts:
                self.accounts[account.account_id] = account
                self.stood[account.account_id] = account.posted, account.held

    def post(self, stamp: Stamp, drafts: Sequence[Draft]) -> list[Line]:
        """Decide linked drafts: all become lines, or a refusal leaves the book as it was."""
        before: list[tuple[Counters, _State]] = []
        resolved: list[tuple[int, int]] = []
        lines: list[Line] = []
        last = len(drafts) - 1  # after it no other can be refused: how its account stood need not be kept
        try:
            for part, draft in enumerate(drafts):
                account = self._account(stamp, draft)
                if part < last:
                    before.append((account, _state(account)))
                if draft.hold is not None:
                    resolved.append(self._resolve(draft.account_id, draft.hold.seq))
                lines.append(_append(account, stamp, part, draft))
        except Refusal:
            self._undo(before, resolved)
            raise
        self.lines += lines
        self.touched.update([line.account_id for line in lines])
        return lines

    def take(self) -> list[Line]:
        """The lines decided since they were taken last; who takes them stores them."""
        lines, self.lines = self.lines, []
        return lines

    def changed(self) -> list[Counters]:
        """The accounts that the lines moved, in the order of their numbers."""
        return [self.accounts[each] for each in sorted(self.touched)]

    def turned(self) -> list[Counters]:
        """The stored accounts that have something available where they had nothing, or the reverse."""
        return [
            account
            for account in self.changed()
            if not account.opened and bool(account.available) != self._had_available(account)
        ]

    def _had_available(self, account: Counters) -> bool:
        posted, held = self.stood[account.account_id]
        return posted > held

    def moved(self) -> dict[tuple[int, str], tuple[int, int]]:
        """(customer_id, currency) -> what the lines add to what is available and what is held."""
        moved: dict[tuple[int, str], tuple[int, int]] = {}
        for account in self.changed():
            posted, held = self.stood[account.account_id]
            place = account.customer_id, account.currency
            available, set_aside = moved.get(place, (0, 0))
            moved[place] = (
                available + account.available - (posted - held),
                set_aside + account.held - held,
            )
        return moved

    def stored(self) -> None:
        """Forget what was decided: it is in the database now."""
        for account in self.changed():
            account.opened = False
            self.stood[account.account_id] = account.posted, account.held
        self.touched.clear()

    def _account(self, stamp: Stamp, draft: Draft) -> Counters:
        account = self.accounts.get(draft.account_id)
        if account is None or account.customer_id != stamp.customer_id:
            raise NotFound(_("This customer has no such credit."), field="credit")
        return account

    def _resolve(self, account_id: int, seq: int) -> tuple[int, int]:
        if (account_id, seq) in self.resolved:
            raise HoldAlreadyResolved(_("This hold was already captured or released."))
        self.resolved.add((account_id, seq))
        return account_id, seq

    def _undo(self, before: Sequence[tuple[Counters, _State]], resolved: Sequence[tuple[int, int]]) -> None:
        for account, state in reversed(before):
            account.posted, account.held, account.transfers, account.digest = state
        self.resolved.difference_update(resolved)


_State = tuple[int, int, int, bytes]  # an account's posted, held, transfers and digest


def _state(account: Counters) -> _State:
    return account.posted, account.held, account.transfers, account.digest


def _append(account: Counters, stamp: Stamp, part: int, draft: Draft) -> Line:
    """Decide `draft`, advance the account by it and return the line."""
    account.posted, account.held = _decide(account, draft)
    account.transfers += 1
    body = (
        stamp.customer_id,
        account.account_id,
        account.transfers,
        _PLAIN[draft.kind],
        _PLAIN[draft.house],
        draft.inward,
        draft.amount,
        draft.hold.seq if draft.hold else None,
        str(draft.reason),
        draft.reference,
        stamp.key,
        part,
        stamp.content,
        stamp.actor,
        stamp.effective_at,
        stamp.recorded_at,
        account.posted,
        account.held,
    )
    account.digest = chained(account.digest, body)
    return Line._make((*body, account.digest))
