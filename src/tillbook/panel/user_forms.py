"""Forms about the people who work at the shop."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from tillbook.common.actor import USER_ROLES
from tillbook.panel.forms import PanelForm
from tillbook.staff.models import User

_ROLES = [(role.value, role.value.capitalize()) for role in USER_ROLES]


class NewPasswordField(forms.CharField):
    """A password that is chosen here; what it must be like, the service says."""

    def __init__(self, **more: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(widget=widget, strip=False, max_length=200, **more)


class UserForm(PanelForm):
    email = forms.CharField(label="E-mail", required=False, max_length=254)
    role = forms.ChoiceField(
        label="Role", choices=_ROLES, help_text="The table under Users says what each may do."
    )


class NewUserForm(UserForm):
    username = forms.CharField(
        label="Username", max_length=150, help_text="To log in with. It can't be changed later."
    )
    password = NewPasswordField(
        label="Password", required=False,
        help_text="Left empty, an invitation is mailed, and they choose it themselves.",
    )  # fmt: skip

    field_order = ["username", "email", "role", "password"]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not values.get("password") and not values.get("email") and "email" in values:
            self.add_error("email", "Enter the e-mail address for the invitation, or a password below.")
        return values


class ChoosePasswordForm(PanelForm):
    password = NewPasswordField(label="New password", help_text="At least 12 characters.")
    again = NewPasswordField(
        label="The same again", error_messages={"required": "Enter the password once more."}
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if {"password", "again"} <= values.keys() and values["password"] != values["again"]:
            self.add_error("again", "The two passwords differ. Enter both again.")
        return values


class ChangePasswordForm(ChoosePasswordForm):
    """One's own password: whoever sits down at an open session does not know the present one."""

    current = forms.CharField(
        label="Present password", strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    field_order = ["current", "password", "again"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self.user.check_password(current):
            raise ValidationError("That is not your present password.")
        return current
