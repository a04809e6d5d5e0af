"""Reports: what the shop owes as of any day, on a page and as a file of exactly that page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Permission
from tillbook.common.errors import NotFound, Refusal
from tillbook.credit.reporting import currencies
from tillbook.exporters import reports as documents
from tillbook.exporters.report_files import MEDIA_TYPES, write
from tillbook.exporters.reports import Cell, Column, Document, Holds, Row
from tillbook.panel.edge import PanelRequest, answer, read_only, status_of
from tillbook.panel.report_forms import ReportForm, RollForwardForm
from tillbook.shop.policies import shop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ROWS_ON_A_PAGE = 200  # of one currency; the files have all of them
_ENDINGS = ("xlsx", "pdf", "csv")


@dataclass(frozen=True, slots=True)
class Kind:
    """A report: its page's words, its form, and how it is made of what the form says."""

    title: StrOrPromise
    lead: StrOrPromise
    form: type[ReportForm]
    make: Callable[[Any, PanelRequest], Document]


class Table(NamedTuple):
    """A section as the page shows it: each row as (column, cell) pairs and whether it is a total."""

    title: str
    rows: list[tuple[list[tuple[Column, Cell]], bool]]
    more: int  # rows that only the files have


class Part(NamedTuple):
    """A currency of the page: its main figures, and its tables."""

    currency: str
    figures: list[tuple[str, int]]
    tables: list[Table]


def _liability(form: ReportForm, request: PanelRequest) -> Document:
    chosen = form.cleaned_data["currency"] or None
    return documents.liability(form.basis(request.now), currency=chosen, actor=request.actor)


def _balances(form: ReportForm, request: PanelRequest) -> Document:
    chosen = form.cleaned_data["currency"] or None
    return documents.balances(form.basis(request.now), currency=chosen, actor=request.actor)


def _roll_forward(form: RollForwardForm, request: PanelRequest) -> Document:
    chosen = form.cleaned_data["currency"] or None
    basis = form.basis(request.now)
    return documents.roll_forward(form.begins_at, basis, currency=chosen, actor=request.actor)


_KINDS = {
    "liability": Kind(
        gettext_lazy("Liability"),
        gettext_lazy("What the shop owes its customers, why, and since when."),
        ReportForm,
        _liability,
    ),
    "roll-forward": Kind(
        gettext_lazy("Roll-forward"),
        gettext_lazy("How the credit owed at one date became that of another."),
        RollForwardForm,
        _roll_forward,
    ),
    "balances": Kind(
        gettext_lazy("Balances"),
        gettext_lazy("What the shop owes, customer by customer."),
        ReportForm,
        _balances,
    ),
}


def reports(_request: HttpRequest) -> HttpResponse:
    return redirect("panel:report", kind="liability")


@read_only
def report(request: PanelRequest, kind: str) -> HttpResponse:
    chosen, form = _asked(request, kind)
    made = answer(form, lambda: _read(chosen.make(form, request))) if form.is_valid() else None
    document, parts = made or (None, None)
    last_month = f"{reverse('panel:report', args=[kind])}?{urlencode(form.last_month(_today(request)))}"
    context = {"kind": kind, "report": chosen, "form": form, "document": document, "parts": parts}
    context |= {"last_month": last_month, "endings": _ENDINGS}
    if document is not None:
        context["address"] = urlencode(form.address(document.basis))  # of this very report, for good
    return render(request, "panel/reports/report.html", context, status=status_of(form))


@read_only
def download(request: PanelRequest, kind: str, ending: str) -> HttpResponse:
    """The report as a file; what can't be made leads back to the page, which says why."""
    chosen, form = _asked(request, kind)
    if ending not in _ENDINGS:
        raise NotFound(_("There is no such file."))
    page = f"{reverse('panel:report', args=[kind])}?{request.GET.urlencode()}".removesuffix("?")
    if not form.is_valid():
        return redirect(page)
    file = TemporaryFile()  # noqa: SIM115  the response closes it
    try:
        document = chosen.make(form, request)
        write(document, ending, file)
    except Refusal as refusal:
        file.close()
        messages.error(request, refusal.message)
        return redirect(page)
    file.seek(0)
    name = f"{document.name}.{ending}"
    response = FileResponse(file, as_attachment=True, filename=name, content_type=MEDIA_TYPES[ending])
    return cast("HttpResponse", response)  # a response that streams: the edge only adds headers


def _asked(request: PanelRequest, kind: str) -> tuple[Kind, ReportForm]:
    request.actor.require(Permission.VIEW_REPORTS)
    if kind not in _KINDS:
        raise NotFound(_("There is no such report."))
    chosen = _KINDS[kind]
    return chosen, chosen.form(request.GET, today=_today(request), currencies=currencies())


def _today(request: PanelRequest) -> date:
    return request.now.astimezone(shop().time_zone).date()


def _read(document: Document) -> tuple[Document, list[Part]]:
    """The document with what the page shows of it; a stream is read here, and may be refused here."""
    with closing(document):
        return document, _parts(document)


def _parts(document: Document) -> list[Part]:
    parts: list[Part] = []
    for section in document.sections:
        rows, more = _first(section.rows)
        if not parts or parts[-1].currency != section.currency:
            parts.append(Part(section.currency, _figures(document, rows), []))
        pairs = [(list(zip(document.columns, row.cells, strict=True)), row.total) for row in rows]
        parts[-1].tables.append(Table(section.title, pairs, more))
    return parts


def _first(rows: Iterable[Row]) -> tuple[list[Row], int]:
    """The rows that a page shows, totals always, and how many more there are."""
    shown: list[Row] = []
    more = 0
    for row in rows:
        if row.total or len(shown) < _ROWS_ON_A_PAGE:
            shown.append(row)
        else:
            more += 1
    return shown, more


def _figures(document: Document, rows: list[Row]) -> list[tuple[str, int]]:
    """What the reader asks first: the amounts of the total, or where there are several, each one's."""
    money = [place for place, column in enumerate(document.columns) if column.holds == Holds.MONEY]
    totals = [row for row in rows if row.total]
    if len(totals) > 1:
        return [(str(row.cells[0]), int(row.cells[money[0]] or 0)) for row in totals]
    return [(document.columns[place].label, int(row.cells[place] or 0)) for row in totals for place in money]
