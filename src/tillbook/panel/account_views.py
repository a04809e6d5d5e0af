"""My account: one's password, second factor and sessions. allauth's own pages do what is cryptography."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as allauth_account
from allauth.core.ratelimit import consume_or_429
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.auth import get_totp_secret
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, override
from django.views.decorators.cache import cache_control

from tillbook.panel.edge import (
    PanelRequest,
    account_page,
    answer,
    command,
    message_refusal,
    must_set_up,
    page,
    status_of,
    whole,
)
from tillbook.panel.user_forms import ChangePasswordForm, LanguageForm
from tillbook.staff import second_factor
from tillbook.staff.models import User
from tillbook.staff.services import choose_language, set_password
from tillbook.staff.sessions import end_session, open_sessions

AllauthView = Callable[..., HttpResponse]


def _reads_passkeys(view: AllauthView) -> AllauthView:
    """allauth's page, which meets what no browser sends as a passkey's answer with 400, not with a fault."""

    @wraps(view)
    def wrapped(request: HttpRequest, **parameters: Any) -> HttpResponse:
        try:
            return view(request, **parameters)
        except (AttributeError, LookupError, TypeError, ValueError):  # fido2 raises these as it unpacks
            if "credential" not in request.POST:
                raise
            return render(request, "400.html", status=400)

    return wrapped


def _recorded(view: AllauthView) -> Callable[..., HttpResponse]:
    """allauth's page, whose changes of the second factor are written as events, or not made."""

    @account_page
    @wraps(view)
    def wrapped(request: PanelRequest, /, **parameters: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, **parameters)
        user_id = _user(request).pk
        with transaction.atomic():
            before = second_factor.authenticators_of(user_id)
            answered = view(request, **parameters)
            second_factor.record_changes(user_id, before, actor=request.actor, now=request.now)
        return answered

    return wrapped


def _set_up_app(request: HttpRequest, **parameters: Any) -> HttpResponse:
    """allauth's page. The code that shows that the app is set up is used by that, and opens nothing more."""
    answered: HttpResponse = totp.activate_totp(request, **parameters)
    if request.method == "POST":
        second_factor.take_code(request.user.pk or 0, request.POST.get("code", ""))
    return answered


add_app = _recorded(_set_up_app)
remove_app = _recorded(totp.deactivate_totp)
add_passkey = _recorded(_reads_passkeys(webauthn.add_webauthn))
remove_passkey = _recorded(webauthn.remove_webauthn)
rename_passkey = _recorded(webauthn.edit_webauthn)
recovery_codes = _recorded(codes.view_recovery_codes)
make_recovery_codes = _recorded(codes.generate_recovery_codes)
confirm_by_password = account_page(allauth_account.reauthenticate)
confirm_by_code = account_page(mfa.reauthenticate)
confirm_by_passkey = account_page(_reads_passkeys(webauthn.reauthenticate_webauthn))
second_step = cache_control(no_store=True)(_reads_passkeys(mfa.authenticate))


@account_page
def account(request: PanelRequest) -> HttpResponse:
    user = _user(request)
    mine = list(Authenticator.objects.filter(user=user).order_by("created_at"))
    recovery = next((each for each in mine if each.type == Authenticator.Type.RECOVERY_CODES), None)
    context = {
        "app": next((each for each in mine if each.type == Authenticator.Type.TOTP), None),
        "passkeys": [each for each in mine if each.type == Authenticator.Type.WEBAUTHN],
        "codes_left": len(recovery.wrap().get_unused_codes()) if recovery else None,
        "must_set_up": must_set_up(user),
        "sessions": open_sessions(user.pk, request.now),
        "language_form": LanguageForm(initial={"language": user.language}),
    }
    return render(request, "panel/account/account.html", context)


@account_page
def app_code(request: PanelRequest) -> HttpResponse:
    """The picture that an authenticator app reads. It has an address of its own: no page holds it inline."""
    adapter = get_adapter()
    svg = adapter.build_totp_svg(adapter.build_totp_url(_user(request), get_totp_secret()))
    return HttpResponse(svg, content_type="image/svg+xml")


@page
def change_password(request: PanelRequest) -> HttpResponse:
    """Ends all one's sessions but this one."""
    if request.method == "POST":
        refused: HttpResponse | None = consume_or_429(request, action="change_password", user=request.user)
        if refused is not None:
            return refused
    form = ChangePasswordForm(request.POST or None, user=_user(request))
    if form.is_valid():
        user_id, password = _user(request).pk, form.cleaned_data["password"]
        changed = answer(form, lambda: set_password(user_id, password, actor=request.actor, now=request.now))
        if changed is not None:
            update_session_auth_hash(request, changed)
            UserSession.objects.create_from_request(request)
            messages.success(request, gettext("Your password is changed. Your other sessions have ended."))
            return redirect("mfa_index")
    return render(request, "panel/account/password.html", {"form": form}, status=status_of(form))


@command("mfa_index")
def choose_own_language(request: PanelRequest) -> HttpResponse:
    form = LanguageForm(request.POST)
    if form.is_valid():
        user_id, language = _user(request).pk, form.cleaned_data["language"]
        choose_language(user_id, language, actor=request.actor, now=request.now)
        with override(language or settings.LANGUAGE_CODE):  # the page that says it is in the new one
            messages.success(request, gettext("The pages are in this language from now on."))
    else:
        messages.error(request, gettext("Choose one of the languages in the list."))
    return redirect("mfa_index")


@command("mfa_index")
def end_own_session(request: PanelRequest) -> HttpResponse:
    session_id = whole(request.POST.get("session", "")) or 0
    ended = message_refusal(
        request, lambda: end_session(_user(request).pk, session_id, actor=request.actor, now=request.now)
    )
    if ended is not None:
        messages.success(request, gettext("The session has ended."))
    return redirect("mfa_index")


def _user(request: PanelRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
