"""Forms of the settings that are lists: an entry a row, with a field each, and a row for another.

A field has the name by which a refusal names it: `give_reasons.deposit.label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from unicodedata import normalize

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from tillbook.common.errors import InvalidInput
from tillbook.panel.settings_forms import SettingsForm
from tillbook.shop.checks import LONGEST_CODE, LONGEST_TIME
from tillbook.shop.details import PAYEE_FIELDS, SOURCES, Asked, Shop
from tillbook.shop.values import values_of

NEW = "new"  # stands for the code of the row for another entry

_HOUSES = [
    ("goodwill", gettext_lazy("Goodwill")),
    ("promotions", gettext_lazy("Promotions")),
    ("adjustments", gettext_lazy("Sales adjustments")),
    ("receipts", gettext_lazy("Money received")),
]
_ASKED = [
    (Asked.REQUIRED.value, gettext_lazy("Required")),
    (Asked.OPTIONAL.value, gettext_lazy("Optional")),
    (Asked.NOT_ASKED.value, gettext_lazy("Not asked")),
]
_DETAILS = {
    "payee_name": gettext_lazy("Payee's name"),
    "bank_account": gettext_lazy("Bank account"),
    "paypal_email": gettext_lazy("PayPal e-mail"),
    "postal_address": gettext_lazy("Postal address"),
    "reference": gettext_lazy("Reference"),
}
_SOURCES = {
    "overpayment": gettext_lazy("Overpayments"),
    "return": gettext_lazy("Returns"),
    "manual": gettext_lazy("Given by hand"),
}


Cells = list[tuple[str, BoundField]]  # a row's fields, each with what its column is called


class ListForm(SettingsForm):
    """The entries of one list. What is typed into the last row becomes another entry."""

    list_name: ClassVar[str]
    columns: ClassVar[Mapping[str, Any]]  # attribute -> what its column is called

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries: Sequence[Mapping[str, Any]] = values_of(shop)[self.list_name]
        self.new_code = ""
        for entry in (*self.entries, {"code": NEW, "label": "", "on": True}):
            for attribute, field in self.fields_of(entry).items():
                what = entry["label"] or _("Another")
                field.widget.attrs["aria-label"] = f"{self.columns[attribute]}: {what}"
                self.fields[self._name(entry["code"], attribute)] = field

    def fields_of(self, entry: Mapping[str, Any]) -> dict[str, forms.Field]:
        """The fields of an entry by attribute, in the order of the columns."""
        label = forms.CharField(required=False, max_length=60, initial=entry["label"])
        if entry["code"] == NEW:
            label.widget.attrs["placeholder"] = _("Add another")
        on = forms.BooleanField(required=False, initial=entry["on"])
        return {"label": label, **self.more_fields(entry), "on": on}

    def more_fields(self, _entry: Mapping[str, Any]) -> dict[str, forms.Field]:
        """What entries of this list have besides."""
        return {}

    def _name(self, code: str, attribute: str) -> str:
        return f"{self.list_name}.{code}.{attribute}"

    def rows(self) -> Iterator[Cells]:
        """The row of each entry, then the one for another."""
        for code in (*(each["code"] for each in self.entries), NEW):
            yield [(str(name), self[self._name(code, each)]) for each, name in self.columns.items()]

    def wanted(self) -> dict[str, Any]:
        made = [self.entry(each["code"]) for each in self.entries]
        if self.cleaned_data[self._name(NEW, "label")]:
            another = self.entry(NEW)
            self.new_code = code_of(another["label"], [each["code"] for each in self.entries])
            made.append({**another, "code": self.new_code})
        return {self.list_name: made}

    def entry(self, code: str) -> dict[str, Any]:
        """The entry that a row stands for, as the service takes it."""
        return {"code": code, **{each: self.cleaned_data[self._name(code, each)] for each in self.columns}}

    def at_its_row(self, refusal: InvalidInput) -> InvalidInput:
        """The refusal, with the row of the new entry named as the page names it."""
        if refusal.field and self.new_code:
            new = self._name(self.new_code, "")
            refusal.field = refusal.field.replace(new, self._name(NEW, ""))
        return refusal


def code_of(label: str, taken: Sequence[str]) -> str:
    """A code for an entry: what its label holds of a to z, or "own"; with a number if it is taken."""
    plain = normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_0123456789")[: LONGEST_CODE - 4].rstrip("_") or "own"
    code, number = stem, 1
    while code in taken or code == NEW:
        number += 1
        code = f"{stem}_{number}"
    return code


def _days(
    initial: int | None, *, least: int, required: bool = False, placeholder: str = "", **more: Any
) -> forms.IntegerField:
    field = forms.IntegerField(
        required=required, initial=initial, min_value=least, max_value=LONGEST_TIME, **more
    )
    field.widget.attrs |= {"class": "amount", **({"placeholder": placeholder} if placeholder else {})}
    return field


class GiveReasonsForm(ListForm):
    list_name: ClassVar[str] = "give_reasons"
    columns: ClassVar[Mapping[str, Any]] = {
        "label": gettext_lazy("Reason"),
        "house": gettext_lazy("Booked against"),
        "refundable": gettext_lazy("May be paid out"),
        "days": gettext_lazy("Expires after days"),
        "on": gettext_lazy("On"),
    }

    def more_fields(self, entry: Mapping[str, Any]) -> dict[str, forms.Field]:
        return {
            "house": forms.ChoiceField(choices=_HOUSES, initial=entry.get("house", "goodwill")),
            "refundable": forms.BooleanField(required=False, initial=entry.get("refundable", False)),
            "days": _days(entry.get("days"), least=1, placeholder=_("As the policy")),
        }


class ReturnReasonsForm(ListForm):
    list_name: ClassVar[str] = "return_reasons"
    columns: ClassVar[Mapping[str, Any]] = {"label": gettext_lazy("Reason"), "on": gettext_lazy("On")}


class MethodsForm(ListForm):
    list_name: ClassVar[str] = "methods"
    columns: ClassVar[Mapping[str, Any]] = {
        "label": gettext_lazy("Method"),
        **_DETAILS,
        "on": gettext_lazy("On"),
    }

    def more_fields(self, entry: Mapping[str, Any]) -> dict[str, forms.Field]:
        asked = entry.get("fields") or {"payee_name": Asked.REQUIRED}
        return {
            name: forms.ChoiceField(
                choices=_ASKED[:2] if name == "payee_name" else _ASKED,
                initial=str(asked.get(name, Asked.NOT_ASKED)),
            )
            for name in PAYEE_FIELDS
        }

    def entry(self, code: str) -> dict[str, Any]:
        made = super().entry(code)
        return {**made, "fields": {name: made.pop(name) for name in PAYEE_FIELDS}}


class ApprovalsForm(SettingsForm):
    """The rules of approval, a row each, and a row for another. A row without an amount is left out."""

    columns: ClassVar[Mapping[str, Any]] = {
        "approvals": gettext_lazy("People"),
        "above": gettext_lazy("Above"),
        "older_than_days": gettext_lazy("Credit older than days"),
        "methods": pgettext_lazy("a refund method", "By"),
        "on_hold": gettext_lazy("On credit hold only"),
    }

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules: Sequence[Mapping[str, Any]] = values_of(shop)["approval_rules"]
        self.places = range(1, len(rules) + 2)
        methods = [(each.code, _(each.label)) for each in shop.methods.values()]
        for place in self.places:
            rule = rules[place - 1] if place <= len(rules) else {}
            for attribute, field in _rule_fields(rule, methods).items():
                what = _("Rule %(place)s") % {"place": place}
                field.widget.attrs["aria-label"] = f"{self.columns[attribute]}: {what}"
                self.fields[f"approval_rules.{place}.{attribute}"] = field

    def rows(self) -> Iterator[Cells]:
        """The row of each rule, then the one for another."""
        for place in self.places:
            yield [(str(name), self[f"approval_rules.{place}.{each}"]) for each, name in self.columns.items()]

    def wanted(self) -> dict[str, Any]:
        rules = []
        for place in self.places:
            row = {each: self.cleaned_data[f"approval_rules.{place}.{each}"] for each in self.columns}
            if row["above"].strip():
                method = [row["methods"]] if row["methods"] else []
                rules.append({**row, "approvals": int(row["approvals"]), "methods": method})
        return {"approval_rules": rules}


def _rule_fields(rule: Mapping[str, Any], methods: Sequence[tuple[str, str]]) -> dict[str, forms.Field]:
    """The fields of a rule by attribute, in the order of the columns."""
    above = forms.CharField(required=False, max_length=30, initial=rule.get("above", "").partition(" ")[0])
    above.widget.attrs |= {"class": "amount", "inputmode": "decimal"}
    if not rule:
        above.widget.attrs["placeholder"] = _("Add another")
    chosen = next(iter(rule.get("methods", ())), "")
    return {
        "approvals": forms.ChoiceField(choices=[("1", "1"), ("2", "2")], initial=rule.get("approvals", 1)),
        "above": above,
        "older_than_days": _days(rule.get("older_than_days"), least=1, placeholder=_("Any")),
        "methods": forms.ChoiceField(
            choices=[("", _("Any method")), *methods], initial=chosen, required=False
        ),
        "on_hold": forms.BooleanField(required=False, initial=rule.get("on_hold", False)),
    }


class PoliciesForm(SettingsForm):
    """The policy of each source, with its three fields."""

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for source in SOURCES:
            policy = shop.policies[source]
            self.fields |= {
                f"{source}_refundable": forms.BooleanField(
                    label=_("May be paid out"), required=False, initial=policy.refundable
                ),
                f"{source}_days": _days(
                    policy.days, least=1, label=_("Expires after days"), help_text=_("Empty: never.")
                ),
                f"{source}_grace_days": _days(
                    policy.grace_days, least=0, required=True, label=_("Grace in days"),
                    help_text=_("How long what comes back after its expiry stays usable."),
                    error_messages={"required": _("Enter the days, 0 for none.")},
                ),
            }  # fmt: skip

    def sources(self) -> Iterator[tuple[str, Any, list[BoundField]]]:
        """Each source, what it is called, and its fields."""
        for source, name in _SOURCES.items():
            fields = [self[f"{source}_{each}"] for each in ("refundable", "days", "grace_days")]
            yield source, name, fields

    def wanted(self) -> dict[str, Any]:
        values = self.cleaned_data
        names = ("refundable", "days", "grace_days")
        return {
            "policies": {source: {name: values[f"{source}_{name}"] for name in names} for source in SOURCES}
        }
