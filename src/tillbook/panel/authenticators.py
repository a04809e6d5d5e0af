"""What allauth asks of the panel: whom a failed log-in counts for, an app's set-up, which codes count, and
how its forms ask for what is missing.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm
from allauth.account.forms import ReauthenticateForm as ConfirmingForm
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import EditWebAuthnForm
from django import forms
from django.db import transaction
from django.http import HttpRequest

from tillbook.panel.forms import ask_by_name
from tillbook.shop.policies import shop
from tillbook.staff.second_factor import take_code


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth declares no types
    """allauth's own, which counts failed log-ins by user alone.

    Its key holds the request's host too, of which whoever sends it chooses the port: a fresh count for each.
    """

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:  # noqa: ARG002  its signature
        return str(credentials.get("username", "")).lower()


class Adapter(DefaultMFAAdapter):  # type: ignore[misc] # allauth declares no types
    """allauth's own, with the shop's name from its settings."""

    def get_totp_issuer(self) -> str:
        """Under what name an authenticator app keeps the code: the shop's, as it is saved now."""
        return shop().name or str(super().get_totp_issuer())


class _AsksByName(forms.Form):
    """allauth's form, which asks for a field left empty by its label, as the panel's own do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ask_by_name(self)


class LogIn(_AsksByName, LoginForm):  # type: ignore[misc] # allauth declares no types
    """The first step of the log-in."""


class ConfirmByPassword(_AsksByName, ConfirmingForm):  # type: ignore[misc] # allauth declares no types
    """Asked for before something of the account is changed."""


class SetUpApp(_AsksByName, ActivateTOTPForm):  # type: ignore[misc] # allauth declares no types
    """An app's set-up, which its first code ends."""


class RenamePasskey(_AsksByName, EditWebAuthnForm):  # type: ignore[misc] # allauth declares no types
    """What a passkey is called."""


class _TakesEachCodeOnce(_AsksByName, BaseAuthenticateForm):  # type: ignore[misc] # allauth declares no types
    """allauth's form that asks for a code: one that was used before is as wrong as any other."""

    def clean_code(self) -> str:
        with transaction.atomic():  # a code that allauth then refuses is not used up
            if not take_code(self.user.pk, self.cleaned_data["code"]):
                self.cleaned_data["code"] = ""  # which allauth refuses, and counts
            return str(super().clean_code())


class LogInByCode(_TakesEachCodeOnce, AuthenticateForm):  # type: ignore[misc] # allauth declares no types
    """The second step of the log-in."""


class ConfirmByCode(_TakesEachCodeOnce, ReauthenticateForm):  # type: ignore[misc] # allauth declares no types
    """Asked for before something of the account is changed."""
