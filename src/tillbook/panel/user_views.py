"""Settings > Users: who works at the shop, what each may do, and who is logged in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext

from tillbook.common.actor import PERMISSIONS, USER_ROLES, Permission, Role
from tillbook.delivery.invitations import send_link
from tillbook.delivery.services import Sent
from tillbook.panel.edge import PanelRequest, answer, command, form_for, message_refusal, status_of, whole
from tillbook.panel.forms import changes, remembering
from tillbook.panel.user_forms import NewUserForm, UserForm
from tillbook.staff import services
from tillbook.staff.models import User
from tillbook.staff.queries import all_users, user_by_id
from tillbook.staff.second_factor import kinds_by_user, reset_second_factor
from tillbook.staff.sessions import counts_of_sessions, end_session, open_sessions


@form_for(Permission.MANAGE_USERS)
def users(request: PanelRequest) -> HttpResponse:
    """Everybody, and the table of what each role may do, made from the rules that the services ask."""
    sessions, factors = counts_of_sessions(request.now), kinds_by_user()
    context = {
        "users": [
            {"user": user, "sessions": sessions[user.pk], "factors": _factors(factors, user)}
            for user in all_users()
        ],
        "roles": [User.RoleChoice(role).label for role in USER_ROLES],
        "permissions": [
            {
                "name": gettext(permission.value),
                "by_role": [permission in PERMISSIONS[role] for role in USER_ROLES],
            }
            for permission in Permission
            if any(permission in PERMISSIONS[role] for role in USER_ROLES)
        ],
    }
    return render(request, "panel/users/list.html", context)


@form_for(Permission.MANAGE_USERS)
def user_add(request: PanelRequest) -> HttpResponse:
    """With a password the user can log in at once; without one they are invited by mail."""
    form = NewUserForm(request.POST or None, initial={"role": Role.STAFF})
    if form.is_valid():
        added = answer(form, lambda: _add(form, request))
        if added is not None:
            messages.success(request, gettext("%(username)s was added.") % {"username": added.username})
            if added.state == User.State.INVITED:
                _send_link(request, added)
            return redirect("panel:user", user_id=added.pk)
    return render(request, "panel/users/add.html", {"form": form}, status=status_of(form))


def _factors(found: dict[int, set[str]], user: User) -> list[str]:
    """What the user logs in with besides the password, in words."""
    return sorted(gettext(kind) for kind in found.get(user.pk, ()))


def _add(form: NewUserForm, request: PanelRequest) -> User:
    values = form.cleaned_data
    return services.add_user(
        username=values["username"], role=Role(values["role"]), email=values["email"],
        password=values["password"] or None, actor=request.actor, now=request.now,
    )  # fmt: skip


@form_for(Permission.MANAGE_USERS)
def user(request: PanelRequest, user_id: int) -> HttpResponse:
    found = user_by_id(user_id)
    form = remembering(UserForm(request.POST or None, initial={"email": found.email, "role": found.role}))
    if form.is_valid() and answer(form, lambda: _save(found, form, request)) is not None:
        messages.success(request, gettext("%(username)s is saved.") % {"username": found.username})
        return redirect("panel:user", user_id=user_id)
    context = {
        "found": found,
        "form": form,
        "sessions": open_sessions(user_id, request.now),
        "factors": _factors(kinds_by_user(), found),
    }
    return render(request, "panel/users/user.html", context, status=status_of(form))


@transaction.atomic
def _save(found: User, form: UserForm, request: PanelRequest) -> User:
    """Save what was changed on the page: correcting an address gives no role back."""
    changed = changes(form)
    if "email" in changed:
        services.change_email(found.pk, changed["email"], actor=request.actor, now=request.now)
    if "role" in changed:
        services.change_role(found.pk, Role(changed["role"]), actor=request.actor, now=request.now)
    return found


@command("panel:user")
def user_switch(request: PanelRequest, user_id: int) -> HttpResponse:
    """Switch off who is on, and the other way round, as the button says."""
    switch = services.switch_on if "on" in request.POST else services.switch_off
    done = message_refusal(request, lambda: switch(user_id, actor=request.actor, now=request.now))
    if done is not None:
        said = (
            gettext("%(username)s may log in again.")
            if done.is_active
            else gettext("%(username)s can't log in any more; every session has ended.")
        )
        messages.success(request, said % {"username": done.username})
    return redirect("panel:user", user_id=user_id)


@command("panel:user")
def user_link(request: PanelRequest, user_id: int) -> HttpResponse:
    """Send the invitation again, or a link to choose a new password."""
    _send_link(request, user_by_id(user_id))
    return redirect("panel:user", user_id=user_id)


def _send_link(request: PanelRequest, user: User) -> None:
    def link(uid: str, token: str) -> str:
        path = reverse("panel:password_choose", args=[uid, token])
        if settings.TILLBOOK_ADDRESS:
            return f"{settings.TILLBOOK_ADDRESS}{path}"
        return request.build_absolute_uri(path)

    sent = message_refusal(
        request, lambda: send_link(user.pk, link=link, actor=request.actor, now=request.now)
    )
    if sent is not None:
        messages.info(request, _where(sent))


def _where(sent: Sent) -> str:
    if sent.path is None:
        said = gettext("The link to choose a password was sent to %(to)s. It works for three days.")
    else:
        said = gettext("No mail server is set up: the message to %(to)s was written to %(path)s.")
    return said % {"to": sent.to, "path": sent.path}


@command("panel:user")
def user_reset(request: PanelRequest, user_id: int) -> HttpResponse:
    """Remove the second factor of someone who lost it."""
    reset = message_refusal(
        request, lambda: reset_second_factor(user_id, actor=request.actor, now=request.now)
    )
    if reset is not None:
        messages.success(
            request, gettext("%(username)s logs in with the password alone.") % {"username": reset.username}
        )
    return redirect("panel:user", user_id=user_id)


@command("panel:user")
def user_end_session(request: PanelRequest, user_id: int) -> HttpResponse:
    """End the session that the button stands beside."""
    session_id = whole(request.POST.get("session", "")) or 0
    ended = message_refusal(
        request, lambda: end_session(user_id, session_id, actor=request.actor, now=request.now)
    )
    if ended is not None:
        messages.success(request, gettext("The session has ended."))
    return redirect("panel:user", user_id=user_id)
