"""Mailing people who work at the shop a link to choose their password with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

from django.core.mail import EmailMessage
from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import WrongState
from tillbook.common.mail import NoEmailAddress, deliver, one_line
from tillbook.delivery.sender import replies_to, sender
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
        raise WrongState(f"{user.username} is switched off. Switch them on first.")
    if not user.email:
        raise NoEmailAddress(f"{user.username} has no e-mail address. Add one first.", field="email")
    path = deliver(_message(user, link(*new_link(user)), now), f"user-{user.pk}", now)
    with transaction.atomic():
        record_about(user, "user.link_sent", actor, now, to=user.email, file=path.name if path else None)
    return Sent(user.email, path)


def _message(user: User, address: str, now: datetime) -> EmailMessage:
    policy = shop()
    invited = user.state == User.State.INVITED
    paragraphs = [
        f"You were invited to {policy.name}'s control panel, as {user.username}."
        if invited
        else f"A new password was asked for, for {user.username} in {policy.name}'s control panel.",
        f"Choose your password here, within three days:\n{address}",
        "The link works once. If you did not expect this mail, leave it be: nothing changes.",
        policy.name,
    ]
    subject = "Your invitation to" if invited else "A new password for"
    return EmailMessage(
        subject=one_line(f"{subject} {policy.name}"),
        body="\n\n".join(paragraphs) + "\n",
        from_email=sender(),
        to=[user.email],
        reply_to=replies_to(),
        headers={"Date": format_datetime(now)},
    )
