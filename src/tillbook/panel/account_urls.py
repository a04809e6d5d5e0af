"""Addresses of one's own account. The names without a namespace are those by which allauth finds them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import account_views as views

urlpatterns = [
    path("", views.account, name="mfa_index"),
    path("", views.account, name="mfa_list_webauthn"),
    path("password/", views.change_password, name="own_password"),
    path("language/", views.choose_own_language, name="own_language"),
    path("end-session/", views.end_own_session, name="own_session_end"),
    path("confirm/password/", views.confirm_by_password, name="account_reauthenticate"),
    path("confirm/code/", views.confirm_by_code, name="mfa_reauthenticate"),
    path("confirm/passkey/", views.confirm_by_passkey, name="mfa_reauthenticate_webauthn"),
    path("app/", views.add_app, name="mfa_activate_totp"),
    path("app/code.svg", views.app_code, name="totp_code"),
    path("app/remove/", views.remove_app, name="mfa_deactivate_totp"),
    path("passkeys/add/", views.add_passkey, name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("passkeys/<int:pk>/edit/", views.rename_passkey, name="mfa_edit_webauthn"),
    path("recovery-codes/", views.recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/make/", views.make_recovery_codes, name="mfa_generate_recovery_codes"),
]
