"""Where people are logged in. allauth notes each log-in; a session is open while Django still has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor
from tillbook.common.errors import Refusal
from tillbook.staff.models import User
from tillbook.staff.records import locked, record_about, require_own_or_managing


class SessionEnded(Refusal):
    """The session has ended, or was never the user's."""

    code = "session_ended"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One log-in that has not ended; `key` is its secret, to compare and never to show."""

    id: int
    key: str
    since: datetime
    address: str
    program: str  # as the browser calls itself


def open_sessions(user_id: int, now: datetime) -> list[OpenSession]:
    """Where the user is logged in, the newest first."""
    return [
        OpenSession(each.pk, each.session_key, each.created_at, each.ip, each.user_agent)
        for each in UserSession.objects.filter(user_id=user_id, session_key__in=_open(now)).order_by("-pk")
    ]


def counts_of_sessions(now: datetime) -> Counter[int]:
    """How many sessions each user has open, by user id."""
    return Counter(UserSession.objects.filter(session_key__in=_open(now)).values_list("user_id", flat=True))


@transaction.atomic
def end_session(user_id: int, session_id: int, *, actor: Actor, now: datetime) -> User:
    """End one session of the user, who is returned: everybody their own, admins anybody's.

    Raises SessionEnded, PermissionDenied.
    """
    require_own_or_managing(actor, user_id)
    user = locked(user_id)
    found = UserSession.objects.filter(pk=session_id, user_id=user_id, session_key__in=_open(now)).first()
    if found is None:
        raise SessionEnded(_("This session has ended already."), field="session")
    _end([found.session_key])
    record_about(user, "user.session_ended", actor, now, address=found.ip)
    return user


def forget_sessions(user_id: int) -> None:
    """End all sessions of a user, as a part of something else that is recorded."""
    _end(UserSession.objects.filter(user_id=user_id).values_list("session_key", flat=True))


def _open(now: datetime) -> object:
    return Session.objects.filter(expire_date__gt=now).values("session_key")


def _end(keys: Iterable[str]) -> None:
    keys = list(keys)
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
