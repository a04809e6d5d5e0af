"""Which report somebody asks for: enough to make the very same one at any later time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tillbook.common.actor import Actor
from tillbook.credit.basis import Basis
from tillbook.exporters import reports
from tillbook.exporters.reports import Document
from tillbook.exporters.unclaimed import unclaimed


class Kind(StrEnum):
    LIABILITY = "liability"
    ROLL_FORWARD = "roll-forward"
    BALANCES = "balances"
    UNCLAIMED = "unclaimed"


_OF_A_DAY = {
    Kind.LIABILITY: reports.liability,
    Kind.BALANCES: reports.balances,
    Kind.UNCLAIMED: unclaimed,
}


@dataclass(frozen=True, slots=True)
class Asked:
    kind: Kind
    basis: Basis
    currency: str = ""  # only this one; empty: all
    from_at: datetime | None = None  # the first moment of a roll-forward's period

    def document(self, *, actor: Actor) -> Document:
        """The report. Raises PermissionDenied, InvalidInput and, at once or while it is read,
        TransfersWithoutCredit.
        """
        currency = self.currency or None
        if self.from_at is not None:
            return reports.roll_forward(self.from_at, self.basis, currency=currency, actor=actor)
        return _OF_A_DAY[self.kind](self.basis, currency=currency, actor=actor)
