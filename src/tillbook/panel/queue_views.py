"""Sales Orders > Refunds: the queue, and what is done with a selection of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from tillbook.common.errors import PermissionDenied, Refusal
from tillbook.panel.edge import PanelRequest, command, page_of, read_only, whole
from tillbook.panel.forms import QueueForm
from tillbook.panel.refund_views import pdf
from tillbook.refunds import services
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids, queue
from tillbook.refunds.slip import render as render_slip
from tillbook.shop.policies import shop

_PAGE_SIZE = 50
_EXPORT_LIMIT = 10_000
_FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")
_COLUMNS = (
    "number", "kind", "state", "customer", "name", "amount", "currency", "method", "payee", "bank_account",
    "paypal_email", "postal_address", "payment_date", "requested_at", "requested_by", "resolved_at",
    "resolved_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one refund of a selection: `problem` is empty if it was completed."""

    refund: Refund
    problem: str


@read_only
def refunds(request: PanelRequest) -> HttpResponse:
    form = _filters(request)
    after = request.GET.get("after", "")
    rows = queue(form.wanted(), after=whole(after), limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda refund: str(refund.pk))
    context = {"form": form, "page": listed, "filtered": bool(request.GET)}
    return render(request, "panel/refunds/queue.html", context)


def _filters(request: PanelRequest) -> QueueForm:
    return QueueForm(request.GET or None, currency=shop().currency)


def _selected(request: PanelRequest) -> list[Refund]:
    ids = [whole(text) for text in request.POST.getlist("selected")]
    return by_ids([each for each in ids if each is not None])


@command("panel:refunds")
def complete_selected(request: PanelRequest) -> HttpResponse:
    """Mark as Paid and Complete, one by one: a refusal stops only its own refund."""
    selected = _selected(request)
    if not selected:
        return _nothing_selected(request)
    outcomes = [_complete(refund, request) for refund in selected]
    done = sum(not outcome.problem for outcome in outcomes)
    return render(request, "panel/refunds/outcomes.html", {"outcomes": outcomes, "done": done})


def _complete(refund: Refund, request: PanelRequest) -> Outcome:
    try:
        done = services.complete(refund.pk, actor=request.actor, now=request.now)
    except PermissionDenied:
        raise
    except Refusal as refusal:
        return Outcome(refund, refusal.message)
    return Outcome(done, "")


def _nothing_selected(request: PanelRequest) -> HttpResponse:
    messages.warning(request, "Select at least one refund first.")
    return redirect("panel:refunds")


@command("panel:refunds")
def print_selected(request: PanelRequest) -> HttpResponse:
    """The slips of the selected refunds in one PDF; its last page names the reversals, which have none."""
    selected = _selected(request)
    if not selected:
        return _nothing_selected(request)
    refunds = [refund for refund in selected if refund.kind == Refund.Kind.REFUND]
    reversals = [refund.number for refund in selected if refund.kind == Refund.Kind.REVERSAL]
    if not refunds:
        return _refused(request, f"A reversal has no slip: nobody is paid. Selected: {', '.join(reversals)}.")
    return pdf(render_slip(refunds, left_out=reversals), "refund-slips.pdf")


@command("panel:refunds")
def export(request: PanelRequest) -> HttpResponse:
    """The selected refunds as CSV, or, when none is selected, all that the filters show."""
    if "selected" in request.POST:
        return _csv(_selected(request))
    form = _filters(request)
    if form.is_bound and not form.is_valid():
        return _refused(request, "Nothing was exported: correct the filters first.")
    refunds = queue(form.wanted(), limit=_EXPORT_LIMIT + 1)
    if len(refunds) > _EXPORT_LIMIT:
        return _refused(
            request,
            f"Nothing was exported: more than {_EXPORT_LIMIT:,} refunds match. Narrow the filters, "
            "for example by date, and export each part.",
        )
    return _csv(refunds)


def _refused(request: PanelRequest, message: str) -> HttpResponse:
    """Back to the queue, filtered as it was, with the reason."""
    messages.error(request, message)
    return redirect(f"{reverse('panel:refunds')}?{request.GET.urlencode()}".removesuffix("?"))


def _csv(refunds: Iterable[Refund]) -> HttpResponse:
    response = HttpResponse(
        "\N{BYTE ORDER MARK}",  # by which spreadsheets know UTF-8
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="refunds.csv"'},
    )
    writer = csv.writer(response, quoting=csv.QUOTE_ALL)
    writer.writerow(_COLUMNS)
    for refund in refunds:
        writer.writerow([_safe(cell) for cell in _cells(refund)])
    return response


def _cells(refund: Refund) -> list[str]:
    resolved = refund.resolved_at.isoformat() if refund.resolved_at else ""
    payment_date = refund.payment_date.isoformat() if refund.payment_date else ""
    return [
        refund.number, refund.kind, refund.status, refund.customer.username, refund.customer.display_name,
        services.amount_of(refund).decimal(), refund.currency, refund.method, refund.payee_name,
        refund.bank_account, refund.paypal_email, refund.postal_address, payment_date,
        refund.requested_at.isoformat(), refund.requested_by, resolved, refund.resolved_by,
    ]  # fmt: skip


def _safe(cell: str) -> str:
    """The cell, so that a spreadsheet shows it as text and never runs it as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell
