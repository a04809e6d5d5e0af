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
    path("settings/policies/", settings_views.policies, name="settings_policies"),
    path("settings/credit-reasons/", settings_views.give_reasons, name="settings_give_reasons"),
    path("settings/return-reasons/", settings_views.return_reasons, name="settings_return_reasons"),
    path("settings/methods/", settings_views.methods, name="settings_methods"),
    path("settings/approvals/", settings_views.approvals, name="settings_approvals"),
    path("settings/numbering/", settings_views.numbering, name="settings_numbering"),
    path("settings/mail/", settings_views.mail, name="settings_mail"),
    path("settings/mail/test/", settings_views.mail_test, name="settings_mail_test"),
]
