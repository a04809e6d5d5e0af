"""Forms of a customer's own page: they turn text into typed values and decide nothing else."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.money import Money, parse_amount, plain_amount, shown_amount, with_shown_amounts
from tillbook.portal.edge import new_key
from tillbook.refunds.payees import Payee
from tillbook.shop.details import PAYEE_FIELDS, Asked, RefundMethod
from tillbook.shop.policies import shop

_LONGEST_KEY = 100


class PlainField(forms.BoundField):
    """A field that takes the focus where it is the form's first wrong one: these pages have no script."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        found = super().build_widget_attrs(attrs, widget)
        if self.name == next((field.name for field in self.form.visible_fields() if field.errors), None):
            found["autofocus"] = True
        return found


class PlainForm(forms.Form):
    """A form whose messages come from the server, so that each names what would be right."""

    use_required_attribute = False
    bound_field_class = PlainField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    @property
    def status(self) -> int:
        """The status of a page that shows this form: 422 if what was sent can't be taken."""
        return 422 if self.is_bound and self.errors else 200


class LinkForm(PlainForm):
    email = forms.CharField(
        label=_("Your e-mail address"), max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
        error_messages={"required": _("Enter your e-mail address.")},
    )  # fmt: skip

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip()
        try:
            validate_email(email)
        except ValidationError:
            raise ValidationError(
                gettext("This is not an e-mail address. Write it like jo@example.com.")
            ) from None
        return email


class AskForm(PlainForm):
    """Asking for a refund by one method: its fields are those that the method asks for."""

    amount = forms.CharField(
        label=_("Amount"), max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "amount"}),
        error_messages={"required": _("Enter the amount.")},
    )  # fmt: skip
    payee_name = forms.CharField(
        label=_("Payee's name"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )  # fmt: skip
    bank_account = forms.CharField(
        label=_("Bank account"), required=False, max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Branch code and account number, or an IBAN."),
    )  # fmt: skip
    paypal_email = forms.CharField(
        label=_("PayPal e-mail"), required=False, max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )  # fmt: skip
    postal_address = forms.CharField(
        label=_("Postal address"), required=False, max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "street-address"}),
    )  # fmt: skip
    reference = forms.CharField(
        label=_("Your reference"), required=False, max_length=60,
        help_text=_("What you know the payment by."),
    )  # fmt: skip
    key = forms.CharField(max_length=_LONGEST_KEY, widget=forms.HiddenInput, initial=new_key)

    def __init__(self, *args: Any, currency: str, method: RefundMethod, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency, self.method = currency, method
        for name in PAYEE_FIELDS:
            if method.asks(name) == Asked.NOT_ASKED:
                del self.fields[name]
            elif method.asks(name) == Asked.REQUIRED:
                self.fields[name].required = True
                self.fields[name].error_messages["required"] = gettext("Please fill this in.")

    def clean_amount(self) -> Money:
        """The amount as people of the shop's locale type it."""
        typed = str(self.cleaned_data["amount"]).strip()
        try:
            text = plain_amount(typed, self.currency, shop().locale)
            return parse_amount(text, self.currency)
        except InvalidInput as error:
            raise ValidationError(error.message) from error

    def shown(self, available: Money, **more: str) -> None:
        """Begin with all that is available, and what is known of the customer."""
        self.initial = {**more, "amount": shown_amount(available.decimal(), shop().locale)}

    def payee(self) -> Payee:
        return Payee(*(self.cleaned_data.get(name, "") for name in PAYEE_FIELDS))

    def refuse(self, refusal: Refusal) -> None:
        """Make a refusal an error of the field that it names, or of the whole form."""
        name = refusal.field if refusal.field in self.fields else None
        self.add_error(name, with_shown_amounts(refusal.message, shop().locale))
