"""The way of the money, from the transfers alone: what went out of a credit, and to where, to the cent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbook.credit.models import Credit
from tillbook.credit.queries import transfers_of_credit
from tillbook.ledger.models import House, Kind, Transfer


class Goal(StrEnum):
    """Where credit goes to."""

    ORDER = "order"  # an order, or a document of another system
    REFUND = "refund"  # to the customer
    REVERSAL = "reversal"  # back to what it arose from
    EXPIRY = "expiry"


#: the house account on the other side -> the goal; any other one is what the credit arose from
_GOALS: Mapping[str, Goal] = {
    House.ORDERS: Goal.ORDER,
    House.PAYOUTS: Goal.REFUND,
    House.BREAKAGE: Goal.EXPIRY,
}


@dataclass(slots=True)
class Way:
    """What went from one credit to one goal, in minor units.

    `back_minor` came back from there: given back, or released. `held_minor` is the part of what
    stays that is only set aside.
    """

    credit_id: int
    goal: Goal
    reference: str
    began_at: datetime
    actor: str  # who moved it first, as transfers name them
    went_minor: int = 0
    back_minor: int = 0
    held_minor: int = 0

    @property
    def stays_minor(self) -> int:
        return self.went_minor - self.back_minor

    @property
    def is_held(self) -> bool:
        """Whether all that stays there is only set aside."""
        return 0 < self.stays_minor == self.held_minor


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where all of one credit is, in minor units: what it was issued for, and each way that it went."""

    issued_minor: int
    ways: Sequence[Way]
    available_minor: int

    @property
    def total_minor(self) -> int:
        return self.available_minor + sum(way.stays_minor for way in self.ways)

    @property
    def adds_up(self) -> bool:
        """Whether the ways and what is available are just what was issued; else the book is broken."""
        return self.total_minor == self.issued_minor


def whereabouts(credit: Credit, transfers: Iterable[Transfer] | None = None) -> Whereabouts:
    """Where each cent of the credit is; `transfers` are all of its own, if they are at hand."""
    rows = transfers_of_credit(credit) if transfers is None else transfers
    return Whereabouts(credit.issued_minor, ways(rows), credit.account.available_minor)


def ways(transfers: Iterable[Transfer]) -> list[Way]:
    """What ways these transfers made, each credit's in the order of its transfers, whatever the clocks say.

    They must be all of a credit, or all of those that name one document.
    """
    found: dict[tuple[int, Goal, str], Way] = {}
    holds: dict[tuple[int, int], tuple[Way, int]] = {}
    for row in sorted(transfers, key=lambda row: (row.account_id, row.seq)):
        goal = _GOALS.get(row.house, Goal.REVERSAL)
        if row.kind == Kind.POST and row.inward and goal not in (Goal.ORDER, Goal.REFUND):
            continue  # the issue itself
        place = (row.account_id, goal, row.reference)
        way = found.get(place)
        if way is None:
            way = found[place] = Way(*place, row.effective_at, row.actor)
        _walk(way, row, holds)
    return [way for way in found.values() if way.went_minor or way.back_minor]


def _walk(way: Way, row: Transfer, holds: dict[tuple[int, int], tuple[Way, int]]) -> None:
    """Add one transfer to its way; `holds` are the ways and minor units of holds, by (credit_id, seq)."""
    if row.kind == Kind.HOLD:
        holds[row.account_id, row.seq] = way, row.amount_minor
        way.went_minor += row.amount_minor
        way.held_minor += row.amount_minor
    elif row.hold_seq is not None:
        of_hold, held = holds.pop((row.account_id, row.hold_seq))
        taken = row.amount_minor if row.kind == Kind.CAPTURE else 0
        of_hold.held_minor -= held
        of_hold.back_minor += held - taken
        # A refund that turned out to be a reversal is held for the payee, and goes back where it came from.
        of_hold.went_minor -= taken
        way.went_minor += taken
    elif row.inward:
        way.back_minor += row.amount_minor
    else:
        way.went_minor += row.amount_minor
