"""Recalculate: replay a customer's transfers, compare, show, and repair what was derived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit.batch import mark_usable
from tillbook.credit.explaining import (
    CHECK,
    REPAIR,
    Break,
    Explanation,
    Known,
    Step,
    Trace,
    Verdict,
    explain,
    explain_break,
    explain_document,
    explain_mark,
    named,
    plain,
    points_of_account,
    points_of_customer,
    steps_in,
)
from tillbook.credit.issuing import lock_many
from tillbook.credit.models import Credit
from tillbook.events.queries import actors_of_keys, last_of_customer
from tillbook.events.services import NewEvent, record
from tillbook.ledger import runs
from tillbook.ledger import services as ledger
from tillbook.ledger.models import Balance
from tillbook.ledger.queries import (
    Broken,
    History,
    Replayed,
    add_balance,
    balances_of,
    currencies_of,
)
from tillbook.ledger.queries import histories as histories_of
from tillbook.ledger.steady import Range, of_range
from tillbook.ledger.verification import heads_with_rows, is_sound
from tillbook.staff.queries import names_of

_LONGEST_SUBJECT = 60  # of an event, which also names the customer's id
_OF_ACCOUNT = ("remaining", "held")
_OF_CUSTOMER = ("available", "held")


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
    explanations: list[Explanation]  # of each difference, in their order
    breaks: list[Break]  # of each broken row, in their order


@transaction.atomic
def recalculate(
    customer_id: int,
    *,
    subject: str,
    owing: Mapping[str, int],
    documents: Sequence[Difference],
    documents_compared: int,
    trace: Callable[[Difference], Trace],
    repair: bool,
    actor: Actor,
    now: datetime,
) -> Recalculation:
    """Compare what is stored of the customer's money with what its history gives.

    `owing` is minor units per currency, derived from the open orders; `documents` are the
    differences already found in those, of `documents_compared` figures; `trace` says what one of
    them, or what is owing, comes from. A repair rewrites counters and projection only, never a
    transfer, and leaves one event with each difference and why; `subject` is what the event names.
    """
    actor.require(Permission.RECALCULATE)
    currencies = {*owing, *currencies_of(customer_id)}
    lock_many((customer_id, currency) for currency in currencies)
    histories, orphans = histories_of(customer_id)
    accounts = [each.found for each in histories]
    stored = {row.currency: row for row in balances_of(customer_id)}
    true = _true_balances(accounts, stored, owing)
    hidden = _hidden(customer_id, accounts)
    differences = [*documents, *_of_accounts(accounts), *hidden, *_of_balances(stored, true)]
    broken = [*(each.broken for each in accounts if each.broken is not None), *orphans]
    wrong = _Wrong(customer_id, differences, broken, histories, stored)
    explanations, breaks = _explained(wrong, trace, now) if differences or broken else ([], [])
    repaired = repair and bool(differences) and not broken
    if repaired:
        _repair(customer_id, accounts, true)
        data = {
            "differences": [_told(each) for each in differences],
            "explanations": [plain(each) for each in explanations],
        }
        new = NewEvent("customer.recalculated", subject[:_LONGEST_SUBJECT], customer_id, data=data)
        record(new, actor=actor, now=now)
    compared = documents_compared + 3 * len(accounts) + 3 * len(true)
    return Recalculation(compared, differences, broken, repaired, explanations, breaks)


@dataclass(frozen=True, slots=True)
class Agreeing:
    """What a look at a range of customers found: figures compared of each, and who must be recalculated."""

    compared: Counter[int]
    wrong: set[int]


def agreeing(wanted: Range, owing: Mapping[tuple[int, str], int], found: Agreeing) -> Agreeing:
    """Whom of the range `recalculate` would find nothing of, given what was found of their documents.

    `owing` is minor units per (customer_id, currency), derived from the open orders. Whatever is
    not plainly right is wrong here, and `recalculate` says what it is. Call it inside `steady`.
    """
    compared, wrong = found.compared, found.wrong
    usable = Credit.objects.filter(of_range(wanted), usable=True)
    marked = set(usable.values_list("customer_id", "id"))
    true: dict[tuple[int, str], tuple[int, int]] = dict.fromkeys(owing, (0, 0))
    for head, rows in heads_with_rows(wanted):
        if head is None:
            wrong.add(rows[0][0])
            continue
        compared[head.customer_id] += 3
        add_balance(true, (head.customer_id, head.currency), head.posted_minor, head.held_minor)
        is_hidden = head.posted_minor > head.held_minor and (head.customer_id, head.id) not in marked
        if is_hidden or not is_sound(head, rows):
            wrong.add(head.customer_id)
    for row in Balance.objects.filter(of_range(wanted)).iterator(chunk_size=2000):
        place = (row.customer_id, row.currency)
        compared[row.customer_id] += 3
        derived = (*true.pop(place, (0, 0)), owing.get(place, 0))
        if (row.available_minor, row.held_minor, row.owing_minor) != derived:
            wrong.add(row.customer_id)
    wrong.update(customer_id for customer_id, _ in true)  # they have no row
    return found


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
        pairs = zip(_OF_ACCOUNT, each.stored, (each.posted, each.held), strict=True)
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


class _Wrong(NamedTuple):
    """What a comparison found, and what it was compared with."""

    customer_id: int
    differences: Sequence[Difference]
    broken: Sequence[Broken]
    histories: Sequence[History]
    stored: Mapping[str, Balance]


def _explained(
    wrong: _Wrong, trace: Callable[[Difference], Trace], now: datetime
) -> tuple[list[Explanation], list[Break]]:
    """Each difference and each broken row, explained. It reads what nobody needs where nothing differs."""
    if wrong.broken:
        differences = [Explanation(Verdict.BROKEN, now) for _ in wrong.differences]
    else:
        known = list(_known(wrong.customer_id, in_full=False))
        differences = [_why(each, wrong, trace, known, now) for each in wrong.differences]
    breaks = list(_breaks(wrong, now)) if wrong.broken else []
    name = _names(wrong.customer_id, [*steps_in(differences), *steps_in(breaks)])
    return [named(each, name) for each in differences], [named(each, name) for each in breaks]


def _why(
    each: Difference,
    wrong: _Wrong,
    trace: Callable[[Difference], Trace],
    known: Sequence[Known],
    now: datetime,
) -> Explanation:
    currency, stored, derived = each.stored.currency, each.stored.minor, each.derived.minor
    if each.figure == "usable":
        return explain_mark(_of_number(wrong, each.entry).lines, currency, known=known, now=now)
    if each.figure in _OF_ACCOUNT and each.entry:
        found, lines = _of_number(wrong, each.entry)
        came = Trace(points_of_account(lines, currency), adds=False)
        return explain(found.stored, derived, _OF_ACCOUNT.index(each.figure), came, known=known, now=now)
    if each.figure in _OF_CUSTOMER:
        row = wrong.stored[currency]
        chains = [lines for found, lines in wrong.histories if found.currency == currency]
        came = Trace(points_of_customer(chains, currency))
        pair = (row.available_minor, row.held_minor)
        return explain(pair, derived, _OF_CUSTOMER.index(each.figure), came, known=known, now=now)
    if not each.entry:
        return explain_document(stored, derived, trace(each), known=known, now=now)
    return explain((stored,), derived, 0, trace(each), known=known, now=now)


def _of_number(wrong: _Wrong, number: str) -> History:
    return next(each for each in wrong.histories if public_number("CR", each.found.account_id) == number)


def _breaks(wrong: _Wrong, now: datetime) -> Iterator[Break]:
    known = list(_known(wrong.customer_id, in_full=True))
    histories = {each.found.account_id: each for each in wrong.histories}
    for row in wrong.broken:
        history = histories.get(row.account_id or 0)
        if history is None:
            yield explain_break(row, [], "", None, known=known, now=now)
        else:
            counted, currency = history.found.counted, history.found.currency
            yield explain_break(row, history.lines, currency, counted, known=known, now=now)


def _known(customer_id: int, *, in_full: bool) -> Iterator[Known]:
    """Moments at which the customer's figures were right: a repair, and a check that found nothing."""
    if repaired := last_of_customer(customer_id, "customer.recalculated"):
        yield Known(repaired.recorded_at, REPAIR)
    if checked_at := runs.newest_clean(in_full=in_full):
        yield Known(checked_at, CHECK)


def _names(customer_id: int, steps: Iterable[Step]) -> Callable[[Step], str]:
    """Who made an entry: the name in the event of its key, else that of the staff member."""
    steps = list(steps)
    asked = actors_of_keys(customer_id, {step.key for step in steps if step.key}) if steps else {}
    by_key = {key: name for key, (name, user_id) in asked.items() if user_id is not None}
    users = names_of({step.actor for step in steps if step.key not in by_key})
    return lambda step: by_key.get(step.key) or users.get(step.actor, step.actor)


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
