"""The report on money that went out, or was to, and that nobody has: by state, age and method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tillbook.common.actor import Actor, Permission
from tillbook.credit.basis import Basis
from tillbook.exporters.reports import Column, Document, Holds, Row, Section
from tillbook.refunds import ageing
from tillbook.refunds.ageing import State, Unclaimed
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: the last day of each bucket, and what it is called
AGES: tuple[tuple[int | None, StrOrPromise], ...] = (
    (30, gettext_lazy("0 to 30 days")),
    (60, gettext_lazy("31 to 60 days")),
    (90, gettext_lazy("61 to 90 days")),
    (180, gettext_lazy("91 to 180 days")),
    (None, gettext_lazy("Over 180 days")),
)


_SUMS = frozenset({"line", "refunds", "amount"})
_LINES = frozenset({"line", "customer", "method", "since", "days", "amount"})


def unclaimed(basis: Basis, *, currency: str | None, actor: Actor) -> Document:
    """What was paid and not received, or asked for and not paid, as of then. Raises PermissionDenied."""
    actor.require(Permission.VIEW_REPORTS)
    found = ageing.as_of(basis, currency=currency)
    columns = (
        Column("line", "", Holds.WORDS),
        Column("customer", _("Customer"), Holds.WORDS),
        Column("method", _("Method"), Holds.WORDS),
        Column("since", _("Since"), Holds.DAY),
        Column("days", _("Days"), Holds.COUNT),
        Column("refunds", _("Refunds"), Holds.COUNT),
        Column("amount", _("Amount")),
    )
    sections = [
        section
        for _code, some in groupby(found, key=lambda each: each.refund.currency)
        for section in _sections(list(some))
    ]
    return Document(
        "unclaimed", _("Unclaimed refunds"), basis, None, currency, columns, sections, len(found),
        derived_from="refunds", remark=_beside_liability(),
    )  # fmt: skip


def _beside_liability() -> tuple[str, str]:
    return (
        _("Beside the liability report"),
        _(
            "What was paid and not received is no credit any more, and not in that report: the book has it "
            "as paid out, and the bank, the till or PayPal still holds it. What waits is in that report, "
            "as held."
        ),
    )


def _sections(found: list[Unclaimed]) -> Iterator[Section]:
    currency = found[0].refund.currency
    yield Section(currency, _("How it stands"), [*_by_state(found)], _SUMS)
    yield Section(currency, _("By age"), [*_by_age(found), _sum(_("Total"), found, total=True)], _SUMS)
    yield Section(currency, _("By method and age"), [*_by_method(found)], _SUMS)
    for state in State:
        some = [each for each in found if each.state == state]
        if some:
            yield Section(currency, str(state.label), [*map(_line, some), _total(some)], _LINES)


def _by_state(found: list[Unclaimed]) -> Iterator[Row]:
    for state in State:
        yield _sum(str(state.label), [each for each in found if each.state == state], total=True)
    owed = [each for each in found if each.state != State.OUT]
    yield _sum(_("Of these owed as credit, and held"), owed)


def _by_age(found: Sequence[Unclaimed], before: str = "") -> Iterator[Row]:
    for place, (_last, label) in enumerate(AGES):
        yield _sum(f"{before}{label}", [each for each in found if _age(each) == place])


def _by_method(found: list[Unclaimed]) -> Iterator[Row]:
    """Of each method the ages that it has, and its sum."""
    methods = sorted({each.method for each in found}, key=lambda each: (_method(each), each))
    for method in methods:
        some = [each for each in found if each.method == method]
        label = _method(method)
        yield from (row for row in _by_age(some, f"{label}: ") if row.cells[5])
        yield _sum(label, some, total=True)


def _age(each: Unclaimed) -> int:
    return next(place for place, (last, _label) in enumerate(AGES) if last is None or each.days <= last)


def _sum(label: str, found: Iterable[Unclaimed], *, total: bool = False) -> Row:
    amounts = [each.refund.amount_minor for each in found]
    return Row((label, "", "", None, None, len(amounts), sum(amounts)), total)


def _total(found: list[Unclaimed]) -> Row:
    told = ngettext("%(number)s refund", "%(number)s refunds", len(found)) % {"number": f"{len(found):,}"}
    cells = _sum(_("Total"), found).cells
    return Row((cells[0], told, *cells[2:]), total=True)


def _line(each: Unclaimed) -> Row:
    refund = each.refund
    since = each.since.astimezone(shop().time_zone).date()
    return Row(
        (refund.number, refund.customer.username, _method(each.method), since.isoformat(), each.days, None,
         refund.amount_minor)
    )  # fmt: skip


def _method(code: str) -> str:
    return label_of(code, shop().methods)
