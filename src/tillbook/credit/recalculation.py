"""Recalculate: replay a customer's transfers, compare, show, and repair what was derived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit.batch import mark_usable
from tillbook.credit.issuing import lock_many
from tillbook.credit.models import Credit
from tillbook.events.services import NewEvent, record
from tillbook.ledger import services as ledger
from tillbook.ledger.models import Balance
from tillbook.ledger.queries import Broken, Replayed, balances_of, currencies_of, replayed


@dataclass(frozen=True, slots=True)
class Difference:
    """One stored figure that the history does not give.

    `entry` is the credit or order it belongs to, "" for the customer's own figures.
    """

    entry: str
    figure: str
    stored: Money
    derived: Money


@dataclass(frozen=True, slots=True)
class Recalculation:
    """What was compared, what differed, and whether it was repaired.

    A figure can't be derived from a broken history: then `broken` names its first broken
    rows, and nothing is repaired.
    """

    compared: int  # figures
    differences: list[Difference]
    broken: list[Broken]
    repaired: bool


@transaction.atomic
def recalculate(
    customer_id: int,
    *,
    subject: str,
    owing: Mapping[str, int],
    documents: Sequence[Difference],
    documents_compared: int,
    repair: bool,
    actor: Actor,
    now: datetime,
) -> Recalculation:
    """Compare what is stored of the customer's money with what its history gives.

    `owing` is minor units per currency, derived from the open orders; `documents` are the
    differences already found in those, of `documents_compared` figures. A repair rewrites
    counters and projection only, never a transfer, and leaves one event with each difference;
    `subject` is what the event names.
    """
    actor.require(Permission.RECALCULATE)
    currencies = {*owing, *currencies_of(customer_id)}
    lock_many((customer_id, currency) for currency in currencies)
    accounts = replayed(customer_id)
    stored = {row.currency: row for row in balances_of(customer_id)}
    true = _true_balances(accounts, stored, owing)
    hidden = _hidden(customer_id, accounts)
    differences = [*documents, *_of_accounts(accounts), *hidden, *_of_balances(stored, true)]
    broken = [each.broken for each in accounts if each.broken is not None]
    repaired = repair and bool(differences) and not broken
    if repaired:
        _repair(customer_id, accounts, true)
        data = {"differences": [_told(each) for each in differences]}
        record(NewEvent("customer.recalculated", subject, customer_id, data=data), actor=actor, now=now)
    compared = documents_compared + 3 * len(accounts) + 3 * len(true)
    return Recalculation(compared, differences, broken, repaired)


def _true_balances(
    accounts: Sequence[Replayed], stored: Mapping[str, Balance], owing: Mapping[str, int]
) -> dict[str, tuple[int, int, int]]:
    """currency -> (available, held, owing) in minor units, as the history gives them."""
    true = {currency: (0, 0, owing.get(currency, 0)) for currency in sorted({*stored, *owing})}
    for each in accounts:
        available, held, owed = true[each.currency]
        true[each.currency] = (available + each.posted - each.held, held + each.held, owed)
    return true


def _of_accounts(accounts: Sequence[Replayed]) -> Iterator[Difference]:
    for each in accounts:
        pairs = zip(("remaining", "held"), each.stored, (each.posted, each.held), strict=True)
        yield from _differing(public_number("CR", each.account_id), each.currency, pairs)


def _hidden(customer_id: int, accounts: Sequence[Replayed]) -> list[Difference]:
    """What is available of credits that are not marked usable, and so are not found when credit is used."""
    marked = set(Credit.objects.filter(customer_id=customer_id, usable=True).values_list("id", flat=True))
    return [
        Difference(
            public_number("CR", each.account_id),
            "usable",
            Money(0, each.currency),
            Money(each.posted - each.held, each.currency),
        )
        for each in accounts
        if each.posted > each.held and each.account_id not in marked
    ]


def _of_balances(
    stored: Mapping[str, Balance], true: Mapping[str, tuple[int, int, int]]
) -> Iterator[Difference]:
    for currency, figures in true.items():
        row = stored[currency]
        says = (row.available_minor, row.held_minor, row.owing_minor)
        yield from _differing("", currency, zip(("available", "held", "owing"), says, figures, strict=True))


def _differing(entry: str, currency: str, figures: Iterator[tuple[str, int, int]]) -> Iterator[Difference]:
    for figure, stored, true in figures:
        if stored != true:
            yield Difference(entry, figure, Money(stored, currency), Money(true, currency))


def _told(difference: Difference) -> list[str]:
    name = f"{difference.entry} {difference.figure}".strip()
    return [name, str(difference.stored), str(difference.derived)]


def _repair(customer_id: int, accounts: Sequence[Replayed], true: Mapping[str, tuple[int, int, int]]) -> None:
    ledger.repair(
        customer_id,
        accounts=[(each.account_id, each.posted, each.held) for each in accounts if each.problem],
        balances=[(currency, *figures) for currency, figures in true.items()],
    )
    mark_usable((customer_id, each.account_id, each.posted > each.held) for each in accounts)
