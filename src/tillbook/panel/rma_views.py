"""RMAs: listed, closed with a credit or without, or cancelled; and the adjustment note."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Permission
from tillbook.common.money import Money
from tillbook.credit.queries import credits_of_document
from tillbook.delivery.services import send_note
from tillbook.exporters.lists import Cell, Coded
from tillbook.panel.buttons import do_once, say_sent
from tillbook.panel.edge import PanelRequest, answer, command, form_for, page_of, read_only, status_of
from tillbook.panel.files import all_of, download, pdf
from tillbook.panel.forms import OLDEST, KeyedForm
from tillbook.panel.history import history
from tillbook.panel.order_forms import ReasonForm
from tillbook.panel.rma_forms import NoteForm, RmaFilterForm
from tillbook.returns import note, queries, services
from tillbook.returns.models import Rma

_COLUMNS = {
    "number": gettext_lazy("RMA"), "opened_at": gettext_lazy("Opened"), "status": gettext_lazy("Status"),
    "outcome": gettext_lazy("Outcome"), "reason": gettext_lazy("Reason"),
    "username": gettext_lazy("Username"), "name": gettext_lazy("Name"), "order": gettext_lazy("Order"),
    "currency": gettext_lazy("Currency"), "total": gettext_lazy("Total"), "note": gettext_lazy("Note"),
}  # fmt: skip
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
    return download(request, "rmas", _("Returns"), ending, _COLUMNS, rows, _cells)


def _cells(rma: Rma) -> Sequence[Cell]:
    return [
        rma.number, rma.opened_at, Coded(rma.status, rma.get_status_display()),
        Coded(rma.outcome, rma.get_outcome_display()), Coded(rma.reason, rma.get_reason_display()),
        rma.customer.username, rma.customer.display_name, rma.order.number if rma.order else "", rma.currency,
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
        "send_form": KeyedForm(),
        "credits": credits_of_document(shown.customer_id, shown.number),
        "history": history(request, shown.customer, shown.number),
    }
    return render(request, "panel/rmas/rma.html", context)


@command("panel:rma")
def close_rma(request: PanelRequest, number: str) -> HttpResponse:
    """Close RMA & Issue Credits."""
    shown = queries.by_number(number)
    closed = do_once(
        request, lambda key: services.close(shown.pk, key=key, actor=request.actor, now=request.now)
    )
    if closed is not None:
        messages.success(request, told_closed(closed))
    return redirect("panel:rma", number=number)


@read_only
def note_file(_request: PanelRequest, number: str) -> HttpResponse:
    """Adjustment note: the PDF, shown in the browser."""
    made = note.of(queries.by_number(number))
    return pdf(note.render(made), f"{made.number}.pdf")


@command("panel:rma")
def send(request: PanelRequest, number: str) -> HttpResponse:
    """Send adjustment note."""
    shown = queries.by_number(number)
    sent = do_once(request, lambda key: send_note(shown.pk, key=key, actor=request.actor, now=request.now))
    if sent is not None:
        say_sent(request, sent, _("The adjustment note was sent to %(to)s."))
    return redirect("panel:rma", number=number)


def told_closed(rma: Rma) -> str:
    """What closing it with credit made, as a sentence."""
    return _("%(number)s is closed. %(amount)s is credit now; adjustment note %(note)s.") % {
        "number": rma.number,
        "amount": Money(rma.total_minor, rma.currency),
        "note": rma.adjustment_note,
    }


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
            text = _("%(number)s is closed without credit.") % {"number": closed.number}
            messages.success(request, text)
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
            messages.success(request, _("%(number)s is cancelled.") % {"number": cancelled.number})
            return redirect("panel:rma", number=number)
    return render(request, "panel/rmas/cancel.html", {"rma": shown, "form": form}, status=status_of(form))
