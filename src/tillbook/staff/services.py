"""Adding the people who work at the shop."""

from __future__ import annotations

import re
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from tillbook.common.actor import USER_ROLES, Actor, Permission, Role
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.events.services import NewEvent, record
from tillbook.staff.models import User

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_+-]{0,149}", re.ASCII)
_LONGEST_SUBJECT = 60  # of an event


class UsernameTaken(Refusal):
    """Another user has that name, in this or another letter case."""

    code = "username_taken"


@transaction.atomic
def add_user(
    *, username: str, role: Role, password: str, email: str = "", actor: Actor, now: datetime
) -> User:
    """Add a user who may log in and do what `role` (viewer, staff or admin) allows.

    Raises InvalidInput for a name, role or password that will not do, UsernameTaken,
    and PermissionDenied for anyone but the system.
    """
    actor.require(Permission.RUN_SYSTEM)
    check_role(role)
    _check_username(username)
    user = User(username=username, role=role.value, email=email, created_at=now)
    _check_password(password, user)
    user.set_password(password)
    user.save()
    subject = f"user:{username}"[:_LONGEST_SUBJECT]
    data = {"role": role.value} | ({} if subject.endswith(username) else {"username": username})
    record(NewEvent("user.added", subject, data=data), actor=actor, now=now)
    return user


def check_role(role: Role) -> Role:
    """Return `role` if a user can have it; raise InvalidInput for the system's own."""
    if role not in USER_ROLES:
        raise InvalidInput("The role must be viewer, staff or admin.", field="role")
    return role


def _check_username(username: str) -> None:
    if _USERNAME.fullmatch(username) is None:
        raise InvalidInput(
            "A username is 1 to 150 letters, digits and . @ _ + -, and begins with a letter or digit.",
            field="username",
        )
    # Log-in ignores letter case, so two names that differ in nothing else would be one.
    if User.objects.filter(username__iexact=username).exists():
        raise UsernameTaken(f"The username {username!r} is taken. Choose another.", field="username")


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field="password") from error
