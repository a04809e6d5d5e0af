"""Addresses: log-in and log-out, the API's, the old wire's, then the control panel's."""

from __future__ import annotations

from allauth.account import views as account
from django.conf import settings
from django.urls import include, path
from django.views.generic import RedirectView

from tillbook.api.urls import api
from tillbook.neto.edge import endpoint as neto

# Three of allauth's pages are wired and no more: nobody signs up or changes
# an account from outside; `tillbook user add` does it.
urlpatterns = [
    # Browsers ask for it beside a PDF, which can't name an icon.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}panel/icon.svg")),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("api/v1/", api.urls),
    path("do/WS/NetoAPI", neto),
    path("do/WS/NetoAPI/", neto),
    path("", include("tillbook.panel.urls")),
]
