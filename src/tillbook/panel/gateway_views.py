"""Refunds through payment gateways, and Settings > Shop settings > Gateways: the shop's accounts there."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.common.errors import Refusal
from tillbook.panel.edge import PanelRequest, answer, command, form_for, message_refusal, status_of
from tillbook.panel.gateway_forms import EndForm, GatewayForm
from tillbook.panel.queue_views import nothing_selected, seen_of
from tillbook.panel.refund_views import refund_page
from tillbook.payouts import gateway_accounts, queries, sendings
from tillbook.payouts.gateways.registry import GATEWAYS, Gateway
from tillbook.payouts.models import GatewayAccount, Sending
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids, by_number

_SECONDS = 20  # that a page waits for the answers to a selection


@dataclass(frozen=True, slots=True)
class Listed:
    """A gateway, and the shop's account there if it has one."""

    gateway: Gateway
    account: GatewayAccount | None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one refund of a selection: it was sent, or it has a problem."""

    refund: Refund
    sending: Sending | None
    problem: str


@command("panel:refund")
def pay(request: PanelRequest, number: str) -> HttpResponse:
    """Send it through its gateway, and wait for the answer."""
    refund = by_number(number)
    seen = request.POST.get("seen")
    sent = message_refusal(
        request, lambda: sendings.send(refund.pk, seen=seen, actor=request.actor, now=request.now)
    )
    if sent is not None:
        _say(request, refund, sent)
    return redirect("panel:refund", number=refund.number)


@command("panel:refund")
def ask(request: PanelRequest, number: str) -> HttpResponse:
    """Ask its gateway now what became of it."""
    refund = by_number(number)
    sending = sendings.ask_soon(refund.pk, actor=request.actor, now=request.now)
    told = message_refusal(request, lambda: sendings.speak(sending.pk, now=request.now))
    if told is not None:
        _say(request, refund, told)
    return redirect("panel:refund", number=refund.number)


@command("panel:refund")
def end(request: PanelRequest, number: str) -> HttpResponse:
    """End by hand what its gateway has said nothing about for a month."""
    refund = by_number(number)
    form = EndForm(request.POST)
    if form.is_valid() and answer(form, lambda: _end(request, refund, form)) is not None:
        messages.success(request, _("%(number)s has ended as you saw it.") % {"number": refund.number})
        return redirect("panel:refund", number=refund.number)
    return refund_page(request, refund, end_form=form)


def _end(request: PanelRequest, refund: Refund, form: EndForm) -> Sending:
    seen = form.cleaned_data
    return sendings.end_by_hand(
        refund.pk, paid=seen["paid"] == "yes", reason=seen["reason"], actor=request.actor, now=request.now
    )


def _say(request: PanelRequest, refund: Refund, sending: Sending) -> None:
    names = {"number": refund.number, "gateway": title_of(sending.gateway)}
    if sending.state == Sending.State.SUCCEEDED:
        messages.success(request, _("%(gateway)s has paid %(number)s.") % names)
    elif sending.state == Sending.State.FAILED:
        said = _("%(gateway)s refused %(number)s. Its amount is credit again.") % names
        messages.error(request, said)
    else:
        said = _("%(gateway)s has not said yet what became of %(number)s. It is asked again.") % names
        messages.info(request, said)


def title_of(gateway: str) -> str:
    """What people call the gateway."""
    return GATEWAYS[gateway].title if gateway in GATEWAYS else gateway


@command("panel:refunds")
def pay_selected(request: PanelRequest) -> HttpResponse:
    """Send a selection through its gateways: a refusal stops only its own refund."""
    seen = seen_of(request)
    selected = by_ids(list(seen))
    if not selected:
        return nothing_selected(request)
    wanted = {refund.pk: seen[refund.pk] for refund in selected}
    outcomes = sendings.send_many(wanted, seconds=_SECONDS, actor=request.actor, now=request.now)
    rows = [_row(refund, outcomes[refund.pk]) for refund in selected]
    paid = sum(row.sending is not None and row.sending.state == Sending.State.SUCCEEDED for row in rows)
    waiting = any(row.sending is not None and row.sending.is_open for row in rows)
    context = {"outcomes": rows, "paid": paid, "waiting": waiting}
    return render(request, "panel/refunds/sent.html", context)


def _row(refund: Refund, outcome: Sending | Refusal) -> Sent:
    if isinstance(outcome, Refusal):
        return Sent(refund, None, outcome.message)
    return Sent(refund, outcome, "")


@form_for(Permission.MANAGE_SETTINGS)
def gateways(request: PanelRequest) -> HttpResponse:
    listed = [Listed(each, queries.account_at(each.name)) for each in GATEWAYS.values()]
    return render(request, "panel/gateways/list.html", {"listed": listed})


@form_for(Permission.MANAGE_SETTINGS)
def gateway(request: PanelRequest, gateway: str) -> HttpResponse:
    """What is typed here is shown on no page again."""
    its = gateway_accounts.known(gateway)
    account = queries.account_at(gateway)
    base = account.api_base if account else its.base
    form = GatewayForm(request.POST or None, gateway=its, account=account, initial={"api_base": base})
    if form.is_valid():
        values = form.cleaned_data
        saved = answer(
            form,
            lambda: gateway_accounts.set_account(gateway, **values, actor=request.actor, now=request.now),
        )
        if saved is not None:
            said = _("The account at %(gateway)s is saved. Test it now.") % {"gateway": its.title}
            messages.success(request, said)
            return redirect("panel:gateway", gateway=gateway)
    address = settings.TILLBOOK_ADDRESS or request.build_absolute_uri("/")
    events = address.rstrip("/") + reverse("gateway_events", args=[gateway])
    context = {"form": form, "gateway": its, "account": account, "events": events}
    return render(request, "panel/gateways/gateway.html", context, status=status_of(form))


@command("panel:gateway")
def gateway_check(request: PanelRequest, gateway: str) -> HttpResponse:
    """Ask the gateway whether it takes the secrets."""
    title = gateway_accounts.known(gateway).title

    def checked() -> bool:
        gateway_accounts.check_account(gateway, actor=request.actor)
        return True

    if message_refusal(request, checked):
        messages.success(request, _("%(gateway)s takes the secrets.") % {"gateway": title})
    return redirect("panel:gateway", gateway=gateway)


@command("panel:gateway")
def gateway_remove(request: PanelRequest, gateway: str) -> HttpResponse:
    title = gateway_accounts.known(gateway).title

    def removed() -> bool:
        gateway_accounts.remove_account(gateway, actor=request.actor, now=request.now)
        return True

    if not message_refusal(request, removed):
        return redirect("panel:gateway", gateway=gateway)
    messages.success(request, _("The account at %(gateway)s is forgotten.") % {"gateway": title})
    return redirect("panel:gateways")
