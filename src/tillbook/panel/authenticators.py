"""What allauth asks of the panel: whom a failed log-in counts for, and how a second factor is set up."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from tillbook.shop.policies import shop


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
