"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class WebhookForm(forms.Form):
    url = forms.CharField(
        label=_("Address"), max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example/hooks", "autocomplete": "off"}),
        help_text=_("Events are posted there, over https."),
    )  # fmt: skip
    description = forms.CharField(
        label=_("Description"), max_length=200, required=False, help_text=_("What it is for.")
    )
    actions = forms.CharField(
        label=_("Events"), required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text=_("One a line: refund.completed, or order.* for all of a kind. Left empty: all events."),
    )  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """What the services take."""
        values = self.cleaned_data
        return {
            "url": values["url"],
            "description": values["description"],
            "actions": values["actions"].replace(",", " ").split(),
        }
