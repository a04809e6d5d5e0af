"""Refunds whose money nobody has: those that are stale, marking them as received, and cancelling them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.errors import NotFound, PermissionDenied, Refusal
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    page_of,
    read_only,
    whole,
)
from tillbook.panel.forms import PanelForm
from tillbook.panel.payout_forms import CancelRefundForm, ChequeForm, ReceiveForm
from tillbook.panel.queue_views import Outcome
from tillbook.panel.refund_views import refund_page
from tillbook.refunds import receipt
from tillbook.refunds import unclaimed as service
from tillbook.refunds.ageing import page_of_stale
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids, by_number
from tillbook.shop.policies import shop

_PAGE_SIZE = 50


@read_only
def unclaimed(request: PanelRequest) -> HttpResponse:
    """What may be cancelled today, the longest first: whoever may not do that has no use for it."""
    request.actor.require(Permission.COMPLETE_REFUND)
    key = request.GET.get("after", "")
    after = by_number(key) if key else None
    rows = page_of_stale(request.now, after=after, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=key, key_of=lambda each: each.refund.number)
    return render(request, "panel/refunds/unclaimed.html", {"page": listed})


@command("panel:unclaimed")
def cancel_selected(request: PanelRequest) -> HttpResponse:
    """Cancel back to credit, one by one: a refusal stops only its own refund."""

    def cancel(refund: Refund) -> Refund:
        return service.cancel(refund.pk, actor=request.actor, now=request.now)

    said = _("%(done)s of %(number)s cancelled back to credit")
    return _each_selected(request, cancel, said, _("Credit again"))


@command("panel:unclaimed")
def receive_selected(request: PanelRequest) -> HttpResponse:
    """Mark as received today, one by one."""

    def receive(refund: Refund) -> Refund:
        return receipt.receive(refund.pk, received_on=_today(request), actor=request.actor, now=request.now)

    said = _("%(done)s of %(number)s marked as received today")
    return _each_selected(request, receive, said, _("Received"))


def _each_selected(
    request: PanelRequest, do: Callable[[Refund], Refund], said: str, done: str
) -> HttpResponse:
    request.actor.require(Permission.COMPLETE_REFUND)
    ids = [whole(text) for text in request.POST.getlist("selected")]
    selected = by_ids([each for each in ids if each is not None])
    if not selected:
        messages.warning(request, _("Select at least one refund first."))
        return redirect("panel:unclaimed")
    outcomes = [_outcome(refund, do) for refund in selected]
    number = sum(not outcome.problem for outcome in outcomes)
    title = said % {"done": number, "number": len(outcomes)}
    context = {"outcomes": outcomes, "title": title, "done": done}
    return render(request, "panel/refunds/unclaimed_outcomes.html", context)


def _outcome(refund: Refund, do: Callable[[Refund], Refund]) -> Outcome:
    try:
        return Outcome(do(refund), "")
    except (PermissionDenied, NotFound):
        raise
    except Refusal as refusal:
        return Outcome(refund, refusal.message)


def _today(request: PanelRequest) -> date:
    return request.now.astimezone(shop().time_zone).date()


@command("panel:refund")
def cancel(request: PanelRequest, number: str) -> HttpResponse:
    """Cancel as unclaimed: its amount is credit again."""
    return _done(
        request, number, "cancel_form", CancelRefundForm(request.POST), service.cancel,
        _("The amount of %(number)s is credit again."),
    )  # fmt: skip


@command("panel:refund")
def receive(request: PanelRequest, number: str) -> HttpResponse:
    """Mark as presented, collected or claimed."""
    return _done(
        request, number, "receive_form", ReceiveForm(request.POST), receipt.receive,
        _("%(number)s is received."),
    )  # fmt: skip


@command("panel:refund")
def number_cheque(request: PanelRequest, number: str) -> HttpResponse:
    """Say or correct which cheque pays it."""
    return _done(
        request, number, "cheque_form", ChequeForm(request.POST), receipt.number_cheque,
        _("%(number)s is paid by cheque %(cheque)s."),
    )  # fmt: skip


def _done(
    request: PanelRequest, number: str, name: str, form: PanelForm, do: Callable[..., Refund], said: str
) -> HttpResponse:
    """Do it with what the form gave, whose fields have the service's names, and say what came of it.

    `name` is what the refund's page calls the form.
    """
    request.actor.require(Permission.COMPLETE_REFUND)
    refund = by_number(number)
    if form.is_valid():
        by = {"actor": request.actor, "now": request.now}
        done = answer(form, lambda: do(refund.pk, **form.cleaned_data, **by))
        if done is not None:
            messages.success(request, said % {"number": done.number, "cheque": done.cheque_number})
            return redirect("panel:refund", number=refund.number)
    sent: dict[str, Any] = {name: form}
    return refund_page(request, refund, **sent)
