"""What a refund's page offers beside completing it: approve, redirect, fail, and see the account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.panel.edge import PanelRequest, answer, command, form_for, message_refusal, status_of
from tillbook.panel.forms import changes, remembering
from tillbook.panel.payout_forms import ApproveForm, FailForm
from tillbook.panel.refund_forms import RedirectForm
from tillbook.panel.refund_views import refund_page
from tillbook.refunds import approvals, payees, services
from tillbook.refunds.approvals import StaleRefund, version_of
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
    form = _redirect_form(refund, request.POST or None, request.now)
    if form.is_valid():
        try:
            done = answer(form, lambda: _redirected(request, refund, form), but=(StaleRefund,))
        except StaleRefund:
            refund = by_number(number)
            form, done = _over_newer(form, refund, request.now), None
        if done is not None:
            messages.success(request, _("Where %(number)s goes is corrected.") % {"number": refund.number})
            return redirect("panel:refund", number=refund.number)
    context = {"form": form, "refund": refund, "customer": refund.customer}
    return render(request, "panel/refunds/redirect.html", context, status=status_of(form))


def _redirect_form(refund: Refund, sent: Mapping[str, Any] | None, now: datetime) -> RedirectForm:
    charges = [each for each in charges_of_refund(refund) if each.minor >= refund.amount_minor]
    shown = {**_shown(refund), "seen": version_of(refund)}
    form = RedirectForm(sent, initial=shown, currency=refund.currency, charges=charges, now=now)
    if refund.bank_account:
        form.keep_account(refund.method, refund.bank_account)
    return remembering(form)


def _shown(refund: Refund) -> dict[str, Any]:
    """What the form begins with, by its fields."""
    shown = {name: getattr(refund, own) if own else "" for name, own in _REDIRECTED.items()}
    return {**shown, "charge": str(charge_to(refund))}


def _redirected(request: PanelRequest, refund: Refund, form: RedirectForm) -> Refund:
    values = form.cleaned_data
    return payees.change(
        refund.pk,
        method=values["method"],
        payee=form.payee(),
        payment_date=values["payment_date"],
        note=values["note"],
        charge=form.back_to(),
        keep_account=True,
        seen=values["seen"] or None,
        actor=request.actor,
        now=request.now,
    )


def _over_newer(form: RedirectForm, refund: Refund, now: datetime) -> RedirectForm:
    """The form once more, over the refund as somebody else left it: with what its reader changed of what
    they saw, and all else as it stands now.
    """
    typed, stands = changes(form), _shown(refund)
    sent = {"key": form.cleaned_data["key"], "seen": version_of(refund)}
    for name, value in stands.items():
        sent[form.add_initial_prefix(name)], sent[name] = value, typed.get(name, value)
    again = _redirect_form(refund, sent, now)
    for name in again.fields.keys() & typed.keys() & stands.keys():
        if form.data.get(form.add_initial_prefix(name)) != str(stands[name]):
            again.say_stored(name, stands[name])  # both changed it: what the other made of it is said
    said = _(
        "%(number)s was changed since you opened this page. Below is how it stands now, with what you "
        "changed yourself. Look at it again, then save."
    )
    again.full_clean()
    again.add_error(None, said % {"number": refund.number})
    return again


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
