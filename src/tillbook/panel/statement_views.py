"""Sales Orders > Bank statements: what the bank paid, what came back, and what fits nothing."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from tillbook.common.actor import Permission
from tillbook.panel.edge import PanelRequest, answer, form_for, page_of, read_only, status_of, whole
from tillbook.panel.payout_forms import StatementForm
from tillbook.payouts import matching, queries
from tillbook.payouts.models import Booking, Statement
from tillbook.shop.policies import shop

_PAGE_SIZE = 50


@read_only
def statements(request: PanelRequest) -> HttpResponse:
    request.actor.require(Permission.MAKE_PAYOUTS)
    after = request.GET.get("after", "")
    before = matching.get(after).pk if after else None
    rows = queries.page_of_statements(before=before, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda statement: statement.number)
    return render(request, "panel/statements/list.html", {"page": listed})


@form_for(Permission.MAKE_PAYOUTS)
def statement_read(request: PanelRequest) -> HttpResponse:
    """Read a file; its page then says what each entry did."""
    form = StatementForm(request.POST or None, request.FILES or None, initial={"currency": shop().currency})
    if form.is_valid():
        read = answer(form, lambda: _read(request, form))
        if read is not None:
            return redirect("panel:statement", number=read.number)
    return render(request, "panel/statements/read.html", {"form": form}, status=status_of(form))


def _read(request: PanelRequest, form: StatementForm) -> Statement:
    file = form.cleaned_data["file"]
    return matching.read_statement(
        file.read(), name=file.name, format=form.cleaned_data["format"], layout=form.layout(),
        currency=form.cleaned_data["currency"], actor=request.actor, now=request.now,
    )  # fmt: skip


@read_only
def statement(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.MAKE_PAYOUTS)
    shown = matching.get(number)
    after = request.GET.get("after", "")
    rows = queries.bookings_of(shown, after=whole(after), limit=_PAGE_SIZE + 1)
    counts = queries.outcomes_of(shown)
    outcomes = [(each.value, each.label, counts[each]) for each in Booking.Outcome if each in counts]
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda booking: str(booking.pk))
    context = {"statement": shown, "page": listed, "outcomes": outcomes}
    return render(request, "panel/statements/statement.html", context)
