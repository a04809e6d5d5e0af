"""What customers asked for on their own page, and the link that opens it.

Who opens it: staff, between calls. They need first who wants how much, whether it is there, and whether the
account is a new one; then to accept, which asks for the refund, or to decline in words that they read.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.money import Money
from tillbook.credit.queries import credits_of
from tillbook.customers.queries import by_username
from tillbook.delivery.own_page import send_link
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    message_errors,
    message_refusal,
    page_of,
    read_only,
    status_of,
)
from tillbook.panel.history import history
from tillbook.panel.refund_forms import AcceptAskForm, DeclineAskForm
from tillbook.refunds import asks
from tillbook.refunds.charges import Possible, charges_of
from tillbook.refunds.models import Ask, Refund

_PAGE_SIZE = 50


@read_only
def asked(request: PanelRequest) -> HttpResponse:
    """Those that wait, the one that has waited longest first; with `?status=all` all of them."""
    everything = request.GET.get("status") == "all"
    key = request.GET.get("after", "")
    after = asks.by_number(key) if key else None
    rows = asks.listed("" if everything else Ask.Status.WAITING, after=after, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=key, key_of=lambda each: each.number)
    return render(request, "panel/asks/list.html", {"page": listed, "everything": everything})


@read_only
def ask(request: PanelRequest, number: str) -> HttpResponse:
    return _page(request, asks.by_number(number))


def _page(
    request: PanelRequest,
    found: Ask,
    *,
    accepting: AcceptAskForm | None = None,
    declining: DeclineAskForm | None = None,
) -> HttpResponse:
    waits = found.status == Ask.Status.WAITING
    sent = accepting or declining
    if sent is not None and not waits:  # somebody else was first: the page has no form any more
        message_errors(request, sent)
    context = {
        "ask": found,
        "customer": found.customer,
        "form": declining or DeclineAskForm(),
        "waits": waits,
        "flags": [str(flag) for flag in asks.flags(found)] if waits else [],
        "available": asks.available_to_ask(found.customer_id, found.currency, request.now),
        "history": history(request, found.customer, found.number),
        **(_back_to(request, found, accepting) if waits else {}),
    }
    return render(request, "panel/asks/ask.html", context, status=status_of(sent) if sent else 200)


def _back_to(request: PanelRequest, found: Ask, form: AcceptAskForm | None) -> dict[str, Any]:
    """The form that accepts it, and what of it may go back to one charge, if it is to go back to one."""
    charges = asks.charges_for(found, request.now)
    large_enough = [each for each in charges if each.minor >= found.amount_minor]
    begun = {"charge": str(large_enough[0].room.charge)} if large_enough else {}
    context: dict[str, Any] = {"accept_form": form or AcceptAskForm(charges=charges, initial=begun)}
    if found.method == Refund.Method.GATEWAY and not large_enough:
        context["most"] = Money(max((each.minor for each in charges), default=0), found.currency)
    return context


@command("panel:ask")
def accept(request: PanelRequest, number: str) -> HttpResponse:
    """Ask for the refund that the customer wants; what it leads to is that refund's page."""
    request.actor.require(Permission.REQUEST_REFUND)
    found = asks.by_number(number)
    form = AcceptAskForm(request.POST, charges=_all_charges(found))
    if form.is_valid():
        done = answer(
            form,
            lambda: asks.accept(found.pk, charge=form.back_to(), actor=request.actor, now=request.now),
        )
        if done is not None and done.refund is not None:
            said = _("%(number)s is accepted: its refund is requested.") % {"number": done.number}
            messages.success(request, said)
            return redirect("panel:refund", number=done.refund.number)
    return _page(request, asks.by_number(number), accepting=form)


def _all_charges(found: Ask) -> list[Possible]:
    """The charges that may have been chosen: the first of two clicks may have held all of the credit."""
    if found.method != Refund.Method.GATEWAY:
        return []
    return charges_of([each for each in credits_of(found.customer_id) if each.currency == found.currency])


@command("panel:ask")
def decline(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.REQUEST_REFUND)
    found = asks.by_number(number)
    form = DeclineAskForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        done = answer(
            form, lambda: asks.decline(found.pk, reason=reason, actor=request.actor, now=request.now)
        )
        if done is not None:
            said = _("%(number)s is declined. The customer reads why.")
            messages.success(request, said % {"number": done.number})
            return redirect("panel:ask", number=done.number)
    return _page(request, asks.by_number(number), declining=form)


@command("panel:customer")
def customer_link(request: PanelRequest, username: str) -> HttpResponse:
    """Send the customer a link to their own page."""
    request.actor.require(Permission.EDIT_CUSTOMER)
    customer, site = by_username(username), f"{request.scheme}://{request.get_host()}"
    to = message_refusal(
        request, lambda: send_link(customer.pk, site=site, actor=request.actor, now=request.now)
    )
    if to is not None:
        messages.success(request, _("A link to their page is on its way to %(to)s.") % {"to": to})
    return redirect("panel:customer", username=username)
