"""Forms of the shop's settings. Each knows the version that it was made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from tillbook.common.errors import InvalidInput
from tillbook.numbering.series import SERIES
from tillbook.numbering.services import HIGHEST, next_numbers
from tillbook.panel.edge import Rule
from tillbook.panel.forms import PanelForm, methods
from tillbook.shop.checks import CHECKS, LONGEST_TIME
from tillbook.shop.details import Shop
from tillbook.shop.logos import MOST_BYTES
from tillbook.shop.policies import shop, version


class SettingsForm(PanelForm):
    """A section's page. `seen` is the version that it shows: nobody's newer one is saved over."""

    seen = forms.IntegerField(
        widget=forms.HiddenInput, min_value=0, initial=version,
        error_messages={"required": _("This form was sent without its version. Open the page again.")},
    )  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """The section's values, as the service takes them."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def rules(self) -> Iterator[Rule]:
        """Those of the fields that are a value each; a list's entries are checked together."""
        for name, value in self.cleaned_data.items():
            if name in CHECKS:
                yield partial(CHECKS[name], name, value, shop())

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
    stale_refund_days = forms.IntegerField(
        label=_("Unclaimed after (days)"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "amount"}),
        help_text=_(
            "A refund that nobody has taken for longer, or that nobody has paid, may be cancelled back to "
            "credit."
        ),
        error_messages={"invalid": _("Enter a whole number of days.")},
    )  # fmt: skip


class OwnPageForm(SettingsForm):
    own_page = forms.BooleanField(label=_("Customers have a page of their own"), required=False)
    own_page_methods = forms.MultipleChoiceField(
        label=_("Customers may ask to be paid out by"), required=False,
        widget=forms.CheckboxSelectMultiple, choices=methods, help_text=_("None: they only look."),
    )  # fmt: skip
    link_minutes = forms.IntegerField(
        label=_("A link works for"), help_text=_("Minutes, from 5 to 1440."),
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        error_messages={"invalid": _("Enter whole minutes."), "required": _("Enter whole minutes.")},
    )  # fmt: skip


class RefundsForm(SettingsForm):
    charge_first = forms.BooleanField(
        label=_("Money that came by card or wallet goes back there first"), required=False,
        help_text=_("Until that is done, another method is refused for it, to everybody."),
    )  # fmt: skip
    charge_first_days = forms.IntegerField(
        label=_("Days since the charge, at most"), min_value=1, max_value=LONGEST_TIME,
        widget=forms.NumberInput(attrs={"class": "amount"}),
        help_text=_("Gateways refuse older ones. What came by those may be paid out in another way."),
    )  # fmt: skip

    @staticmethod
    def shown(shop: Shop) -> dict[str, Any]:
        """What the page begins with."""
        return {"charge_first": shop.charge_first, "charge_first_days": shop.charge_first_days}


class MailForm(SettingsForm):
    mail_name = forms.CharField(
        label=_("Sender's name"), required=False, max_length=100,
        help_text=_("Empty: as TILLBOOK_MAIL_FROM writes it."),
    )  # fmt: skip
    mail_reply_to = forms.CharField(
        label=_("Answers go to"), required=False, max_length=254, help_text=_("Empty: the shop's e-mail.")
    )


class NumberingForm(PanelForm):
    """With which digits each series shall go on; a field left empty leaves its series alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, series in SERIES.items():
            label = _("Go on with: %(series)s") % {"series": series.label}
            self.fields[name] = forms.IntegerField(label=label, required=False)
            self.fields[name].widget.attrs |= {"class": "amount", "min": 1_001, "max": HIGHEST}

    def rows(self) -> Iterator[tuple[Any, str, BoundField]]:
        """Each series' name, the number that comes next in it, and its field."""
        for name, digits in next_numbers().items():
            yield SERIES[name].label, SERIES[name].number(digits), self[name]

    def starts(self) -> dict[str, int]:
        """The digits entered, by series."""
        return {name: digits for name, digits in self.cleaned_data.items() if digits is not None}
