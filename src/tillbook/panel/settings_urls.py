"""Addresses of the settings' pages; `panel.urls` includes them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import gateway_views, mail_views, settings_views

urlpatterns = [
    path("logo/<str:digest>", settings_views.logo_file, name="logo"),
    path("settings/", settings_views.settings, name="settings"),
    path("settings/shop/", settings_views.shop_details, name="settings_shop"),
    path("settings/shop/logo/", settings_views.logo_save, name="settings_logo"),
    path("settings/refunds/", settings_views.refunds, name="settings_refunds"),
    path("settings/limits/", settings_views.limits, name="settings_limits"),
    path("settings/policies/", settings_views.policies, name="settings_policies"),
    path("settings/credit-reasons/", settings_views.give_reasons, name="settings_give_reasons"),
    path("settings/return-reasons/", settings_views.return_reasons, name="settings_return_reasons"),
    path("settings/methods/", settings_views.methods, name="settings_methods"),
    path("settings/approvals/", settings_views.approvals, name="settings_approvals"),
    path("settings/gateways/", gateway_views.gateways, name="gateways"),
    path("settings/gateways/<str:gateway>/", gateway_views.gateway, name="gateway"),
    path("settings/gateways/<str:gateway>/check/", gateway_views.gateway_check, name="gateway_check"),
    path("settings/gateways/<str:gateway>/remove/", gateway_views.gateway_remove, name="gateway_remove"),
    path("settings/numbering/", settings_views.numbering, name="settings_numbering"),
    path("settings/own-page/", settings_views.own_page, name="settings_own_page"),
    path("settings/mail/", settings_views.mail, name="settings_mail"),
    path("settings/mail/test/", settings_views.mail_test, name="settings_mail_test"),
    path("settings/mails/", mail_views.settings, name="settings_mails"),
    path("settings/mails/<str:kind>/", mail_views.text, name="settings_mail_text"),
    path("settings/mails/<str:kind>/sample/", mail_views.sample, name="settings_mail_sample"),
]
