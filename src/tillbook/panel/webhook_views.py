"""Settings > Webhooks: where events are sent, each delivery with what was sent and answered, and Resend."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from tillbook.common.actor import Permission
from tillbook.delivery import webhooks as services
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.queries import (
    all_endpoints,
    delivery_by_number,
    endpoint_by_number,
    page_of_deliveries,
)
from tillbook.delivery.sending import body_of_delivery
from tillbook.panel.edge import (
    PanelRequest,
    answer,
    command,
    message_refusal,
    page,
    page_of,
    read_only,
    status_of,
)
from tillbook.panel.forms import changes, remembering
from tillbook.panel.webhook_forms import WebhookForm

_PAGE_SIZE = 50


@read_only
def webhooks(request: PanelRequest) -> HttpResponse:
    request.actor.require(Permission.MANAGE_KEYS)
    return render(request, "panel/webhooks/list.html", {"endpoints": all_endpoints()})


@page
def webhook_add(request: PanelRequest) -> HttpResponse:
    """The answer to the form shows the secret: no other page ever does."""
    request.actor.require(Permission.MANAGE_KEYS)
    form = WebhookForm(request.POST or None)
    if form.is_valid():
        made = answer(
            form, lambda: services.add_endpoint(**form.wanted(), actor=request.actor, now=request.now)
        )
        if made is not None:
            return render(request, "panel/webhooks/added.html", {"endpoint": made})
    return render(request, "panel/webhooks/add.html", {"form": form}, status=status_of(form))


@read_only
def webhook(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.MANAGE_KEYS)
    endpoint = endpoint_by_number(number)
    after = request.GET.get("after", "")
    before = delivery_by_number(after) if after else None
    asked = request.GET.get("state", "")
    state = Delivery.State(asked) if asked in Delivery.State else None
    rows = page_of_deliveries(endpoint.pk, state=state, before=before, limit=_PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda row: row.number)
    context = {"endpoint": endpoint, "page": listed, "state": state}
    return render(request, "panel/webhooks/webhook.html", context)


@page
def webhook_edit(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.MANAGE_KEYS)
    endpoint = endpoint_by_number(number)
    shown = {
        "url": endpoint.url,
        "description": endpoint.description,
        "actions": "\n".join(endpoint.actions),
    }
    form = remembering(WebhookForm(request.POST or None, initial=shown))
    if form.is_valid():
        changed = {name: value for name, value in form.wanted().items() if name in changes(form)}
        saved = answer(form, lambda: _update(request, endpoint, **changed))
        if saved is not None:
            return redirect("panel:webhook", number)
    context = {"form": form, "endpoint": endpoint}
    return render(request, "panel/webhooks/edit.html", context, status=status_of(form))


@command("panel:webhook")
def webhook_switch(request: PanelRequest, number: str) -> HttpResponse:
    """Enable what is disabled, and the other way round, as the button says."""
    endpoint = endpoint_by_number(number)
    message_refusal(request, lambda: _update(request, endpoint, enabled="enable" in request.POST))
    return redirect("panel:webhook", number)


def _update(request: PanelRequest, endpoint: Endpoint, **wanted: object) -> Endpoint:
    updated: Endpoint = services.update_endpoint(
        endpoint.pk,
        **wanted,  # type: ignore[arg-type]
        actor=request.actor,
        now=request.now,
    )
    return updated


@command("panel:webhook")
def webhook_remove(request: PanelRequest, number: str) -> HttpResponse:
    endpoint = endpoint_by_number(number)
    services.remove_endpoint(endpoint.pk, actor=request.actor, now=request.now)
    messages.success(
        request, _("%(number)s was removed. Nothing is sent there any more.") % {"number": endpoint.number}
    )
    return redirect("panel:webhooks")


@read_only
def delivery(request: PanelRequest, number: str) -> HttpResponse:
    request.actor.require(Permission.MANAGE_KEYS)
    found = delivery_by_number(number)
    body = json.dumps(json.loads(body_of_delivery(found)), indent=2, ensure_ascii=False)
    pending = found.state == Delivery.State.PENDING
    context = {"delivery": found, "endpoint": found.endpoint, "body": body, "is_pending": pending}
    return render(request, "panel/webhooks/delivery.html", context)


@command("panel:delivery")
def delivery_resend(request: PanelRequest, number: str) -> HttpResponse:
    found = delivery_by_number(number)
    sent = message_refusal(request, lambda: services.resend(found.pk, actor=request.actor, now=request.now))
    if sent is not None:
        messages.success(request, _("It is sent again as soon as may be, with the same id."))
    return redirect("panel:delivery", number)
