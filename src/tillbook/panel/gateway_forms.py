"""The form of an account at a payment gateway."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tillbook.panel.forms import PanelForm
from tillbook.payouts.gateways.registry import Gateway
from tillbook.payouts.models import GatewayAccount

_LONGEST = 500
_KEPT = _("Kept. Leave it empty to keep the one there is.")

#: gateway -> field -> what the gateway itself calls it
_LABELS = {
    "stripe": {"secret": _("Secret key"), "webhook_secret": _("Signing secret of the endpoint")},
    "paypal": {"secret": _("Secret"), "webhook_secret": _("ID of the webhook")},
}


def _hidden() -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})


class GatewayForm(PanelForm):
    """Its secrets are never filled in: what is there is kept where nothing is typed."""

    client_id = forms.CharField(label=_("Client ID"), required=False, max_length=_LONGEST)
    secret = forms.CharField(label=_("Secret"), required=False, max_length=_LONGEST, widget=_hidden())
    webhook_secret = forms.CharField(
        label=_("What its events are verified by"), required=False, max_length=_LONGEST, widget=_hidden(),
        help_text=_("Without it, events are not believed, and the gateway is asked instead."),
    )  # fmt: skip
    api_base = forms.CharField(
        label=_("Address of its API"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"class": "mono", "autocomplete": "off", "inputmode": "url"}),
        help_text=_("Another one only to try it out."),
    )  # fmt: skip

    def __init__(self, *args: Any, gateway: Gateway, account: GatewayAccount | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not gateway.client_id:
            del self.fields["client_id"]
        for name, label in _LABELS.get(gateway.name, {}).items():
            self.fields[name].label = label
        for name in ("client_id", "secret", "webhook_secret"):
            if account is not None and name in self.fields and getattr(account, name):
                self.fields[name].help_text = _KEPT


class EndForm(PanelForm):
    """What the gateway's own pages show of a refund that it says nothing about."""

    paid = forms.ChoiceField(
        label=_("What do the gateway's own pages show?"),
        choices=[("", _("Choose…")), ("yes", _("It was paid")), ("no", _("It was not paid"))],
        error_messages={"required": _("Choose what the gateway's own pages show.")},
    )
    reason = forms.CharField(
        label=_("What you saw there"), max_length=400, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say what you saw there.")},
    )  # fmt: skip
