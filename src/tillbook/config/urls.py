"""Addresses: log-in and log-out, the API's, the old wire's, customers' own, then the control panel's."""

from __future__ import annotations

from allauth.account import views as account
from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from tillbook.api import gateway_events, reference
from tillbook.api.edge import nowhere
from tillbook.api.urls import api
from tillbook.cli.operations import command_line
from tillbook.neto.edge import endpoint as neto
from tillbook.panel.account_views import second_step

# Of allauth's pages only these are wired, and those of one's own account: nobody signs up from outside.
urlpatterns = [
    # Browsers ask for it beside a PDF, which can't name an icon.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}panel/icon.svg")),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("login/second-factor/", second_step, name="mfa_authenticate"),
    path("account/", include("tillbook.panel.account_urls")),
    path("api/v1/reference", reference.page, {"command_line": command_line}, name="api_reference"),
    path("api/v1", nowhere),
    path("api/v1/", nowhere),
    path("api/v1/", api.urls),
    path("gateways/<str:gateway>/events", gateway_events.take, name="gateway_events"),
    path("do/WS/NetoAPI", neto),
    path("do/WS/NetoAPI/", neto),
    path("my/", include("tillbook.portal.urls")),
    path("", include("tillbook.panel.urls")),
]
