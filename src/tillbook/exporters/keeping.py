"""Reports over a large book: asked for in a request, made beside the server, kept to be shown.

The same question has the same answer for good, so what is kept never grows old; it is only let go of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.credit.basis import Basis, View
from tillbook.credit.models import Credit
from tillbook.events.services import content_of
from tillbook.exporters.asked import Asked, Kind
from tillbook.exporters.models import Report, ReportRows
from tillbook.exporters.reports import Beginning, Column, Document, Holds, Row, Section
from tillbook.shop.policies import shop

_MOST_WAITING = 20
_MOST_KEPT = 200
_KEPT_FOR = timedelta(days=30)


class TooManyReports(Refusal):
    """So many reports wait that another one would not be made soon."""

    code = "too_many_reports"

    def __init__(self) -> None:
        super().__init__(
            gettext("%(number)s reports are waiting to be made. Try again when they are.")
            % {"number": _MOST_WAITING}
        )


def is_large() -> bool:
    """Whether the book is too large for its reports to be made while their reader waits.

    It is told by the highest number of a credit, which an index has at its end.
    """
    newest = Credit.objects.aggregate(newest=Max("id"))["newest"] or 0
    return bool(newest > settings.TILLBOOK_REPORTS_AT_ONCE)


def ask(asked: Asked, *, exact: bool, actor: Actor, now: datetime) -> Report:
    """The report, kept or still to be made, in the language that is spoken now; one that was refused is
    tried again. Unless it must be `exact`, one like it that is still to be made will do.

    Raises PermissionDenied, TooManyReports.
    """
    actor.require(Permission.VIEW_REPORTS)
    found = find(asked)
    if found is not None and not found.refusal:
        return found
    waiting = None if exact else newest_like(asked)
    if waiting is not None and waiting.finished_at is None:
        return waiting
    if Report.objects.filter(finished_at=None).count() >= _MOST_WAITING:
        raise TooManyReports
    if found is not None:
        found.delete()
    basis = asked.basis
    report, _ = Report.objects.get_or_create(
        key=_key(asked),
        defaults={
            "kind": asked.kind, "as_of": basis.as_of, "view": basis.view, "recorded_by": basis.recorded_by,
            "currency": asked.currency, "from_at": asked.from_at, "language": _language(),
            "asked_by": actor.name, "asked_at": now,
        },
    )  # fmt: skip
    return report


def find(asked: Asked) -> Report | None:
    """This very report, if it was asked for before in the language that is spoken now."""
    return Report.objects.filter(key=_key(asked)).first()


def newest_like(asked: Asked) -> Report | None:
    """The newest one that differs at most in until when it knows what was recorded, refused or not."""
    basis = asked.basis
    return (
        Report.objects.filter(
            kind=asked.kind, as_of=basis.as_of, view=basis.view, currency=asked.currency,
            from_at=asked.from_at, language=_language(),
        )
        .order_by("-pk")
        .first()
    )  # fmt: skip


def newest(kind: Kind, limit: int) -> list[Report]:
    """The newest ones of that kind that are made, in the language that is spoken now, the newest first."""
    made = Report.objects.filter(kind=kind, language=_language(), refusal="", finished_at__isnull=False)
    return list(made.defer("head").order_by("-pk")[:limit])


def _language() -> str:
    return translation.get_language() or settings.LANGUAGE_CODE


def _key(asked: Asked) -> str:
    basis = asked.basis
    moments = [basis.as_of, basis.recorded_by, *([asked.from_at] if asked.from_at else [])]
    told = [each.astimezone(UTC).isoformat() for each in moments]
    return content_of(
        asked.kind, view=basis.view, currency=asked.currency, language=_language(), moments=told
    )


def asked_of(report: Report) -> Asked:
    """What was asked for."""
    zone = shop().time_zone
    basis = Basis(
        report.as_of.astimezone(zone), View(report.view), report.recorded_by.astimezone(zone)
    )  # as basis_at made it
    from_at = report.from_at and report.from_at.astimezone(zone)
    return Asked(Kind(report.kind), basis, report.currency, from_at)


def document(report: Report) -> Document:
    """A report that is made, with all its rows, which stream."""
    asked, head = asked_of(report), report.head
    return Document(
        kind=asked.kind,
        title=head["title"],
        basis=asked.basis,
        from_at=asked.from_at,
        currency=asked.currency or None,
        columns=tuple(Column(key, label, Holds(holds)) for key, label, holds in head["columns"]),
        sections=_sections(report),
        transfers=head["transfers"],
        derived_from=head["derived_from"],
        remark=(head["remark"][0], head["remark"][1]) if head["remark"] else None,
    )


def _sections(report: Report) -> Iterator[Section]:
    for place, each in enumerate(report.head["sections"]):
        yield Section(each["currency"], each["title"], _rows(report, place), frozenset(each["shows"]))


def _rows(report: Report, section: int) -> Iterator[Row]:
    kept = ReportRows.objects.filter(report=report, section=section).order_by("place")
    for rows in kept.values_list("rows", flat=True).iterator(chunk_size=1):
        yield from map(_row, rows)


def _row(kept: list[Any]) -> Row:
    cells, total = kept
    return Row(tuple(cells), total)


def beginnings(report: Report) -> list[Beginning]:
    """The sections of a report that is made as a page shows them, without reading all rows."""
    return [
        Beginning(section, list(map(_row, each["first"])), each["more"])
        for section, each in zip(_sections(report), report.head["sections"], strict=True)
    ]


def head_of(made: Document, begun: list[Beginning]) -> dict[str, Any]:
    """What is kept of a document that has been read, beside its rows."""
    return {
        "title": made.title,
        "columns": [list(each) for each in made.columns],
        "remark": made.remark,
        "transfers": made.transfers,
        "derived_from": made.derived_from,
        "sections": [
            {
                "currency": section.currency,
                "title": section.title,
                "shows": sorted(section.shows),
                "first": rows,
                "more": more,
            }
            for section, rows, more in ((each.section, each.rows, each.more) for each in begun)
        ],
    }


def clear(now: datetime) -> None:
    """Let go of what was made long ago, and of all but the newest. A part of the daily round."""
    made = Report.objects.filter(finished_at__isnull=False)
    made.filter(finished_at__lt=now - _KEPT_FOR).delete()
    last = made.order_by("-pk").values_list("pk", flat=True)[_MOST_KEPT : _MOST_KEPT + 1].first()
    if last is not None:
        made.filter(pk__lte=last).delete()
