"""Mailing people who work at the shop a link to choose their password with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import WrongState
from tillbook.common.mail import NoEmailAddress, deliver
from tillbook.delivery.sender import letter
from tillbook.delivery.services import Sent
from tillbook.shop.policies import shop
from tillbook.staff.links import new_link
from tillbook.staff.models import User
from tillbook.staff.queries import user_by_id
from tillbook.staff.records import record_about


def send_link(user_id: int, *, link: Callable[[str, str], str], actor: Actor, now: datetime) -> Sent:
    """Mail the user a link to choose a password with; `link` makes it of the user's id and the token.

    Not one transaction: a slow mail server must not hold the book's lock, so the event is written once the
    message is on its way. Raises UserNotFound, WrongState for who is switched off, NoEmailAddress,
    MailFailed, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    user = user_by_id(user_id)
    if not user.is_active:
        raise WrongState(
            _("%(username)s is switched off. Switch them on first.") % {"username": user.username}
        )
    if not user.email:
        raise NoEmailAddress(
            _("%(username)s has no e-mail address. Add one first.") % {"username": user.username},
            field="email",
        )
    path = deliver(_message(user, link(*new_link(user)), now), f"user-{user.pk}", now)
    with transaction.atomic():
        record_about(user, "user.link_sent", actor, now, to=user.email, file=path.name if path else None)
    return Sent(user.email, path)


def _message(user: User, address: str, now: datetime) -> EmailMessage:
    """In the user's own language, whoever sends it."""
    policy = shop()
    with override(user.language or settings.LANGUAGE_CODE):
        subject, reason = _words(user)
        paragraphs = [
            reason % {"shop": policy.name, "username": user.username},
            _("Choose your password here, within three days:") + "\n" + address,
            _("The link works once. If you did not expect this mail, leave it be: nothing changes."),
            policy.name,
        ]
    return letter(subject % {"shop": policy.name}, "\n\n".join(paragraphs) + "\n", user.email, now)


def _words(user: User) -> tuple[str, str]:
    """The subject and the first sentence: an invitation, or a new password for who had one."""
    if user.state == User.State.INVITED:
        return (
            _("Your invitation to %(shop)s"),
            _("You were invited to %(shop)s's control panel, as %(username)s."),
        )
    return (
        _("A new password for %(shop)s"),
        _("A new password was asked for, for %(username)s in %(shop)s's control panel."),
    )
