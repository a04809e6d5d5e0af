"""Making the reports that wait: taking one, so that nobody else makes it, and keeping what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count, islice
from tempfile import TemporaryFile
from typing import IO, Any

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext

from tillbook.common.actor import Actor
from tillbook.common.errors import Refusal
from tillbook.exporters import keeping
from tillbook.exporters.models import Report, ReportRows
from tillbook.exporters.reports import Beginning, Document
from tillbook.ledger.steady import steady

_SILENT = timedelta(seconds=30)  # after which nobody is at work any more
_TRIES = 3  # a report that ends its process, for want of memory say, must not do so for ever
_ROWS_TOGETHER = 1_000

_log = structlog.get_logger(__name__)


def take(now: datetime) -> Report | None:
    """The oldest report that is to be made and that nobody is at work on. It is the caller's then."""
    free = Q(seen_at=None) | Q(seen_at__lt=now - _SILENT)
    for report in Report.objects.filter(free, finished_at=None).order_by("pk"):
        unchanged = Report.objects.filter(pk=report.pk, tries=report.tries, finished_at=None)
        if unchanged.update(seen_at=now, tries=report.tries + 1):
            report.tries += 1
            return report
    return None


def still_at_work(report: Report, now: datetime) -> None:
    """Say so, at the latest every half minute: whoever makes it is not taken for dead then."""
    Report.objects.filter(pk=report.pk).update(seen_at=now)


def make(report: Report, clock: Callable[[], datetime]) -> None:
    """Make a report that was taken, and keep it, or keep why there is none."""
    with translation.override(report.language), TemporaryFile("w+", encoding="utf-8") as rows:
        try:
            head = _made(report, rows)
        except Refusal as refusal:
            _keep(report, clock(), refusal=refusal.message)
        except Exception:  # noqa: BLE001  whoever waits for it must be told; the log has the rest
            _log.exception("report_failed", report=report.pk)
            _keep(report, clock(), refusal=_failed())
        else:
            rows.seek(0)
            _keep(report, clock(), head=head, rows=rows)


def _made(report: Report, rows: IO[str]) -> dict[str, Any]:
    """What is kept of the report beside its rows, which go to the file."""
    if report.tries > _TRIES:
        raise Refusal(_failed())
    asked = keeping.asked_of(report)
    with steady(), closing(asked.document(actor=Actor.system("reports"))) as document:
        return keeping.head_of(document, _read(document, rows))


def _failed() -> str:
    return gettext("The report could not be made. The server's log says why.")


def _read(document: Document, file: IO[str]) -> list[Beginning]:
    """Read the document to its end. All rows wait in the file: nothing can be written meanwhile."""
    begun = []
    for section_place, section in enumerate(document.sections):
        beginning = Beginning(section)
        rows = iter(section.rows)
        for place in count():
            together = list(islice(rows, _ROWS_TOGETHER))
            if not together:
                break
            beginning.add(together)
            file.write(json.dumps([section_place, place, together]) + "\n")
        begun.append(beginning)
    return begun


@transaction.atomic
def _keep(
    report: Report,
    now: datetime,
    *,
    head: dict[str, Any] | None = None,
    rows: Iterable[str] = (),
    refusal: str = "",
) -> None:
    """Keep what was made, unless another process was faster after this one was silent for a while."""
    unfinished = Report.objects.select_for_update().filter(pk=report.pk, finished_at=None)
    if not unfinished.exists():
        return
    for line in rows:
        section, place, together = json.loads(line)
        ReportRows.objects.create(report=report, section=section, place=place, rows=together)
    unfinished.update(finished_at=now, head=head or {}, refusal=refusal)
