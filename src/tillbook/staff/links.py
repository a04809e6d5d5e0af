"""Links with which people choose a password: the first one of their own, or a new one.

Django's own tokens: signed, valid for three days (PASSWORD_RESET_TIMEOUT), and spent as soon as the user has
another password or has logged in.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound
from tillbook.staff.models import User
from tillbook.staff.records import locked
from tillbook.staff.services import set_password

_tokens = PasswordResetTokenGenerator()
_LONGEST_ID = 30  # characters of a user's id as a link has it


class LinkSpent(NotFound):
    """The link was used before, is too old, or was never one. It says the same whoever it names."""

    code = "link_spent"


def new_link(user: User) -> tuple[str, str]:
    """The id and the token that a link for this user carries."""
    return urlsafe_base64_encode(force_bytes(user.pk)), _tokens.make_token(user)


def user_of_link(uid: str, token: str) -> User:
    """Whose password the link lets one choose. Raises LinkSpent."""
    user = User.objects.filter(pk=_id_of(uid), is_active=True).first()
    if user is None or not _tokens.check_token(user, token):
        raise LinkSpent(_("This link does not work, or not any more."))
    return user


@transaction.atomic
def choose_password(uid: str, token: str, password: str, *, origin: str, now: datetime) -> User:
    """Spend the link: the user has this password from now on. Raises LinkSpent, InvalidInput."""
    locked(user_of_link(uid, token).pk)
    user = user_of_link(uid, token)  # under the lock: of two at the same moment one is too late
    return set_password(user.pk, password, actor=user.as_actor(origin), now=now)


def _id_of(uid: str) -> int:
    """The id that a link's first part names; 0, which nobody has, for anything else."""
    try:
        text = urlsafe_base64_decode(uid).decode("ascii") if len(uid) <= _LONGEST_ID else ""
    except ValueError:
        return 0
    return int(text) if text.isdecimal() and len(text) < 19 else 0  # more digits fit no row's id
