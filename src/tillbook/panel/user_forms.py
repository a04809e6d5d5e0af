"""Forms about the people who work at the shop."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.languages import LANGUAGES
from tillbook.panel.forms import PanelForm
from tillbook.staff.models import User


class NewPasswordField(forms.CharField):
    """A password that is chosen here; what it must be like, the service says."""

    def __init__(self, **more: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        super().__init__(widget=widget, strip=False, max_length=200, **more)


class UserForm(PanelForm):
    email = forms.CharField(label=_("E-mail"), required=False, max_length=254)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=User.RoleChoice.choices,
        help_text=_("The table under Users says what each may do."),
    )


class NewUserForm(UserForm):
    username = forms.CharField(
        label=_("Username"), max_length=150, help_text=_("To log in with. It can't be changed later.")
    )
    password = NewPasswordField(
        label=_("Password"), required=False,
        help_text=_("Left empty, an invitation is mailed, and they choose it themselves."),
    )  # fmt: skip

    field_order = ["username", "email", "role", "password"]

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not values.get("password") and not values.get("email") and "email" in values:
            self.add_error(
                "email", gettext("Enter the e-mail address for the invitation, or a password below.")
            )
        return values


class LanguageForm(PanelForm):
    """The language of one's own pages. A language is called by its own name: who needs it can read that."""

    language = forms.ChoiceField(label=_("Language of the pages"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        of_shop = dict(LANGUAGES)[settings.LANGUAGE_CODE]
        as_the_shop = gettext("As the shop has it (%(language)s)") % {"language": of_shop}
        language.choices = [("", as_the_shop), *LANGUAGES]


class ChoosePasswordForm(PanelForm):
    password = NewPasswordField(label=_("New password"), help_text=_("At least 12 characters."))
    again = NewPasswordField(
        label=_("The same again"), error_messages={"required": _("Enter the password once more.")}
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if {"password", "again"} <= values.keys() and values["password"] != values["again"]:
            self.add_error("again", gettext("The two passwords differ. Enter both again."))
        return values


class ChangePasswordForm(ChoosePasswordForm):
    """One's own password: whoever sits down at an open session does not know the present one."""

    current = forms.CharField(
        label=_("Present password"), strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    field_order = ["current", "password", "again"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self.user.check_password(current):
            raise ValidationError(gettext("That is not your present password."))
        return current
