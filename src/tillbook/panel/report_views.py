"""Reports: what the shop owes as of any day, on a page and as a file of exactly that page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.core.cache import cache
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import NotFound, Refusal
from tillbook.credit.reporting import currencies
from tillbook.exporters import keeping
from tillbook.exporters.asked import Asked, Kind
from tillbook.exporters.models import Report
from tillbook.exporters.report_files import MEDIA_TYPES, write
from tillbook.exporters.reports import Beginning, Cell, Column, Document, Holds, Row, when
from tillbook.panel import report_work
from tillbook.panel.edge import PanelRequest, answer, command, read_only, status_of
from tillbook.panel.report_forms import ReportForm, RollForwardForm, address
from tillbook.shop.policies import shop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_NEWEST = 8  # reports made before
_CURRENCIES, _SECONDS = "report_currencies", 60
_ENDINGS = ("xlsx", "pdf", "csv")


@dataclass(frozen=True, slots=True)
class Page:
    """A report: its page's words, and its form."""

    title: StrOrPromise
    lead: StrOrPromise
    form: type[ReportForm] = ReportForm


class Table(NamedTuple):
    """A section as the page shows it: each row as (column, cell) pairs and whether it is a total."""

    title: str
    columns: list[Column]
    rows: list[tuple[list[tuple[Column, Cell]], bool]]
    more: int  # rows that only the files have


class Part(NamedTuple):
    """A currency of the page: its main figures, and its tables."""

    currency: str
    figures: list[tuple[str, int]]
    tables: list[Table]


_PAGES = {
    Kind.LIABILITY: Page(
        gettext_lazy("Liability"), gettext_lazy("What the shop owes its customers, why, and since when.")
    ),
    Kind.ROLL_FORWARD: Page(
        gettext_lazy("Roll-forward"),
        gettext_lazy("How the credit owed at one date became that of another."),
        RollForwardForm,
    ),
    Kind.BALANCES: Page(gettext_lazy("Balances"), gettext_lazy("What the shop owes, customer by customer.")),
    Kind.UNCLAIMED: Page(
        gettext_lazy("Unclaimed refunds"),
        gettext_lazy(
            "Money that went out, or was to, and that its payee has not got: where it is, and how long."
        ),
    ),
}


class Made(NamedTuple):
    """A report as the page shows it."""

    document: Document
    parts: list[Part]


def reports(_request: HttpRequest) -> HttpResponse:
    return redirect("panel:report", kind="liability")


@read_only
def report(request: PanelRequest, kind: str) -> HttpResponse:
    """The report that the address asks for; of a large book, once it is made."""
    form = _form(request, kind, request.GET)
    asked = _asked(form, request.now)
    if keeping.is_large():
        return _kept_page(request, form, asked)
    made = answer(form, lambda: _made(asked.document(actor=request.actor))) if asked else None
    return _page(request, form, asked, made)


@command("panel:report")
def ask(request: PanelRequest, kind: str) -> HttpResponse:
    """Have a report made beside the server, and go where it will be shown."""
    form = _form(request, kind, request.POST)
    now = request.now.replace(microsecond=0)  # those who ask at once ask for the same
    asked = _asked(form, now)
    if asked and answer(form, lambda: keeping.ask(asked, exact=form.is_exact, actor=request.actor, now=now)):
        transaction.on_commit(report_work.ensure)
        # Without a moment the page shows the newest, which is this one, and asks for a new one the next time.
        shown = address(asked, exact=form.is_exact)
        return redirect(f"{reverse('panel:report', args=[kind])}?{urlencode(shown)}")
    return _kept_page(request, form, None)


@read_only
def download(request: PanelRequest, kind: str, ending: str) -> HttpResponse:
    """The report as a file; what can't be made leads back to the page, which says why."""
    form = _form(request, kind, request.GET)
    if ending not in _ENDINGS:
        raise NotFound(_("There is no such file."))
    page = f"{reverse('panel:report', args=[kind])}?{request.GET.urlencode()}".removesuffix("?")
    asked = _asked(form, request.now)
    if not asked:
        return redirect(page)
    try:
        document = _document(asked, request.actor)
        if document is None:
            return redirect(page)
        file = _written(document, ending)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect(page)
    name = f"{document.name}.{ending}"
    response = FileResponse(file, as_attachment=True, filename=name, content_type=MEDIA_TYPES[ending])
    return cast("HttpResponse", response)  # a response that streams: the edge only adds headers


def _written(document: Document, ending: str) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    try:
        write(document, ending, file)
    except Refusal:
        file.close()
        raise
    file.seek(0)
    return file


def _document(asked: Asked, actor: Actor) -> Document | None:
    """The report, unless it is one of a large book that is not made."""
    if not keeping.is_large():
        return asked.document(actor=actor)
    kept = keeping.find(asked)
    return keeping.document(kept) if kept and kept.is_made else None


def _form(request: PanelRequest, kind: str, sent: QueryDict) -> ReportForm:
    request.actor.require(Permission.VIEW_REPORTS)
    if kind not in _PAGES:
        raise NotFound(_("There is no such report."))
    return _PAGES[Kind(kind)].form(sent, kind=Kind(kind), today=_today(request), currencies=_currencies())


def _currencies() -> list[str]:
    """Those a report can be about. A large book is looked through for them once a minute."""
    found = cache.get_or_set(_CURRENCIES, currencies, _SECONDS) if keeping.is_large() else currencies()
    return list(found or [])


def _asked(form: ReportForm, now: datetime) -> Asked | None:
    return answer(form, lambda: form.asked(now)) if form.is_valid() else None


def _kept_page(request: PanelRequest, form: ReportForm, asked: Asked | None) -> HttpResponse:
    """The page over a large book: of the report asked for, or the newest of those that only know less."""
    kept = asked and (keeping.find(asked) or (None if form.is_exact else keeping.newest_like(asked)))
    if kept and kept.finished_at is None:
        report_work.ensure()  # a server that was stopped took its process with it
    made = _kept(kept) if kept and kept.is_made else None
    older = [(each, keeping.asked_of(each)) for each in keeping.newest(form.kind, _NEWEST)]
    more = {
        "large": True,
        "kept": kept,
        "older": [(each, when(of.basis, of.from_at), urlencode(address(of))) for each, of in older],
        "last_took": next((round(each.took.total_seconds()) for each, _of in older), None),
    }
    return _page(request, form, keeping.asked_of(kept) if kept else asked, made, more)


def _page(
    request: PanelRequest,
    form: ReportForm,
    asked: Asked | None,
    made: Made | None,
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    last_month = f"{reverse('panel:report', args=[form.kind])}?{urlencode(form.last_month(_today(request)))}"
    context = {
        "kind": form.kind,
        "report": _PAGES[form.kind],
        "form": form,
        "made": made,
        "address": asked and urlencode(address(asked)),  # of this very report, for good
        "last_month": last_month,
        "endings": _ENDINGS,
        **(more or {}),
    }
    return render(request, "panel/reports/report.html", context, status=status_of(form))


def _today(request: PanelRequest) -> date:
    return request.now.astimezone(shop().time_zone).date()


def _made(document: Document) -> Made:
    """What the page shows of the document; a stream is read here, and may be refused here."""
    with closing(document):
        begun = [Beginning(section).add(section.rows) for section in document.sections]
        return Made(document, _parts(document, begun))


def _kept(report: Report) -> Made:
    document = keeping.document(report)
    return Made(document, _parts(document, keeping.beginnings(report)))


def _parts(document: Document, begun: Iterable[Beginning]) -> list[Part]:
    parts: list[Part] = []
    for beginning in begun:
        section, rows = beginning.section, beginning.rows
        if not parts or parts[-1].currency != section.currency:
            parts.append(Part(section.currency, _figures(document, rows), []))
        seen = document.seen(section)
        columns = [document.columns[place] for place in seen]
        pairs = [([(document.columns[place], row.cells[place]) for place in seen], row.total) for row in rows]
        parts[-1].tables.append(Table(section.title, columns, pairs, beginning.more))
    return parts


def _figures(document: Document, rows: list[Row]) -> list[tuple[str, int]]:
    """What the reader asks first: the amounts of the total, or where there are several, each one's."""
    money = [place for place, column in enumerate(document.columns) if column.holds == Holds.MONEY]
    totals = [row for row in rows if row.total]
    if len(totals) > 1:
        return [(str(row.cells[0]), int(row.cells[money[0]] or 0)) for row in totals]
    return [(document.columns[place].label, int(row.cells[place] or 0)) for row in totals for place in money]
