"""What a refund's page offers beside completing it: approve, redirect, fail, and see the account."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.panel.edge import PanelRequest, answer, command, form_for, message_refusal, status_of
from tillbook.panel.payout_forms import ApproveForm, FailForm
from tillbook.panel.refund_forms import PayRefundForm
from tillbook.panel.refund_views import refund_page
from tillbook.refunds import approvals, payees, services
from tillbook.refunds.charges import charge_to, charges_of_refund
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_number

#: field of the form -> of the refund
_REDIRECTED = {
    "payee_name": "payee_name",
    "method": "method",
    "bank_account": "",  # not everyone who may correct it may read it
    "paypal_email": "paypal_email",
    "postal_address": "postal_address",
    "reference": "payee_reference",
    "payment_date": "payment_date",
    "note": "note",
}


@command("panel:refund")
def approve(request: PanelRequest, number: str) -> HttpResponse:
    """Approve it exactly as it stands."""
    refund = by_number(number)
    form = ApproveForm(request.POST, flags=approvals.flags(refund))
    flags = form.acknowledged() if form.is_valid() else []
    done = message_refusal(
        request,
        lambda: approvals.approve(
            refund.pk, acknowledged=flags, seen=request.POST.get("seen"), actor=request.actor, now=request.now
        ),
    )
    if done is not None:
        messages.success(request, _("You have approved %(number)s as it stands.") % {"number": refund.number})
    return redirect("panel:refund", number=refund.number)


@form_for(Permission.REQUEST_REFUND)
def redirect_refund(request: PanelRequest, number: str) -> HttpResponse:
    """Correct where the money goes. The amount stays."""
    refund = by_number(number)
    shown = {name: getattr(refund, own) if own else "" for name, own in _REDIRECTED.items()}
    charges = [each for each in charges_of_refund(refund) if each.minor >= refund.amount_minor]
    shown["charge"] = str(charge_to(refund))
    form = PayRefundForm(
        request.POST or None, initial=shown, currency=refund.currency, charges=charges, now=request.now
    )
    for name in set(form.fields) - {*_REDIRECTED, "charge", "key"}:
        del form.fields[name]
    if refund.bank_account:
        form.keep_account(refund.method, refund.bank_account)
    if form.is_valid():
        done = answer(form, lambda: _redirected(request, refund, form))
        if done is not None:
            messages.success(request, _("Where %(number)s goes is corrected.") % {"number": refund.number})
            return redirect("panel:refund", number=refund.number)
    context = {"form": form, "refund": refund, "customer": refund.customer}
    return render(request, "panel/refunds/redirect.html", context, status=status_of(form))


def _redirected(request: PanelRequest, refund: Refund, form: PayRefundForm) -> Refund:
    values = form.cleaned_data
    return payees.change(
        refund.pk,
        method=values["method"],
        payee=form.payee(),
        payment_date=values["payment_date"],
        note=values["note"],
        charge=form.back_to(),
        actor=request.actor,
        now=request.now,
    )


@command("panel:refund")
def fail(request: PanelRequest, number: str) -> HttpResponse:
    """The payment did not arrive: its amount is credit again."""
    refund = by_number(number)
    form = FailForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["fail_reason"]
        done = answer(
            form, lambda: services.fail(refund.pk, reason=reason, actor=request.actor, now=request.now)
        )
        if done is not None:
            said = _("The amount of %(number)s is credit again.")
            messages.success(request, said % {"number": refund.number})
            return redirect("panel:refund", number=refund.number)
    return refund_page(request, refund, fail_form=form)


@command("panel:refund")
def reveal(request: PanelRequest, number: str) -> HttpResponse:
    """Show the whole account number on this one page. The history keeps who looked."""
    refund = by_number(number)
    account = payees.reveal(refund.pk, actor=request.actor, now=request.now)
    return refund_page(request, refund, account)
