"""Reading the people who work at the shop."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound
from tillbook.staff.models import User


class UserNotFound(NotFound):
    """No user has that name."""

    code = "user_not_found"


def by_username(username: str) -> User:
    """The user of that name. Raises UserNotFound."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UserNotFound(_("There is no user %(username)r.") % {"username": username}, field="username")
    return user


def user_by_id(user_id: int) -> User:
    """The user with that id. Raises UserNotFound."""
    user = User.objects.filter(pk=user_id).first()
    if user is None:
        raise UserNotFound(_("There is no such user."), field="user")
    return user


def names_of(identities: Iterable[str]) -> dict[str, str]:
    """ "user:3" -> that user's name: transfers keep only what never changes. Others are left out."""
    ids = {int(each[5:]) for each in identities if each.startswith("user:") and each[5:].isdecimal()}
    return {f"user:{user.pk}": user.username for user in User.objects.filter(pk__in=ids)} if ids else {}


def ids_of(usernames: Iterable[str]) -> dict[str, int]:
    """username -> id of those that exist."""
    return dict(User.objects.filter(username__in=set(usernames)).values_list("username", "pk"))


def all_users() -> list[User]:
    """Everybody, by name; those who can't log in any more last."""
    return list(User.objects.order_by("-is_active", "username"))


def active_users() -> list[User]:
    """Everybody who may log in, by name."""
    return list(User.objects.filter(is_active=True).order_by("username"))
