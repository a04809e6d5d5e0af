"""What people log in with besides their password: an authenticator app, passkeys; allauth keeps them.

Recovery codes come with either and stand in for it when it is lost; alone they are no second factor.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
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
_LAST_STEP = "tillbook_last_step"  # in what allauth keeps of an app: the half-minute of its last used code


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
    return dict(Authenticator.objects.filter(user_id=user_id).order_by("pk").values_list("pk", "type"))


@transaction.atomic
def take_code(user_id: int, code: str) -> bool:
    """Use up a code of the user's app; False if it, or a later one, was used before.

    Whether a code is right at all is left to allauth. It knows a used one for a third of the time in which it
    takes it, and in one process alone: so the last one is kept with the app, whose row is the caller's alone
    until their transaction ends.
    """
    apps = Authenticator.objects.select_for_update()
    app = apps.filter(user_id=user_id, type=Authenticator.Type.TOTP).first()
    steps = _steps()
    step = None if app is None else _step_of(app, code, steps)
    if app is None or step is None:
        return True
    # One that lies ahead was taken while this machine's clock was wrong: it locks nobody out.
    if step <= app.data.get(_LAST_STEP, -1) <= max(steps):
        return False
    app.data[_LAST_STEP] = step
    app.save(update_fields=["data"])
    return True


def _steps() -> list[int]:
    """The half-minutes whose codes allauth takes now, and the next, which may begin before it looks."""
    steps = list(yield_hotp_counters_from_time())
    return [*steps, max(steps) + 1]


def _step_of(app: Authenticator, code: str, steps: Iterable[int]) -> int | None:
    """The latest of the half-minutes of which this is the app's code."""
    secret = decrypt(app.data["secret"])
    fitting = [
        step
        for step in steps
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step)))
    ]
    return max(fitting, default=None)


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
