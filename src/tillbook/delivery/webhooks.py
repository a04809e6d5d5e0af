"""Webhooks: adding, changing and removing endpoints, sending something again."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.queries import DeliveryNotFound, WebhookNotFound
from tillbook.delivery.targets import check_url
from tillbook.events.actions import is_wish, near
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record

KEPT = timedelta(days=30)  # what was delivered or given up

_ACTION = re.compile(r"[a-z]{1,20}\.([a-z_]{1,35}|\*)", re.ASCII)
_LONGEST_DESCRIPTION = 200
_MOST_ACTIONS = 100


class WebhookTaken(Refusal):
    """Another webhook has that address."""

    code = "webhook_taken"


@transaction.atomic
def add_endpoint(
    *, url: str, description: str = "", actions: Sequence[str] = (), actor: Actor, now: datetime
) -> Endpoint:
    """Send events to `url` from now on: all, or those of `actions` ("refund.completed", "order.*").

    Its secret is for whoever adds it, once.
    Raises InvalidInput, TargetRefused, WebhookTaken, PermissionDenied.
    """
    actor.require(Permission.MANAGE_KEYS)
    _check(url, description)
    _check_actions(actions)
    _refuse_taken(url)
    endpoint = Endpoint.objects.create(
        url=url,
        secret=_new_secret(),
        description=description,
        actions=list(actions),
        seen_id=0,
        created_at=now,
    )
    _record("webhook.added", endpoint, actor, now)
    _begin_here(endpoint)
    return endpoint


@transaction.atomic
def update_endpoint(
    endpoint_id: int, *, url: str | None = None, description: str | None = None,
    actions: Sequence[str] | None = None, enabled: bool | None = None, actor: Actor, now: datetime,
) -> Endpoint:  # fmt: skip
    """Set what is given. While it is not enabled nothing is sent, and events are not kept for it.

    Raises InvalidInput, TargetRefused, WebhookTaken, WebhookNotFound, PermissionDenied.
    """
    actor.require(Permission.MANAGE_KEYS)
    endpoint = locked(endpoint_id)
    was_enabled = endpoint.disabled_at is None
    url = endpoint.url if url is None else url
    description = endpoint.description if description is None else description
    actions = endpoint.actions if actions is None else actions
    enabled = was_enabled if enabled is None else enabled
    _check(url, description)
    _check_actions(actions, kept=endpoint.actions)
    if url != endpoint.url:
        _refuse_taken(url)
    before = (endpoint.url, endpoint.description, endpoint.actions, was_enabled)
    if before == (url, description, list(actions), enabled):
        return endpoint
    endpoint.url, endpoint.description, endpoint.actions = url, description, list(actions)
    if enabled != was_enabled:
        endpoint.disabled_at = None if enabled else now
    endpoint.save(update_fields=["url", "description", "actions", "disabled_at"])
    _record("webhook.updated", endpoint, actor, now)
    if enabled and not was_enabled:
        _begin_here(endpoint)
    return endpoint


@transaction.atomic
def remove_endpoint(endpoint_id: int, *, actor: Actor, now: datetime) -> None:
    """End a webhook, its secret and its deliveries. Raises WebhookNotFound, PermissionDenied."""
    actor.require(Permission.MANAGE_KEYS)
    endpoint = locked(endpoint_id)
    _record("webhook.removed", endpoint, actor, now)
    endpoint.delete()


@transaction.atomic
def resend(delivery_id: int, *, actor: Actor, now: datetime) -> Delivery:
    """Send it once more as soon as may be, with the same id, for three days from now.

    Raises WrongState if its webhook is disabled, DeliveryNotFound, PermissionDenied.
    """
    actor.require(Permission.MANAGE_KEYS)
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("endpoint")
    delivery = rows.filter(pk=delivery_id).first()
    if delivery is None:
        raise DeliveryNotFound(_("There is no such delivery."), field="delivery")
    if delivery.endpoint.disabled_at is not None:
        raise WrongState(_("%(number)s is disabled. Enable it first.") % {"number": delivery.endpoint.number})
    delivery.state, delivery.since, delivery.next_at = Delivery.State.PENDING, now, now
    delivery.attempts = 0
    delivery.save(update_fields=["state", "since", "next_at", "attempts"])
    _record("webhook.resent", delivery.endpoint, actor, now, {"delivery": delivery.number})
    return delivery


def clear(now: datetime) -> int:
    """Clear away deliveries that ended more than `KEPT` ago; returns how many.

    Only of events that are settled: of others the row is what keeps them from being sent again.
    """
    ended = Delivery.objects.exclude(state=Delivery.State.PENDING)
    old = ended.filter(last_at__lt=now - KEPT, event_id__lte=F("endpoint__seen_id"))
    return old.delete()[0] if old.exists() else 0


def _check(url: str, description: str) -> None:
    check_url(url)
    if len(description) > _LONGEST_DESCRIPTION or (description and not description.isprintable()):
        raise InvalidInput(
            _("A description is at most %(longest_description)s printable characters.")
            % {"longest_description": _LONGEST_DESCRIPTION},
            field="description",
        )


def _check_actions(actions: Sequence[str], kept: Sequence[str] = ()) -> None:
    """What is new among them names events that there are: any other would never come.

    What is `kept` may stay: events of an older book may have had other names.
    """
    how = _("Name each action as refund.completed, or order.* for all of a kind.")
    if len(actions) > _MOST_ACTIONS or not all(_ACTION.fullmatch(each) for each in actions):
        raise InvalidInput(how, field="actions")
    unknown = next((each for each in actions if not is_wish(each) and each not in kept), None)
    if unknown is None:
        return
    if meant := near(unknown):
        how = _("Is %(near)s meant?") % {"near": meant}
    what = _("There is no event %(action)s.") % {"action": unknown}
    raise InvalidInput(f"{what} {how}", field="actions")


def _refuse_taken(url: str) -> None:
    if Endpoint.objects.filter(url=url).exists():
        raise WebhookTaken(_("Another webhook has that address."), field="url")


def locked(endpoint_id: int) -> Endpoint:
    """The endpoint, which nobody else changes until the transaction ends. Raises WebhookNotFound."""
    endpoint = Endpoint.objects.select_for_update().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise WebhookNotFound(_("There is no such webhook."), field="webhook")
    return endpoint


def _begin_here(endpoint: Endpoint) -> None:
    """Events after the one just written are its own: that is where its history begins."""
    own = Event.objects.filter(subject=endpoint.number, action__startswith="webhook.")
    endpoint.seen_id = own.order_by("-pk").values_list("pk", flat=True)[0]
    endpoint.save(update_fields=["seen_id"])


def _new_secret() -> str:
    """32 random bytes, as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _record(
    action: str, endpoint: Endpoint, actor: Actor, now: datetime, data: dict[str, Any] | None = None
) -> None:
    # The host alone: the rest of an address may be what lets a caller in.
    told = {"host": urlsplit(endpoint.url).hostname, **(data or {})}
    record(NewEvent(action, endpoint.number, data=told), actor=actor, now=now)
