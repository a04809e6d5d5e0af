"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from django import forms


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="Address", max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://shop.example/hooks", "autocomplete": "off"}),
        help_text="Events are posted there, over https.",
    )  # fmt: skip
    description = forms.CharField(max_length=200, required=False, help_text="What it is for.")
    actions = forms.CharField(
        label="Events", required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text="One a line: refund.completed, or order.* for all of a kind. Left empty: all events.",
    )  # fmt: skip

    def wanted(self) -> dict[str, Any]:
        """What the services take."""
        values = self.cleaned_data
        return {
            "url": values["url"],
            "description": values["description"],
            "actions": values["actions"].replace(",", " ").split(),
        }
