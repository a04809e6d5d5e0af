"""What every change of a user begins and ends with: their row, locked, and the event about them."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.events.services import NewEvent, record
from tillbook.staff.models import User
from tillbook.staff.queries import UserNotFound

_LONGEST_SUBJECT = 60  # of an event


def locked(user_id: int) -> User:
    """The user, theirs alone until the transaction ends. Raises UserNotFound."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise UserNotFound(_("There is no such user."), field="user")
    return user


def require_own_or_managing(actor: Actor, user_id: int) -> None:
    """Everybody minds their own account, logged in and not by a key; admins anybody's."""
    if actor.user_id != user_id or actor.key_id is not None:
        actor.require(Permission.MANAGE_USERS)


def record_about(user: User, action: str, actor: Actor, now: datetime, **data: object) -> None:
    """Write an event whose subject is the user; a name too long for a subject stands whole in its data."""
    subject = f"user:{user.username}"[:_LONGEST_SUBJECT]
    if not subject.endswith(user.username):
        data["username"] = user.username
    record(NewEvent(action, subject, data=data), actor=actor, now=now)
