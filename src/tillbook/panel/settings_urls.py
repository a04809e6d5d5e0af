"""Addresses of the settings' pages; `panel.urls` includes them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import settings_views

urlpatterns = [
    path("logo/<str:digest>", settings_views.logo_file, name="logo"),
    path("settings/", settings_views.settings, name="settings"),
    path("settings/shop/", settings_views.shop_details, name="settings_shop"),
    path("settings/shop/logo/", settings_views.logo_save, name="settings_logo"),
    path("settings/limits/", settings_views.limits, name="settings_limits"),
    path("settings/mail/", settings_views.mail, name="settings_mail"),
    path("settings/mail/test/", settings_views.mail_test, name="settings_mail_test"),
]
