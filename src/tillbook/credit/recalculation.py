"""Recalculate: replay a customer's transfers, compare, show, and repair the projection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money
from tillbook.credit.services import lock
from tillbook.events.services import NewEvent, record
from tillbook.ledger.models import Balance
from tillbook.ledger.queries import balances_of, derived_balances


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure that the history does not give: `figure` is available, held or owing."""

    currency: str
    figure: str
    stored: Money
    derived: Money


@dataclass(frozen=True, slots=True)
class Recalculation:
    """What was compared, what differed, and whether the projection was repaired."""

    compared: int  # figures
    differences: list[Difference]
    repaired: bool


@transaction.atomic
def recalculate(
    customer_id: int, *, owing: Mapping[str, int], repair: bool, actor: Actor, now: datetime
) -> Recalculation:
    """Compare the stored figures with what transfers and open orders give.

    `owing` is minor units per currency, computed from the open orders. A repair rewrites the
    projection only, never a transfer or an account, and leaves an event with each difference.
    """
    actor.require(Permission.RECALCULATE)
    currencies = {row.currency for row in balances_of(customer_id)} | set(owing)
    currencies |= set(derived_balances(customer_id))
    for currency in sorted(currencies):
        lock(customer_id, currency)
    derived = derived_balances(customer_id)
    stored = {row.currency: row for row in balances_of(customer_id)}
    differences = [
        difference
        for currency in sorted(currencies)
        for difference in _compare(stored[currency], derived.get(currency, (0, 0)), owing.get(currency, 0))
    ]
    if repair and differences:
        _repair(customer_id, differences, derived, owing, actor, now)
    return Recalculation(3 * len(currencies), differences, repair and bool(differences))


def _compare(row: Balance, derived: tuple[int, int], owing: int) -> list[Difference]:
    figures = (
        ("available", row.available_minor, derived[0]),
        ("held", row.held_minor, derived[1]),
        ("owing", row.owing_minor, owing),
    )
    return [
        Difference(row.currency, figure, Money(stored, row.currency), Money(true, row.currency))
        for figure, stored, true in figures
        if stored != true
    ]


def _repair(
    customer_id: int,
    differences: list[Difference],
    derived: Mapping[str, tuple[int, int]],
    owing: Mapping[str, int],
    actor: Actor,
    now: datetime,
) -> None:
    for currency in {each.currency for each in differences}:
        available, held = derived.get(currency, (0, 0))
        Balance.objects.filter(customer_id=customer_id, currency=currency).update(
            available_minor=available, held_minor=held, owing_minor=owing.get(currency, 0)
        )
    data = {
        "differences": [[each.figure, str(each.stored), str(each.derived)] for each in differences],
    }
    record(NewEvent("customer.recalculated", str(customer_id), customer_id, data=data), actor=actor, now=now)
