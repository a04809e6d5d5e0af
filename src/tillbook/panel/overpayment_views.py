"""Sales Orders > Overpayments: what was paid too much and nobody has dealt with, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.overpaid import keep
from tillbook.credit.queries import by_number
from tillbook.orders.overpayments import page as page_of_overpayments
from tillbook.orders.queries import by_number as order_by_number
from tillbook.orders.services import pay_with_credit
from tillbook.panel.edge import PanelRequest, command, message_refusal, new_key, page_of, read_only
from tillbook.panel.forms import KeyedForm

_PAGE_SIZE = 25


class OverpaymentForm(KeyedForm):
    """The buttons of one overpayment: its credit, and for *Pay* the order with the minor units shown."""

    credit = forms.CharField(max_length=30)
    order = forms.CharField(max_length=50, required=False)
    minor = forms.IntegerField(min_value=1, required=False)


@read_only
def overpayments(request: PanelRequest) -> HttpResponse:
    after = request.GET.get("after", "")
    last = by_number(after) if after else None
    rows = page_of_overpayments(after=last, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda row: row.credit.number)
    rows_with_keys = [(row, new_key()) for row in listed.items]
    context = {"page": listed, "rows": rows_with_keys, "now": request.now}
    return render(request, "panel/overpayments/list.html", context)


@command("panel:overpayments")
def keep_one(request: PanelRequest) -> HttpResponse:
    """Keep as credit: it leaves the list, and no money moves."""

    def work(credit: Credit, form: OverpaymentForm) -> str:
        kept = keep(
            customer_id=credit.customer_id,
            credit_id=credit.id,
            key=form.cleaned_data["key"],
            actor=request.actor,
            now=request.now,
        )
        return _("%(number)s stays credit of %(name)s.") % {
            "number": kept.number,
            "name": credit.customer.display_name,
        }

    return _done(request, work)


@command("panel:overpayments")
def pay_order(request: PanelRequest) -> HttpResponse:
    """Pay the suggested order with it, with just the amount that the button showed."""

    def work(credit: Credit, form: OverpaymentForm) -> str:
        order = order_by_number(form.cleaned_data["order"])
        amount = Money(form.cleaned_data["minor"] or 0, credit.currency)
        pay_with_credit(
            order.pk,
            amount=amount,
            credits={credit.id: amount.minor},
            key=form.cleaned_data["key"],
            actor=request.actor,
            now=request.now,
        )
        return _("%(amount)s of %(credit)s paid order %(number)s.") % {
            "amount": amount,
            "credit": credit.number,
            "number": order.number,
        }

    return _done(request, work)


def _done(request: PanelRequest, work: Callable[[Credit, OverpaymentForm], str]) -> HttpResponse:
    """Do it, say so or why not, and go back to the page of the list."""
    form = OverpaymentForm(request.POST)
    if form.is_valid():
        credit = by_number(form.cleaned_data["credit"])
        said = message_refusal(request, lambda: work(credit, form))
        if said is not None:
            messages.success(request, said)
    else:
        messages.error(
            request, _("The button was sent without what it needs. Open the page again and retry.")
        )
    return redirect(f"{reverse('panel:overpayments')}?{request.GET.urlencode()}".removesuffix("?"))
