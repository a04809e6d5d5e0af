"""Sales Orders > Payouts: refunds in files for the bank, and the accounts they are paid from."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    form_for,
    message_errors,
    message_refusal,
    page_of,
    read_only,
    status_of,
    whole,
)
from tillbook.panel.payout_forms import CancelPayoutForm, PayoutForm, SourceForm
from tillbook.payouts import queries, services
from tillbook.payouts.models import Payout
from tillbook.refunds.queries import ready_for_payout
from tillbook.shop.policies import shop

_PAGE_SIZE = 50


@read_only
def payouts(request: PanelRequest) -> HttpResponse:
    """What was sent to the bank, and what is ready to be."""
    request.actor.require(Permission.MAKE_PAYOUTS)
    after = request.GET.get("after", "")
    before = services.get(after).pk if after else None
    rows = queries.page(before=before, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda payout: payout.number)
    context = {"page": listed, "sources": queries.sources(), "ready": ready_for_payout()}
    return render(request, "panel/payouts/list.html", context)


@form_for(Permission.MAKE_PAYOUTS)
def payout_new(request: PanelRequest) -> HttpResponse:
    """Make the file of all that is ready in the account's currency."""
    today = request.now.astimezone(shop().time_zone).date()
    form = PayoutForm(request.POST or None, initial={"pay_on": today})
    if form.is_valid():
        made = answer(form, lambda: services.make(**form.cleaned_data, actor=request.actor, now=request.now))
        if made is not None:
            said = _("%(number)s is made. Take its file to the bank.") % {"number": made.number}
            messages.success(request, said)
            return redirect("panel:payout", number=made.number)
    context = {"form": form, "sources": queries.sources(), "ready": ready_for_payout()}
    return render(request, "panel/payouts/new.html", context, status=status_of(form))


@form_for(Permission.MAKE_PAYOUTS)
def source_add(request: PanelRequest) -> HttpResponse:
    form = SourceForm(request.POST or None, initial={"currency": shop().currency})
    if form.is_valid():
        added = answer(
            form, lambda: services.add_source(**form.cleaned_data, actor=request.actor, now=request.now)
        )
        if added is not None:
            messages.success(request, _("%(name)s can be paid from.") % {"name": added.name})
            return redirect("panel:payouts")
    return render(request, "panel/payouts/source.html", {"form": form}, status=status_of(form))


@read_only
def payout(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.MAKE_PAYOUTS)
    return _payout_page(request, services.get(number), CancelPayoutForm())


def _payout_page(request: PanelRequest, payout: Payout, form: CancelPayoutForm) -> HttpResponse:
    after = request.GET.get("after", "")
    rows = queries.items_of(payout, after=whole(after) or 0, limit=_PAGE_SIZE + 1)
    may_cancel = payout.status == Payout.Status.MADE and queries.is_untouched(payout)
    context = {
        "payout": payout,
        "page": page_of(rows, _PAGE_SIZE, key=after, key_of=lambda item: str(item.pk)),
        "form": form,
        "may_cancel": may_cancel,
    }
    if not may_cancel:
        message_errors(request, form)
    return render(request, "panel/payouts/payout.html", context, status=status_of(form))


@command("panel:payout")
def payout_cancel(request: PanelRequest, number: str) -> HttpResponse:
    form = CancelPayoutForm(request.POST)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        done = answer(
            form, lambda: services.cancel(number, reason=reason, actor=request.actor, now=request.now)
        )
        if done is not None:
            said = _("%(number)s is cancelled. Its refunds wait again.") % {"number": number}
            messages.success(request, said)
            return redirect("panel:payout", number=number)
    return _payout_page(request, services.get(number), form)


@command("panel:payout")
def payout_file(request: PanelRequest, number: str) -> HttpResponse:
    """The file. It is asked for by a button, not a link: the history keeps who took it."""
    file = message_refusal(request, lambda: services.take_file(number, actor=request.actor, now=request.now))
    if file is None:
        return redirect("panel:payout", number=number)
    payout = services.get(number)
    name = f"{payout.number}.{services.ENDINGS[payout.format]}"
    return HttpResponse(
        file,
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
