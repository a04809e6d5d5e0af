"""Explain a stored figure that its history does not give: where they part, since when, by whose entries.

Plain values in, plain values out: no database, no clock. `wording` puts it into words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.ledger.book import Line
from tillbook.ledger.models import House, Kind
from tillbook.ledger.queries import NOT_CONTINUED, Broken

#: What says since when: an entry of the history, a repair, or a check that found nothing.
FIRST, PARTING, NEWEST, SOUND, REPAIR, CHECK = "first", "parting", "newest", "sound", "repair", "check"

_MOST_PARTS = 10  # entries that are named of what makes up a figure
_PAST = {Kind.HOLD: "held", Kind.CAPTURE: "captured", Kind.RELEASE: "released"}
_INWARD: dict[str, str] = {House.ORDERS: "restored", House.PAYOUTS: "given back"}
_OUTWARD: dict[str, str] = {House.ORDERS: "spent", House.PAYOUTS: "paid out", House.BREAKAGE: "expired"}


class Verdict(StrEnum):
    """What a stored figure is, beside its history."""

    MISSES = "misses"  # what the history gave once: the entries since are not in it
    LEFT_OUT = "left_out"  # what the history gives without one of its entries
    OUTSIDE = "outside"  # what no state of the history gives
    UNMARKED = "unmarked"  # a credit's mark: it is available and does not say so
    DOCUMENTS = "documents"  # a sum of documents, of which no history is kept
    TOGETHER = "together"  # unknown: more than its own entries makes the derived one up
    BROKEN = "broken"  # unknown: the history itself is broken


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a history, as an explanation names it."""

    entry: str  # CR-1042, or an order's number
    seq: int | None  # a transfer's place on its credit
    kind: str  # a transfer's kind, or what else the entry is
    what: str  # the same in a word
    amount: Money
    reference: str
    key: str
    actor: str  # as it stands on the entry: user:3
    at: datetime  # when it was recorded
    who: str = ""  # the actor's name


class Point(NamedTuple):
    """The figures after an entry; several that were written together are one, named by its first."""

    step: Step
    after: tuple[int, ...]


class Known(NamedTuple):
    """A moment from which on a figure went wrong, and what says so: an entry, a repair or a check."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What a figure came from: its history, and the entries that make it up today."""

    points: Sequence[Point] = ()
    made_of: Sequence[Step] = ()
    adds: bool = True  # each entry adds to the stored figure; else it writes it anew
    checked: bool = True  # `verify` looks at the figure


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a stored figure differs. It happened after `since`, if that is known, and before `until`."""

    verdict: Verdict
    until: datetime
    since: Known | None = None
    agrees: Step | None = None  # the last entry that the stored figure still has
    parting: Step | None = None  # the first that it has not
    missed: int = 0  # entries that it has not
    newest: Step | None = None  # where no entry parts them: the last one that wrote the figure
    made_of: tuple[Step, ...] = ()  # the newest of those that make up the derived figure
    parts: int = 0  # how many make it up


@dataclass(frozen=True, slots=True)
class Break:
    """Where a history breaks: the last sound transfer before, the row itself, the next one after it."""

    entry: str
    seq: int | None
    problem: str
    until: datetime
    since: Known | None = None
    sound: Step | None = None
    row: Step | None = None
    following: Step | None = None
    counted: int | None = None  # transfers that the account knows of
    found: int = 0  # transfers that are there


T = TypeVar("T", Explanation, Break)


def step_of(line: Line, currency: str) -> Step:
    """A transfer, as an explanation names it."""
    return Step(
        public_number("CR", line.account_id), line.seq, str(line.kind), _what(line),
        Money(line.amount_minor, currency), line.reference, line.key, line.actor, line.recorded_at,
    )  # fmt: skip


def _what(line: Line) -> str:
    if line.kind in _PAST:
        return _PAST[Kind(line.kind)]
    if line.inward:
        return _INWARD.get(line.house, "issued")
    return _OUTWARD.get(line.house, "reversed")


def points_of_account(lines: Iterable[Line], currency: str) -> list[Point]:
    """An account's (posted, held) after each transfer of its unbroken chain."""
    return [Point(step_of(line, currency), (line.posted_minor, line.held_minor)) for line in lines]


def points_of_customer(chains: Iterable[Sequence[Line]], currency: str) -> list[Point]:
    """A customer's (available, held) in one currency after each operation on any of these accounts.

    An operation that moved several credits was written at once: nothing ever stood between its parts.
    """
    lines = merge(*chains, key=attrgetter("recorded_at", "key", "part"))
    stood: dict[int, tuple[int, int]] = {}
    available = held = 0
    points = []
    for _, group in groupby(lines, key=attrgetter("recorded_at", "key")):
        operation = list(group)
        for line in operation:
            before = stood.get(line.account_id, (0, 0))
            after = stood[line.account_id] = line.posted_minor - line.held_minor, line.held_minor
            available, held = available + after[0] - before[0], held + after[1] - before[1]
        points.append(Point(step_of(operation[0], currency), (available, held)))
    return points


def points_of_sum(steps: Iterable[tuple[Step, int]]) -> list[Point]:
    """A sum after each of its entries; each comes with what it adds, in minor units."""
    total = 0
    points = []
    for step, minor in steps:
        total += minor
        points.append(Point(step, (total,)))
    return points


def explain(
    stored: tuple[int, ...], derived: int, figure: int, trace: Trace, *, known: Sequence[Known], now: datetime
) -> Explanation:
    """Why the `figure`-th of the stored figures of one row is not `derived`, in minor units.

    `known` are moments at which the row is known to have been right.
    """
    known = [each for each in known if trace.checked or each.by != CHECK]
    made_of, parts = tuple(trace.made_of[-_MOST_PARTS:]), len(trace.made_of)
    states = [(0,) * len(stored), *(point.after for point in trace.points)]
    if states[-1][figure] != derived:  # other entries have their part in it
        return Explanation(Verdict.TOGETHER, now, _latest(known), made_of=made_of, parts=parts)
    steps = [point.step for point in trace.points]
    first, newest = (steps[0], steps[-1]) if steps else (None, None)
    verdict, place, missed = _parting(stored, figure, states, trace.adds)
    agrees = steps[place - 1] if place and verdict == Verdict.MISSES else None
    parting = None if place is None else steps[place]
    # An entry that writes the figures anew left them right; one that adds to them kept what was wrong.
    bound = (newest, NEWEST) if not trace.adds else (parting, PARTING) if parting else (first, FIRST)
    return Explanation(
        verdict, now, _since(*bound, known), agrees, parting, missed,
        newest=None if parting else newest, made_of=made_of, parts=parts,
    )  # fmt: skip


def explain_mark(
    lines: Sequence[Line], currency: str, *, known: Sequence[Known], now: datetime
) -> Explanation:
    """Why a credit that has something available should be marked so: since the transfer that made it."""
    parting = None
    before = 0
    for line in lines:
        available = line.posted_minor - line.held_minor
        if before <= 0 < available:
            parting = step_of(line, currency)
        before = available
    return Explanation(Verdict.UNMARKED, now, _since(parting, PARTING, known), parting=parting)


def explain_document(
    stored: int, derived: int, trace: Trace, *, known: Sequence[Known], now: datetime
) -> Explanation:
    """Why a sum over documents differs, of which no history is kept: what makes it up today."""
    lacking = [step for step in trace.made_of if step.amount.minor == derived - stored]
    return Explanation(
        Verdict.LEFT_OUT if lacking else Verdict.DOCUMENTS, now, _latest(known),
        parting=lacking[-1] if lacking else None, missed=len(lacking),
        made_of=tuple(trace.made_of[-_MOST_PARTS:]), parts=len(trace.made_of),
    )  # fmt: skip


def explain_break(
    broken: Broken, lines: Sequence[Line], currency: str, counted: int | None,
    *, known: Sequence[Known], now: datetime,
) -> Break:  # fmt: skip
    """The rows around the first that breaks the chain `lines`, all of an account in their order."""
    place = len(lines) if broken.seq is None else broken.seq - 1
    missing = place >= len(lines) or lines[place].seq != broken.seq
    after = place if missing else place + 1
    sound, row, following = (
        step_of(lines[at], currency) if at is not None and 0 <= at < len(lines) else None
        for at in (place - 1, None if missing else place, after)
    )
    # Its own digest follows: the figures it went on from were wrong when it was written.
    until = row.at if row is not None and broken.problem == NOT_CONTINUED else now
    since = _since(sound, SOUND, [each for each in known if each.at <= until])
    entry = public_number("CR", broken.account_id or 0)
    return Break(entry, broken.seq, broken.problem, until, since, sound, row, following, counted, len(lines))


def _parting(
    stored: tuple[int, ...], figure: int, states: Sequence[tuple[int, ...]], adds: bool
) -> tuple[Verdict, int | None, int]:
    """The verdict, the place of the first entry that is not in the figure, and how many are not.

    The whole row is compared first, which says more than one figure of it. A hold and its release
    bring the same figures back: of several moments it is the last. Of an entry left out, how many
    there are like it.
    """
    entries = len(states) - 1
    whole = [place for place in range(entries) if states[place] == stored]
    if whole:
        return Verdict.MISSES, whole[-1], entries - whole[-1]
    lacking = _less(states[-1], stored)
    alike = [place for place in range(entries) if _less(states[place + 1], states[place]) == lacking]
    if adds and alike:
        return Verdict.LEFT_OUT, alike[-1], len(alike)
    alone = [place for place in range(entries) if states[place][figure] == stored[figure]]
    if alone:
        return Verdict.MISSES, alone[-1], entries - alone[-1]
    return Verdict.OUTSIDE, None, 0


def _less(figures: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one - other for one, other in zip(figures, others, strict=True))


def _since(bound: Step | None, by: str, known: Sequence[Known]) -> Known | None:
    return _latest([*([] if bound is None else [Known(bound.at, by)]), *known])


def _latest(known: Sequence[Known]) -> Known | None:
    return max(known, key=attrgetter("at"), default=None)


def steps_in(told: Iterable[Explanation | Break]) -> Iterator[Step]:
    """Every entry that these name."""
    for each in told:
        for field in fields(each):
            yield from _steps(getattr(each, field.name))


def named(told: T, name: Callable[[Step], str]) -> T:
    """The same, with `name` saying who made each entry."""
    values = {field.name: getattr(told, field.name) for field in fields(told)}
    changed: dict[str, Any] = {}
    for field, value in values.items():
        if isinstance(value, Step):
            changed[field] = replace(value, who=name(value))
        elif isinstance(value, tuple) and not isinstance(value, Known):
            changed[field] = tuple(replace(step, who=name(step)) for step in value)
    return replace(told, **changed)


def _steps(value: object) -> Iterator[Step]:
    if isinstance(value, Step):
        yield value
    elif isinstance(value, tuple):
        yield from (each for each in value if isinstance(each, Step))


def plain(value: Any) -> Any:
    """An explanation as JSON takes it: moments in UTC, money in minor units with its currency."""
    if isinstance(value, Known):
        return {"at": plain(value.at), "by": value.by}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return [plain(each) for each in value] if isinstance(value, tuple) else value
