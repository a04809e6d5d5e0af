"""The people who work at the shop: adding them, their roles and passwords, letting them in or not."""

from __future__ import annotations

import re
from datetime import datetime

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tillbook.common.actor import USER_ROLES, Actor, Permission, Role
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.languages import LANGUAGES, is_known
from tillbook.staff.models import User
from tillbook.staff.queries import UserNotFound
from tillbook.staff.records import locked, record_about, require_own_or_managing
from tillbook.staff.sessions import forget_sessions

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@_+-]{0,149}", re.ASCII)


class UsernameTaken(Refusal):
    """Another user has that name, in this or another letter case."""

    code = "username_taken"


class OwnAccount(Refusal):
    """Nobody takes their own rights away by a slip of the hand, nor gives themselves others."""

    code = "own_account"


class LastAdmin(Refusal):
    """Without this admin nobody could manage users any more."""

    code = "last_admin"


@transaction.atomic
def add_user(
    *, username: str, role: Role, password: str | None, email: str = "", actor: Actor, now: datetime
) -> User:
    """Add a user who may do what `role` (viewer, staff or admin) allows.

    Without a password they can't log in before they have chosen one. Raises InvalidInput for a name,
    role, address or password that will not do, UsernameTaken, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    check_role(role)
    _check_username(username)
    user = User(username=username, role=role.value, email=_checked_email(email), created_at=now)
    if password is not None:
        _check_password(password, user)
    user.set_password(password)
    user.save()
    record_about(user, "user.added", actor, now, role=role.value)
    return user


@transaction.atomic
def change_role(user_id: int, role: Role, *, actor: Actor, now: datetime) -> User:
    """Give the user another role; the one they have changes nothing.

    Raises UserNotFound, InvalidInput, OwnAccount, LastAdmin, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    check_role(role)
    user, admins = _locked_with_admins(user_id)
    if role == user.role:
        return user
    _check_others_account(user, actor)
    _check_not_last(user, admins)
    data = {"changed": {"role": [user.role, role.value]}}
    user.role = role.value
    user.save(update_fields=["role"])
    record_about(user, "user.role_changed", actor, now, **data)
    return user


@transaction.atomic
def change_email(user_id: int, email: str, *, actor: Actor, now: datetime) -> User:
    """Change where the user's mail goes; empty for nowhere.

    Raises UserNotFound, InvalidInput, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    user = locked(user_id)
    data = {"changed": {"email": [user.email, _checked_email(email)]}}
    if email != user.email:
        user.email = email
        user.save(update_fields=["email"])
        record_about(user, "user.email_changed", actor, now, **data)
    return user


@transaction.atomic
def choose_language(user_id: int, language: str, *, actor: Actor, now: datetime) -> User:
    """Choose the language of the user's pages, one of `LANGUAGES`; empty for the shop's.

    Raises UserNotFound, InvalidInput, PermissionDenied for somebody else's.
    """
    require_own_or_managing(actor, user_id)
    if language and not is_known(language):
        known = ", ".join(code for code, _name in LANGUAGES)
        raise InvalidInput(
            _("There is no language %(language)r. Choose one of %(known)s.")
            % {"language": language[:10], "known": known},
            field="language",
        )
    user = locked(user_id)
    data = {"changed": {"language": [user.language, language]}}
    if language != user.language:
        user.language = language
        user.save(update_fields=["language"])
        record_about(user, "user.language_chosen", actor, now, **data)
    return user


@transaction.atomic
def switch_off(user_id: int, *, actor: Actor, now: datetime) -> User:
    """Let the user in no more: their sessions and API keys end with the next request.

    Raises UserNotFound, OwnAccount, LastAdmin, PermissionDenied.
    """
    actor.require(Permission.MANAGE_USERS)
    user, admins = _locked_with_admins(user_id)
    if not user.is_active:
        return user
    _check_others_account(user, actor)
    _check_not_last(user, admins)
    user.is_active = False
    user.save(update_fields=["is_active"])
    forget_sessions(user_id)
    record_about(user, "user.switched_off", actor, now)
    return user


@transaction.atomic
def switch_on(user_id: int, *, actor: Actor, now: datetime) -> User:
    """Let a user in again, and their API keys with them. Raises UserNotFound, PermissionDenied."""
    actor.require(Permission.MANAGE_USERS)
    user = locked(user_id)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
        record_about(user, "user.switched_on", actor, now)
    return user


@transaction.atomic
def set_password(user_id: int, password: str, *, actor: Actor, now: datetime) -> User:
    """Give the user a password: everybody their own, admins anybody's. Every session of theirs ends.

    Raises UserNotFound, InvalidInput for a password that will not do, PermissionDenied.
    """
    require_own_or_managing(actor, user_id)
    user = locked(user_id)
    _check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    forget_sessions(user_id)
    record_about(user, "user.password_set", actor, now)
    return user


def check_role(role: Role) -> Role:
    """Return `role` if a user can have it; raise InvalidInput for the system's own."""
    if role not in USER_ROLES:
        raise InvalidInput(_("The role must be viewer, staff or admin."), field="role")
    return role


def _locked_with_admins(user_id: int) -> tuple[User, list[User]]:
    """The user and the active admins, locked in one order: of two admins who take each other's role away
    at the same moment, the second sees what the first did.
    """
    wanted = Q(pk=user_id) | Q(role=Role.ADMIN, is_active=True)
    found = list(User.objects.select_for_update().filter(wanted).order_by("pk"))
    user = next((each for each in found if each.pk == user_id), None)
    if user is None:
        raise UserNotFound(_("There is no such user."), field="user")
    return user, [each for each in found if each.is_active and each.role == Role.ADMIN]


def _check_others_account(user: User, actor: Actor) -> None:
    if user.pk == actor.user_id:
        raise OwnAccount(_("You can't do that to your own account. Ask another admin."), field="role")


def _check_not_last(user: User, admins: list[User]) -> None:
    """Admins who were invited and have chosen no password yet don't count."""
    usable = {each.pk for each in admins if not each.password.startswith(UNUSABLE_PASSWORD_PREFIX)}
    if usable == {user.pk}:
        raise LastAdmin(
            _("%(username)s is the last admin who can log in. Make somebody else an admin first.")
            % {"username": user.username},
            field="role",
        )


def _check_username(username: str) -> None:
    if _USERNAME.fullmatch(username) is None:
        raise InvalidInput(
            _("A username is 1 to 150 letters, digits and . @ _ + -, and begins with a letter or digit."),
            field="username",
        )
    # Log-in ignores letter case, so two names that differ in nothing else would be one.
    if User.objects.filter(username__iexact=username).exists():
        raise UsernameTaken(
            _("The username %(username)r is taken. Choose another.") % {"username": username},
            field="username",
        )


def _checked_email(email: str) -> str:
    try:
        if email:
            validate_email(email)
    except ValidationError:
        raise InvalidInput(
            _("%(email)r is not an e-mail address.") % {"email": email}, field="email"
        ) from None
    return email


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(" ".join(error.messages), field="password") from error
