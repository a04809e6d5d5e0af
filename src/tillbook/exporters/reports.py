"""Reports as people read them: the same words and figures on a page, in a file and on paper.

What a report says is decided here, once. `report_files` writes it, the panel and the command show it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from babel.dates import format_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tillbook.common.actor import Actor
from tillbook.credit import reporting
from tillbook.credit.basis import Basis, View, day_start
from tillbook.credit.models import Source
from tillbook.credit.reporting import (
    Age,
    BalanceStream,
    CustomerBalance,
    Expiry,
    Line,
    Move,
    Owed,
    RollForward,
    Standing,
)
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ROWS_ON_A_PAGE = 100  # of one section, as many as a list has; the files have all of them

Cell = str | int | None


class Holds(StrEnum):
    """What a column holds: words, a day as ISO 8601, a number, or minor units of the section's currency."""

    WORDS = "words"
    DAY = "day"
    COUNT = "count"
    MONEY = "money"


class Column(NamedTuple):
    key: str  # in files that programs read
    label: str
    holds: Holds = Holds.MONEY

    @property
    def at_left(self) -> bool:
        """Whether it is read from the left, as words are; numbers stand at the right."""
        return self.holds in (Holds.WORDS, Holds.DAY)


class Row(NamedTuple):
    """Cells in the order of the document's columns."""

    cells: tuple[Cell, ...]
    total: bool = False


class Section(NamedTuple):
    """A table in one currency. Its rows may be a stream: read them once, before the next section."""

    currency: str
    title: str
    rows: Iterable[Row]
    shows: frozenset[str] = frozenset()  # the keys of the columns that people see of it; none: all


@dataclass(slots=True)
class Beginning:
    """A section as a page shows it: its first rows, totals always, and how many more there are."""

    section: Section
    rows: list[Row] = field(default_factory=list)
    more: int = 0

    def add(self, rows: Iterable[Row]) -> Beginning:
        for row in rows:
            if row.total or len(self.rows) < _ROWS_ON_A_PAGE:
                self.rows.append(row)
            else:
                self.more += 1
        return self


@dataclass(slots=True)
class Document:
    """A report. `transfers` is what its sections are derived from, known when they have been read."""

    kind: str
    title: str
    basis: Basis
    from_at: datetime | None
    currency: str | None  # None: all
    columns: tuple[Column, ...]
    sections: Iterable[Section]
    transfers: int = 0  # or what else `derived_from` counts
    derived_from: str = "transfers"  # or refunds
    remark: tuple[str, str] | None = None  # what its reader must know beside the figures, as (label, words)

    def seen(self, section: Section) -> list[int]:
        """The places of the columns that the section shows on a page, on paper and on a screen."""
        every = enumerate(self.columns)
        return [place for place, column in every if not section.shows or column.key in section.shows]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What the figures stand on, as (label, words)."""
        return [
            (_("Period") if self.from_at else _("As of"), when(self.basis, self.from_at)),
            (_("View"), str(_VIEWS[self.basis.view])),
            (_("Recorded until"), self.basis.recorded_by.isoformat()),
            (_("Currency"), self.currency or _("All")),
            *([self.remark] if self.remark else []),
        ]

    def close(self) -> None:
        """Let go of the stream behind the sections, where they were not read to their end."""
        if isinstance(self.sections, Generator):
            self.sections.close()

    @property
    def derivation(self) -> str:
        """Read it after the sections."""
        told = self._refunds if self.derived_from == "refunds" else self._transfers
        return told % {"number": f"{self.transfers:,}"}

    @property
    def _refunds(self) -> str:
        return ngettext(
            "Derived from %(number)s refund and its history.",
            "Derived from %(number)s refunds and their history.",
            self.transfers,
        )

    @property
    def _transfers(self) -> str:
        return ngettext(
            "Derived from %(number)s transfer.", "Derived from %(number)s transfers.", self.transfers
        )

    @property
    def name(self) -> str:
        """A file's name without its ending."""
        last = _last_day(self.basis.as_of).date().isoformat()
        first = f"-{self.from_at.date()}" if self.from_at else ""
        view = "" if self.basis.view == View.EFFECTIVE else f"-{self.basis.view}"
        return f"{self.kind}{first}-{last}{view}{f'-{self.currency}' if self.currency else ''}"


_VIEWS = {
    View.EFFECTIVE: gettext_lazy("As it happened: each transfer counts at the time it took effect"),
    View.RECORDED: gettext_lazy("As the book said: each transfer counts at the time it was recorded"),
}

_REASONS: dict[str, StrOrPromise] = {
    "overpayment": gettext_lazy("Overpayment"),
    "order_cancelled": gettext_lazy("Order cancelled"),
    "return": gettext_lazy("Taken over from another system"),
}


def when(basis: Basis, from_at: datetime | None) -> str:
    """As of when, or over which period, as people say it."""
    end = as_words(basis.as_of)
    if from_at is None:
        return end[:1].upper() + end[1:]
    return _("%(begin)s to %(end)s") % {"begin": _from(from_at), "end": end}


def as_words(as_of: datetime) -> str:
    """The exclusive moment as people say it: the end of a day, or the time itself."""
    if as_of == day_start(as_of.date()):
        end = {"day": _day(_last_day(as_of)), "zone": shop().time_zone.key}
        return _("end of %(day)s (%(zone)s)") % end
    return f"{_from(as_of)} ({shop().time_zone.key})"


def _from(moment: datetime) -> str:
    at_midnight = moment == day_start(moment.date())
    return _day(moment) if at_midnight else f"{_day(moment)}, {moment.time().isoformat()}"


def _day(day: datetime) -> str:
    return format_date(day, format="long", locale=shop().locale)


def _last_day(as_of: datetime) -> datetime:
    return as_of - timedelta(microseconds=1)


def balances(basis: Basis, *, currency: str | None, actor: Actor) -> Document:
    """Who had what: a row for each customer with something left. Streams."""
    columns = (
        Column("username", _("Username"), Holds.WORDS),
        Column("name", _("Name"), Holds.WORDS),
        *_figures(),
    )
    document = Document("balances", _("Balances"), basis, None, currency, columns, ())
    found = reporting.balances(basis, currency=currency, actor=actor)
    document.sections = _balance_sections(document, found)
    return document


def _figures() -> tuple[Column, ...]:
    return (
        Column("posted", _("Owed")), Column("held", _("Held")), Column("available", _("Available")),
    )  # fmt: skip


def _balance_sections(document: Document, found: BalanceStream) -> Iterator[Section]:
    with closing(found):
        for currency, each in groupby(found, key=attrgetter("currency")):
            yield Section(currency, _("Customers"), _balance_rows(document, each))


def _balance_rows(document: Document, found: Iterable[CustomerBalance]) -> Iterator[Row]:
    posted = held = customers = 0
    for each in found:
        document.transfers += each.transfers
        if each.posted or each.held:
            posted, held, customers = posted + each.posted, held + each.held, customers + 1
            name = "" if each.name == each.username else each.name
            yield Row((each.username, name, each.posted, each.held, each.posted - each.held))
    people = ngettext("%(number)s customer", "%(number)s customers", customers) % {"number": f"{customers:,}"}
    yield Row((_("Total"), people, posted, held, posted - held), total=True)


def liability(basis: Basis, *, currency: str | None, actor: Actor) -> Document:
    """What is owed, by source, age, expiry and refundability."""
    found = reporting.liability(basis, currency=currency, actor=actor)
    columns = (Column("line", "", Holds.WORDS), Column("credits", _("Credits"), Holds.COUNT), *_figures())
    sections = [
        section
        for code, parts in groupby(found, key=attrgetter("currency"))
        for section in _liability_sections(code, list(parts))
    ]
    transfers = sum(each.transfers for each in found)
    return Document("liability", _("Liability"), basis, None, currency, columns, sections, transfers)


def _liability_sections(currency: str, parts: list[Owed]) -> Iterator[Section]:
    sources = {(each.source, each.reason) for each in parts if each.posted or each.held}
    in_order = sorted(sources, key=lambda each: (Source.values.index(each[0]), _reason(each[1]), each[1]))
    by_source = {each: f"{Source(each[0]).label}: {_reason(each[1])}" for each in in_order}
    yield _by(_("By source"), currency, parts, lambda each: (each.source, each.reason), by_source)
    yield _by(_("By age"), currency, parts, attrgetter("age"), {each.value: str(each.label) for each in Age})
    yield _by(
        _("By expiry"),
        currency,
        parts,
        attrgetter("expiry"),
        {each.value: str(each.label) for each in Expiry},
    )
    use = {True: _("May be paid out"), False: _("Pays orders only")}
    yield _by(_("By use"), currency, parts, attrgetter("refundable"), use)


def _reason(reason: str) -> str:
    known = _REASONS.get(reason)
    return str(known) if known else label_of(reason, shop().give_reasons, shop().return_reasons)


def _by(
    title: str,
    currency: str,
    parts: list[Owed],
    key_of: Callable[[Owed], Hashable],
    labels: Mapping[Any, str],
) -> Section:
    sums: defaultdict[Hashable, list[Owed]] = defaultdict(list)
    for each in parts:
        sums[key_of(each)].append(each)
    rows = [_owed(label, sums[key]) for key, label in labels.items()]
    return Section(currency, title, [*rows, _owed(_("Total"), parts, total=True)])


def _owed(label: str, parts: list[Owed], *, total: bool = False) -> Row:
    credits, posted, held = (sum(getattr(each, name) for each in parts) for name in _SUMMED)
    return Row((label, credits, posted, held, posted - held), total)


_SUMMED = ("credits", "posted", "held")


def roll_forward(from_at: datetime, basis: Basis, *, currency: str | None, actor: Actor) -> Document:
    """How what was owed at the beginning of a period became what was owed at its end."""
    from_at = from_at.astimezone(shop().time_zone)
    found = reporting.roll_forward(from_at, basis, currency=currency, actor=actor)
    columns = (
        Column("line", "", Holds.WORDS),
        Column("transfers", _("Transfers"), Holds.COUNT),
        Column("amount", _("Amount")),
    )
    sections = [_rolled(each, found) for each in found.standings]
    transfers = sum(each.transfers for each in found.standings)
    title = _("Roll-forward")
    return Document("roll-forward", title, basis, from_at, currency, columns, sections, transfers)


def _rolled(standing: Standing, found: RollForward) -> Section:
    moves = [each for each in found.moves if each.currency == standing.currency]
    rows = [
        Row((_("Opening"), None, standing.opening), total=True),
        *_issued([each for each in moves if each.line == Line.ISSUED]),
        *(_moved(str(line.label), [each for each in moves if each.line == line]) for line in _MOVES),
        *_others([each for each in moves if each.line == Line.OTHER]),
        Row((_("Closing"), None, standing.closing), total=True),
        Row((_("Memo: of the opening held"), None, standing.held_at_opening)),
        Row((_("Memo: of the closing held"), None, standing.held_at_closing)),
    ]
    return Section(standing.currency, _("Credit owed"), rows)


_MOVES = (
    Line.GIVEN_BACK, Line.SPENT, Line.PAID_OUT, Line.NOT_RECEIVED, Line.EXPIRED, Line.REVERSED,
)  # fmt: skip


def _issued(moves: list[Move]) -> Iterator[Row]:
    """What orders and returns issued, a row each, and what staff gave, a row for each reason."""
    by_source: defaultdict[str, list[Move]] = defaultdict(list)
    for each in moves:
        by_source[each.source].append(each)
    yield _moved(_("Issued: order overpayments"), by_source[Source.OVERPAYMENT])
    yield _moved(_("Issued: returns"), by_source[Source.RETURN])
    given = sorted(by_source[Source.MANUAL], key=lambda each: _reason(each.reason))
    for reason, some in groupby(given, key=attrgetter("reason")):
        yield _moved(_("Issued by hand: %(reason)s") % {"reason": _reason(reason)}, list(some))
    if not given:
        yield _moved(_("Issued by hand"), [])


def _others(moves: list[Move]) -> Iterator[Row]:
    for each in moves:
        way = (
            _("Other: %(reason)s, to %(house)s") if each.minor < 0 else _("Other: %(reason)s, from %(house)s")
        )
        yield _moved(way % {"reason": each.reason, "house": each.house}, [each])


def _moved(label: str, moves: list[Move]) -> Row:
    return Row((label, sum(each.transfers for each in moves), sum(each.minor for each in moves)))
