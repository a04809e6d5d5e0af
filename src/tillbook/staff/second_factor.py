"""What people log in with besides their password: an authenticator app, passkeys; allauth keeps them.

Recovery codes come with either and stand in for it when it is lost; alone they are no second factor.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tillbook.common.actor import Actor, Permission
from tillbook.staff.models import User
from tillbook.staff.records import locked, record_about
from tillbook.staff.services import OwnAccount

_KINDS = {
    Authenticator.Type.TOTP: gettext_noop("authenticator app"),
    Authenticator.Type.WEBAUTHN: gettext_noop("passkey"),
}


def has_second_factor(user_id: int) -> bool:
    return bool(Authenticator.objects.filter(user_id=user_id, type__in=_KINDS).exists())


def kinds_by_user() -> dict[int, set[str]]:
    """user id -> "authenticator app", "passkey": what they have of both. Who has neither is left out."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    for user_id, kind in Authenticator.objects.filter(type__in=_KINDS).values_list("user_id", "type"):
        found[user_id].add(_KINDS[kind])
    return dict(found)


def authenticators_of(user_id: int) -> dict[int, str]:
    """All that the user has, by row, recovery codes too: to tell afterwards what was changed."""
    return dict(Authenticator.objects.filter(user_id=user_id).values_list("pk", "type"))


@transaction.atomic
def record_changes(user_id: int, before: dict[int, str], *, actor: Actor, now: datetime) -> None:
    """Write events about what the user added and removed since `before`."""
    user = locked(user_id)
    after = authenticators_of(user_id)
    for pk, kind in after.items():
        if pk not in before and kind in _KINDS:
            record_about(user, "user.second_factor_added", actor, now, kind=_KINDS[kind])
        elif pk not in before:
            record_about(user, "user.recovery_codes_made", actor, now)
    for pk, kind in before.items():
        if pk not in after and kind in _KINDS:
            record_about(user, "user.second_factor_removed", actor, now, kind=_KINDS[kind])


@transaction.atomic
def reset_second_factor(user_id: int, *, actor: Actor, now: datetime) -> User:
    """Take all that the user has, for one who lost it: their password is enough then.

    One's own goes on the page of one's account, which asks for the password. Raises UserNotFound,
    OwnAccount, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    if actor.user_id == user_id:
        raise OwnAccount(_("Remove your own second factor on the page of your account."))
    user = locked(user_id)
    before = authenticators_of(user_id)
    Authenticator.objects.filter(user_id=user_id).delete()
    record_changes(user_id, before, actor=actor, now=now)
    return user
