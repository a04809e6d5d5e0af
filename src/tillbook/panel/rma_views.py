"""RMAs: opened from an order, closed with a credit or without, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from tillbook.common.actor import Permission
from tillbook.common.money import Money
from tillbook.credit.queries import credits_of_document
from tillbook.exporters.lists import Cell
from tillbook.orders import queries as orders
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    form_for,
    message_refusal,
    page_of,
    read_only,
    status_of,
)
from tillbook.panel.files import all_of, download
from tillbook.panel.forms import OLDEST, KeyedForm
from tillbook.panel.history import history
from tillbook.panel.order_forms import ReasonForm
from tillbook.panel.rma_forms import NoteForm, RmaFilterForm, RmaForm
from tillbook.returns import queries, services
from tillbook.returns.models import Rma

_COLUMNS = (
    "number", "opened_at", "status", "outcome", "reason", "username", "name", "order", "currency", "total",
    "note",
)  # fmt: skip
_PAGE = 50  # RMAs on one page of the list


@read_only
def rmas(request: PanelRequest) -> HttpResponse:
    """The returns, newest first, or the other way round, a page at a time."""
    form = RmaFilterForm(request.GET)
    after = request.GET.get("after", "")
    rows = _listed(form, after or None, _PAGE + 1)
    found = page_of(rows, _PAGE, key=after, key_of=lambda rma: rma.number)
    filtered = bool(form.errors) or any(form.cleaned_data.values())
    return render(request, "panel/rmas/list.html", {"form": form, "page": found, "filtered": filtered})


def _listed(form: RmaFilterForm, before: str | None, limit: int) -> list[Rma]:
    form.is_valid()
    wanted = form.cleaned_data  # a field that can't be read filters nothing and shows its error
    oldest_first = wanted.get("sort") == OLDEST
    return queries.page(
        status=wanted.get("status", ""), oldest_first=oldest_first, before=before, limit=limit
    )


@read_only
def export(request: PanelRequest, ending: str) -> HttpResponse:
    """The list as a file."""
    form = RmaFilterForm(request.GET)
    rows = all_of(lambda before, limit: _listed(form, before, limit), lambda rma: rma.number)
    return download(request, "rmas", ending, _COLUMNS, rows, _cells)


def _cells(rma: Rma) -> Sequence[Cell]:
    return [
        rma.number, rma.opened_at, rma.status, rma.outcome, rma.reason, rma.customer.username,
        rma.customer.display_name, rma.order.number if rma.order else "", rma.currency,
        Money(rma.total_minor, rma.currency), rma.note,
    ]  # fmt: skip


@read_only
def rma(request: PanelRequest, number: str) -> HttpResponse:
    """One return: what came back, what it is worth, and its outcome."""
    shown = queries.by_number(number)
    context = {
        "rma": shown,
        "lines": queries.lines_of(shown),
        "close_form": KeyedForm(),
        "credits": credits_of_document(shown.customer_id, shown.number),
        "history": history(request, shown.customer, shown.number),
    }
    return render(request, "panel/rmas/rma.html", context)


@form_for(Permission.WORK_RETURNS)
def new_rma(request: PanelRequest, number: str) -> HttpResponse:
    """RMA or Credit: what of an order comes back, or is given back without goods."""
    order = orders.by_number(number)
    form = RmaForm(request.POST or None, currency=order.currency, lines=orders.lines_of(order))
    if form.is_valid():
        opened = answer(
            form,
            lambda: services.open_rma(
                customer_id=order.customer_id,
                currency=order.currency,
                order_id=order.pk,
                actor=request.actor,
                now=request.now,
                **form.arguments(),
            ),
        )
        if opened is not None:
            total = Money(opened.total_minor, opened.currency)
            messages.success(request, f"{opened.number} over {total} is open and awaits its outcome.")
            return redirect("panel:rma", number=opened.number)
    context = {"order": order, "form": form}
    return render(request, "panel/rmas/new.html", context, status=status_of(form))


@command("panel:rma")
def close_rma(request: PanelRequest, number: str) -> HttpResponse:
    """Close RMA & Issue Credits."""
    shown = queries.by_number(number)
    form = KeyedForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This page was sent without its key. Try once more.")
        return redirect("panel:rma", number=number)
    key = form.cleaned_data["key"]
    closed = message_refusal(
        request, lambda: services.close(shown.pk, key=key, actor=request.actor, now=request.now)
    )
    if closed is not None:
        amount = Money(closed.total_minor, closed.currency)
        text = f"{closed.number} is closed. {amount} is credit now; adjustment note {closed.adjustment_note}."
        messages.success(request, text)
    return redirect("panel:rma", number=number)


@form_for(Permission.WORK_RETURNS)
def close_without_credit(request: PanelRequest, number: str) -> HttpResponse:
    """Close a return that gets no credit, with a note why."""
    shown = queries.by_number(number)
    form = NoteForm(request.POST or None)
    if form.is_valid():
        note = form.cleaned_data["note"]
        closed = answer(
            form,
            lambda: services.close_without_credit(shown.pk, note=note, actor=request.actor, now=request.now),
        )
        if closed is not None:
            messages.success(request, f"{closed.number} is closed without credit.")
            return redirect("panel:rma", number=number)
    return render(
        request, "panel/rmas/close_without_credit.html", {"rma": shown, "form": form}, status=status_of(form)
    )


@form_for(Permission.WORK_RETURNS)
def cancel_rma(request: PanelRequest, number: str) -> HttpResponse:
    """Cancel: as if the goods had never been announced."""
    shown = queries.by_number(number)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        cancelled = answer(
            form, lambda: services.cancel(shown.pk, reason=reason, actor=request.actor, now=request.now)
        )
        if cancelled is not None:
            messages.success(request, f"{cancelled.number} is cancelled.")
            return redirect("panel:rma", number=number)
    return render(request, "panel/rmas/cancel.html", {"rma": shown, "form": form}, status=status_of(form))
