"""Single credits: giving one, looking at one, reversing one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.errors import NotFound
from tillbook.credit.expiring import page_of_ending
from tillbook.credit.models import Credit, ReverseReason
from tillbook.credit.queries import by_number, transfers_of_credit
from tillbook.credit.services import give
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username
from tillbook.panel.credit_lines import lines
from tillbook.panel.edge import PanelRequest, answer, form_for, page_of, read_only, status_of
from tillbook.panel.forms import GiveCreditForm
from tillbook.panel.history import history
from tillbook.panel.refund_forms import ReverseForm
from tillbook.panel.ways import went
from tillbook.refunds.models import Refund
from tillbook.refunds.provenance import of_credit
from tillbook.refunds.services import request_reversal

_PAGE_SIZE = 50
_NEWEST = 200  # transfers on a credit's page


@read_only
def expiring(request: PanelRequest) -> HttpResponse:
    """The credits that end within a week, the next to end first."""
    after = request.GET.get("after", "")
    last = by_number(after) if after else None
    if last is not None and last.expires_at is None:
        raise NotFound(_("%(number)s never expires.") % {"number": last.number}, field="after")
    rows = page_of_ending(request.now, after=last, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda credit: credit.number)
    return render(request, "panel/credits/expiring.html", {"page": listed})


@read_only
def credit(request: PanelRequest, number: str) -> HttpResponse:
    credit = by_number(number)
    transfers = transfers_of_credit(credit)
    provenance = of_credit(credit, transfers)
    context = {
        "credit": credit,
        "customer": credit.customer,
        "lines": lines(transfers[-_NEWEST:]),
        "earlier": max(0, len(transfers) - _NEWEST),
        "provenance": provenance,
        "went": went(provenance),
        "history": history(request, credit.customer, credit.number),
        "expired": credit.expires_at is not None and credit.expires_at <= request.now,
    }
    return render(request, "panel/credits/credit.html", context)


@form_for(Permission.GIVE_CREDIT)
def give_credit(request: PanelRequest, username: str) -> HttpResponse:
    customer = by_username(username)
    form = GiveCreditForm(
        request.POST or None, currency=customer.currency, actor=request.actor, now=request.now
    )
    if form.is_valid():
        given = answer(form, lambda: _give(customer, form, request))
        if given is not None:
            messages.success(
                request,
                _("%(number)s was given to %(name)s.")
                % {"number": given.number, "name": customer.display_name},
            )
            return redirect("panel:customer", username=username)
    context = {"form": form, "customer": customer}
    return render(request, "panel/customers/give_credit.html", context, status=status_of(form))


def _give(customer: Customer, form: GiveCreditForm, request: PanelRequest) -> Credit:
    values = form.cleaned_data
    return give(
        customer_id=customer.pk,
        amount=form.money("amount"),
        reason=values["reason"],
        **form.terms(),
        note=values["note"],
        public_note=values["public_note"],
        key=values["key"],
        actor=request.actor,
        now=request.now,
    )


@form_for(Permission.REQUEST_REFUND)
def reverse_credit(request: PanelRequest, number: str) -> HttpResponse:
    credit = by_number(number)
    form = ReverseForm(request.POST or None)
    if form.is_valid():
        refund = answer(form, lambda: _request_reversal(credit, form, request))
        if refund is not None:
            messages.success(
                request, _("The reversal of %(number)s waits for an admin.") % {"number": credit.number}
            )
            return redirect("panel:refund", number=refund.number)
    context = {"form": form, "credit": credit, "customer": credit.customer}
    return render(request, "panel/credits/reverse.html", context, status=status_of(form))


def _request_reversal(credit: Credit, form: ReverseForm, request: PanelRequest) -> Refund:
    return request_reversal(
        customer_id=credit.customer_id,
        credit_id=credit.id,
        reason=ReverseReason(form.cleaned_data["reason"]),
        note=form.cleaned_data["note"],
        key=form.cleaned_data["key"],
        actor=request.actor,
        now=request.now,
    )
