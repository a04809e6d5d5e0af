"""Forms of the shop's settings. Each knows the version that it was made of."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tillbook.common.errors import InvalidInput
from tillbook.panel.forms import PanelForm
from tillbook.shop.details import Shop
from tillbook.shop.logos import MOST_BYTES
from tillbook.shop.policies import version


class SettingsForm(PanelForm):
    """A section's page. `seen` is the version that it shows: nobody's newer one is saved over."""

    seen = forms.IntegerField(
        widget=forms.HiddenInput, min_value=0, initial=version,
        error_messages={"required": _("This form was sent without its version. Open the page again.")},
    )  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """The section's values, as the service takes them."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def at_its_row(self, refusal: InvalidInput) -> InvalidInput:
        """The refusal, naming the field as the page does."""
        return refusal


class ShopForm(SettingsForm):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("On pages, slips and mails."))
    address = forms.CharField(
        label=_("Address"), required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text=_("On slips.")
    )
    email = forms.CharField(
        label=_("E-mail"), required=False, max_length=254,
        help_text=_("On slips. Answers to mails go there, unless Mail says otherwise."),
    )  # fmt: skip
    tax_number = forms.CharField(
        label=_("Tax or registration number"), required=False, max_length=60,
        help_text=_("On slips, as you write it, such as “VAT GB 123 4567 89”."),
    )  # fmt: skip

    @staticmethod
    def shown(shop: Shop) -> dict[str, Any]:
        """What the page begins with."""
        return {name: getattr(shop, name) for name in ("name", "address", "email", "tax_number")}


class LogoForm(SettingsForm):
    logo = forms.FileField(
        label=_("Picture"), max_length=200,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
        help_text=_("PNG or JPEG, at most 500 KB and 2000 pixels each way."),
        error_messages={"required": _("Choose a picture."), "empty": _("The file is empty.")},
    )  # fmt: skip

    def upload(self) -> bytes:
        """The file, as far as it could be a logo: one byte more than the most is read."""
        return bytes(self.cleaned_data["logo"].read(MOST_BYTES + 1))


class LimitsForm(SettingsForm):
    staff_credit_limit = forms.CharField(
        label=_("Staff may give at once"), max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "amount"}),
        help_text=_("By hand, and without an order. 0: only admins give credit."),
    )  # fmt: skip
    self_completion_limit = forms.CharField(
        label=_("Own refunds up to"), max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "class": "amount"}),
        help_text=_(
            "Above it, for one customer in a day, whoever asked for a refund may not complete it. "
            "0: nobody completes their own."
        ),
    )  # fmt: skip


class MailForm(SettingsForm):
    mail_name = forms.CharField(
        label=_("Sender's name"), required=False, max_length=100,
        help_text=_("Empty: as TILLBOOK_MAIL_FROM writes it."),
    )  # fmt: skip
    mail_reply_to = forms.CharField(
        label=_("Answers go to"), required=False, max_length=254, help_text=_("Empty: the shop's e-mail.")
    )
