"""Forms of the pages for returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.boundfield import BoundField

from tillbook.common.money import Money
from tillbook.orders.models import OrderLine
from tillbook.panel.forms import AmountField, KeyedForm, MoneyForm, PanelForm, SortForm, return_reasons
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput


class RmaFilterForm(SortForm):
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "Any"), *Rma.Status.choices])


class RmaForm(MoneyForm, KeyedForm):
    """What comes back of an order, line by line, and what else is given back.

    A quantity without an amount leaves the amount to the service; an amount without a
    quantity is money back for goods that stay with the customer.
    """

    reason = forms.ChoiceField(label="Reason", choices=return_reasons)
    shipping = AmountField(label="Shipping given back", required=False, zero=True, empty=0)
    surcharge = AmountField(label="Surcharge given back", required=False, zero=True, empty=0)
    note = forms.CharField(label="Note (internal)", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    public_note = forms.CharField(
        label="Note to the customer", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, currency: str, lines: Sequence[OrderLine], **kwargs: Any) -> None:
        super().__init__(*args, currency=currency, **kwargs)
        self.order_lines = lines
        for line in lines:
            amount = AmountField(label=f"Credit for {line.sku}", required=False, zero=True)
            amount.currency = currency
            # What the page's script needs to show the share that the service will fill in.
            amount.widget.attrs |= {
                "data-share-of": f"id_quantity_{line.pk}",
                "data-amount": Money(line.amount_minor, currency).decimal(),
                "data-returned": Money(line.returned_minor, currency).decimal(),
                "data-sold": line.quantity,
                "data-back": line.returned_quantity,
            }
            self.fields[f"quantity_{line.pk}"] = _quantity_field(line)
            self.fields[f"amount_{line.pk}"] = amount

    def rows(self) -> Iterator[tuple[OrderLine, BoundField, BoundField]]:
        """Each line of the order with its fields for quantity and amount."""
        for line in self.order_lines:
            yield line, self[f"quantity_{line.pk}"], self[f"amount_{line.pk}"]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors and not (self.lines() or values["shipping"] or values["surcharge"]):
            self.add_error(None, "Enter a quantity, an amount, or shipping or surcharge to give back.")
        return values

    def arguments(self) -> dict[str, Any]:
        """What was asked for, as `returns.services.open_rma` names it."""
        values = self.cleaned_data
        return {
            "lines": self.lines(),
            "shipping_minor": values["shipping"],
            "surcharge_minor": values["surcharge"],
            "reason": values["reason"],
            "note": values["note"],
            "public_note": values["public_note"],
            "key": values["key"],
        }

    def lines(self) -> list[RmaLineInput]:
        """The lines for which something was entered."""
        return [made for line in self.order_lines if (made := self._line(line)) is not None]

    def _line(self, line: OrderLine) -> RmaLineInput | None:
        quantity = self.cleaned_data[f"quantity_{line.pk}"] or 0
        amount = self.cleaned_data[f"amount_{line.pk}"]
        if not quantity and not amount:
            return None
        return RmaLineInput(
            order_line_id=line.pk,
            sku=line.sku,
            description=line.description,
            quantity=quantity,
            amount_minor=amount,
        )


def _quantity_field(line: OrderLine) -> forms.IntegerField:
    # At most what was sold, not what is left: a second click on the same page must reach the
    # service, which gives the first answer again, or says how many can still come back.
    too_many = f"Only {line.quantity} of {line.sku} were sold."
    return forms.IntegerField(
        label=f"Quantity of {line.sku}",
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "class": "amount"}),
        validators=[MinValueValidator(0), MaxValueValidator(line.quantity, too_many)],
    )


class NoteForm(PanelForm):
    note = forms.CharField(
        label="Note", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )
