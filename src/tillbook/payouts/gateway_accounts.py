"""The shop's accounts at payment gateways: their secrets, kept sealed, and whether the gateway takes them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, NotFound, Refusal
from tillbook.common.sealing import UNREADABLE
from tillbook.events.services import NewEvent, record
from tillbook.payouts.gateways.adapter import Account, GatewayRefuses
from tillbook.payouts.gateways.registry import GATEWAYS, Gateway
from tillbook.payouts.gateways.wire import check_base
from tillbook.payouts.models import GatewayAccount, Sending

_LONGEST = 500  # characters of a secret


class GatewayNotFound(NotFound):
    """There is no such gateway, or the shop has no account there."""

    code = "gateway_not_found"


class GatewayInUse(Refusal):
    """Refunds are on their way through the gateway."""

    code = "gateway_in_use"


def known(name: str) -> Gateway:
    """The gateway of that name, whether the shop has an account there or not. Raises GatewayNotFound."""
    if name not in GATEWAYS:
        raise GatewayNotFound(
            _("There is no gateway %(name)r. Use one of %(names)s.")
            % {"name": name[:40], "names": ", ".join(GATEWAYS)},
            field="gateway",
        )
    return GATEWAYS[name]


@transaction.atomic
def set_account(
    gateway: str,
    *,
    secret: str = "",
    client_id: str = "",
    webhook_secret: str = "",
    api_base: str = "",
    actor: Actor,
    now: datetime,
) -> GatewayAccount:
    """Keep the account at the gateway, or replace what is given of the one there.

    What is left empty stays as it is; an empty `api_base` of a new account is the gateway's own, and another
    one needs the secret again: the one that is kept would be sent there. Raises InvalidInput, TargetRefused,
    GatewayNotFound, PermissionDenied, and GatewayInUse for another app while refunds are on their way.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    its = known(gateway)
    found = GatewayAccount.objects.select_for_update().filter(gateway=gateway).first()
    account = found or GatewayAccount(gateway=gateway, api_base=its.base)
    given = {
        "secret": secret.strip(),
        "client_id": client_id.strip() if its.client_id else "",
        "webhook_secret": webhook_secret.strip(),
    }
    if found is not None and given["client_id"] not in ("", found.client_id):
        _check_idle(gateway)  # another app may not know what this one was asked, and pay it once more
    for field, text in given.items():
        if text:
            setattr(account, field, _checked(text, field))
    _check_whole(account, its)
    if api_base:
        _move(account, check_base(api_base.strip()), is_new=found is None or bool(secret.strip()))
    account.changed_at = now
    account.save()
    replaced = sorted(field for field, text in given.items() if text)
    data = {"host": urlsplit(account.api_base).hostname, "set": replaced}
    record(NewEvent("payout.gateway_set", gateway, data=data), actor=actor, now=now)
    return account


def _checked(text: str, field: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST):
        raise InvalidInput(
            _("That is none: it has at most %(most)s letters, digits and signs, without spaces.")
            % {"most": _LONGEST},
            field=field,
        )
    return text


def _move(account: GatewayAccount, base: str, *, is_new: bool) -> None:
    """Let the account's API be at `base`: a secret goes nowhere that who entered it did not name."""
    if base != account.api_base and not is_new:
        raise InvalidInput(
            _("Enter the secret again: the one that is kept is sent to no other address than before."),
            field="secret",
        )
    account.api_base = base


def _check_whole(account: GatewayAccount, its: Gateway) -> None:
    if not account.secret:
        raise InvalidInput(
            _("Enter the secret key that %(gateway)s gave you.") % {"gateway": its.title}, field="secret"
        )
    if its.client_id and not account.client_id:
        raise InvalidInput(
            _("Enter the client ID that %(gateway)s gave you.") % {"gateway": its.title}, field="client_id"
        )


@transaction.atomic
def remove_account(gateway: str, *, actor: Actor, now: datetime) -> None:
    """Forget the account and its secrets. Raises GatewayInUse, GatewayNotFound, PermissionDenied."""
    actor.require(Permission.MANAGE_SETTINGS)
    account = get(gateway, held=True)
    _check_idle(gateway)
    account.delete()
    record(NewEvent("payout.gateway_removed", gateway), actor=actor, now=now)


def _check_idle(gateway: str) -> None:
    if Sending.objects.filter(gateway=gateway, next_ask_at__isnull=False).exists():
        raise GatewayInUse(_("Refunds are on their way through it. Wait until each has ended."))


def check_account(gateway: str, *, actor: Actor) -> None:
    """Ask the gateway whether it takes the account's secrets. Nothing changes, so there is no event.

    Raises GatewayRefuses, GatewayNotFound, PermissionDenied.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    its = known(gateway)
    its.adapter.check(opened(get(gateway)))


def get(gateway: str, *, held: bool = False) -> GatewayAccount:
    """The shop's account at the gateway. Raises GatewayNotFound.

    With `held` it stays until the caller's transaction ends: a refund that is being sent needs it.
    """
    rows = GatewayAccount.objects.filter(gateway=gateway)
    found = (rows.select_for_update() if held else rows).first()
    if found is None:
        raise GatewayNotFound(
            _("The shop has no account at %(gateway)s. Add it under Settings > Shop settings > Gateways.")
            % {"gateway": known(gateway).title},
            field="gateway",
        )
    return found


def opened(account: GatewayAccount) -> Account:
    """The account with its secrets, for the adapter. Raises GatewayRefuses when no key opens them."""
    if UNREADABLE in (account.secret, account.client_id, account.webhook_secret):
        raise GatewayRefuses(
            _(
                "None of the account keys opens the secrets. "
                "Enter them again under Settings > Shop settings > Gateways."
            )
        )
    return Account(
        gateway=account.gateway, base=account.api_base, secret=account.secret, client_id=account.client_id,
        webhook_secret=account.webhook_secret,
    )  # fmt: skip
