"""Reading the people who work at the shop."""

from __future__ import annotations

from tillbook.common.errors import NotFound
from tillbook.staff.models import User


class UserNotFound(NotFound):
    """No user has that name."""

    code = "user_not_found"


def by_username(username: str) -> User:
    """The user of that name. Raises UserNotFound."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise UserNotFound(f"There is no user {username!r}.", field="username")
    return user
