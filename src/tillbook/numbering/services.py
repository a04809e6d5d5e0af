"""Beginning a series of numbers above those of the system that a shop had before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.numbering import row_id
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record
from tillbook.numbering.series import SERIES, Series
from tillbook.orders.models import Order

HIGHEST = 999_999_999  # nine digits are as many as people read to each other
# As a payment takes its own number, then that of the credit it makes: the counters are locked in the same
# order, so that neither waits for the other.
_AS_TAKEN = ("order", "payment", "rma", "refund", "payout", "credit")
_SUBJECT, _SECTION = "settings", "numbering"


class NumberGiven(Refusal):
    """The series has gone past that number: numbers only count up, and none is given twice."""

    code = "number_given"


class SeriesClash(Refusal):
    """An order already bears a number that the series would come to."""

    code = "series_clash"


def next_numbers() -> dict[str, int]:
    """Series -> the digits of the number that comes next in it."""
    return {name: series.next_digits() for name, series in SERIES.items()}


@transaction.atomic
def start(starts: Mapping[str, int], *, actor: Actor, now: datetime) -> dict[str, int]:
    """Have each series named go on with these digits; returns what comes next in all. All are moved, or none.

    A series that is there already is left alone. Raises PermissionDenied, NumberGiven, SeriesClash, and
    InvalidInput naming the series.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    if unknown := sorted(set(starts) - set(SERIES)):
        raise InvalidInput(
            _("There is no series %(name)r. Choose of %(names)s.")
            % {"name": unknown[0], "names": ", ".join(SERIES)},
            field="series",
        )
    changed = {}
    for name in sorted(starts, key=_AS_TAKEN.index):
        series, digits = SERIES[name], starts[name]
        _check_range(name, series, digits)
        series.locked()
        before = series.next_digits()
        if digits == before:
            continue
        _check_free(name, series, digits, before)
        series.move(digits)
        changed[f"{_SECTION}.{series.prefix}"] = [series.number(before), series.number(digits)]
    if changed:
        data = {"section": _SECTION, "changed": changed}
        record(NewEvent("settings.changed", _SUBJECT, data=data), actor=actor, now=now)
    return next_numbers()


def _check_range(name: str, series: Series, digits: int) -> None:
    if not 1_001 <= digits <= HIGHEST:
        raise InvalidInput(
            _("%(prefix)s: the next number must be from 1001 to %(highest)s.")
            % {"prefix": series.prefix, "highest": HIGHEST},
            field=name,
        )


def _check_free(name: str, series: Series, digits: int, before: int) -> None:
    if digits < before:
        raise NumberGiven(
            _("%(number)s comes next. Numbers only count up: enter %(digits)s or more.")
            % {"number": series.number(before), "digits": before},
            field=name,
        )
    named = Order.objects.filter(number__startswith=f"{series.prefix}-")
    if series.prefix != "SO":  # its own orders bear the series' numbers rightly
        ahead = [each for each in named.values_list("number", flat=True) if _digits(series, each) >= digits]
        if ahead:
            raise SeriesClash(
                _("Order %(number)s bears a number of this series. Begin above it.")
                % {"number": max(ahead, key=lambda each: _digits(series, each))},
                field=name,
            )


def _digits(series: Series, number: str) -> int:
    return 0 if row_id(series.prefix, number) is None else int(number.rpartition("-")[2])


@transaction.atomic
def keep() -> None:
    """Move each series to where it was begun, if it stands below.

    SQLite forgets the counter of a table without rows when a migration copies the table.
    """
    for event in Event.objects.filter(subject=_SUBJECT, action="settings.changed").order_by("pk"):
        if event.data.get("section") != _SECTION:
            continue
        for series in SERIES.values():
            _before, began = event.data["changed"].get(f"{_SECTION}.{series.prefix}", ["", ""])
            if series.next_digits() < _digits(series, began):
                series.move(_digits(series, began))
