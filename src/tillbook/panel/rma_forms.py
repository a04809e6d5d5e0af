"""Forms of the pages for returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.money import Money
from tillbook.orders.lines import share_of_line
from tillbook.orders.models import Order, OrderLine
from tillbook.panel.forms import AmountField, KeyedForm, MoneyForm, PanelForm, SortForm, return_reasons
from tillbook.returns.models import Rma
from tillbook.returns.services import RmaLineInput
from tillbook.shop.policies import shop


class RmaFilterForm(SortForm):
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        required=False,
        choices=[("", gettext_lazy("Any")), *Rma.Status.choices],
    )


class Row(NamedTuple):
    """A line of the order with its fields, and the share that an amount left empty stands for."""

    line: OrderLine
    quantity: BoundField
    amount: BoundField
    share: str


class RmaForm(MoneyForm, KeyedForm):
    """What comes back of an order, line by line, and what else is given back.

    A quantity without an amount leaves the amount to the service; an amount without a
    quantity is money back for goods that stay with the customer.
    """

    WAIT = "wait"
    CLOSE = "close"

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=return_reasons)
    shipping = AmountField(label=gettext_lazy("Shipping given back"), required=False, zero=True, empty=0)
    surcharge = AmountField(label=gettext_lazy("Surcharge given back"), required=False, zero=True, empty=0)
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        required=False,
        choices=[
            (WAIT, gettext_lazy("Open and wait for the goods")),
            (CLOSE, gettext_lazy("Open and close with credit at once")),
        ],
        initial=WAIT,
        widget=forms.RadioSelect,
    )
    public_note = forms.CharField(
        label=gettext_lazy("Note to the customer"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It stands on the adjustment note."),
    )
    note = forms.CharField(
        label=gettext_lazy("Note (internal)"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(
        self, *args: Any, order: Order, lines: Sequence[OrderLine], pricing: bool = False, **kwargs: Any
    ) -> None:
        """`pricing`: nothing is sent yet, so what is still to be filled in is no mistake."""
        super().__init__(*args, currency=order.currency, **kwargs)
        self.order_lines = lines
        self.pricing = pricing
        for name in ("reason", "key") if pricing else ():
            self.fields[name].required = False
        left = {
            "shipping": order.shipping_minor - order.returned_shipping_minor,
            "surcharge": order.surcharge_minor - order.returned_surcharge_minor,
        }
        for name, minor in left.items():
            most = Money(minor, order.currency).localized(shop().locale)
            self.fields[name].help_text = _("At most %(amount)s.") % {"amount": most}
        for line in lines:
            amount = AmountField(label=_("Credit for %(sku)s") % {"sku": line.sku}, required=False, zero=True)
            amount.currency = order.currency
            self.fields[f"quantity_{line.pk}"] = _quantity_field(line)
            self.fields[f"amount_{line.pk}"] = amount

    def rows(self) -> Iterator[Row]:
        """Each line of the order with its fields for quantity and amount; a bound form must be read first."""
        for line in self.order_lines:
            row = Row(line, self[f"quantity_{line.pk}"], self[f"amount_{line.pk}"], self._share(line))
            row.amount.field.widget.attrs["placeholder"] = row.share
            yield row

    def _share(self, line: OrderLine) -> str:
        """What the pieces typed are worth, as it is written; empty where that can't be said."""
        quantity = self.cleaned_data.get(f"quantity_{line.pk}") if self.is_bound else None
        if not quantity or quantity > line.quantity - line.returned_quantity:
            return ""
        return self.text(share_of_line(line, quantity))

    def extras(self) -> Iterator[BoundField]:
        """The fields of what is given back beside the lines."""
        yield from (self["shipping"], self["surcharge"])

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.pricing and not self.errors and not self.asks():
            self.add_error(None, _("Enter a quantity, an amount, or shipping or surcharge to give back."))
        return values

    def asks(self) -> bool:
        """Whether anything at all is to come back."""
        values = self.cleaned_data
        return bool(self.lines() or values.get("shipping") or values.get("surcharge"))

    def priced(self) -> dict[str, Any]:
        """What is to be priced, as `returns.services.quote` names it: all of it that can be read."""
        values = self.cleaned_data
        return {
            "lines": self.lines(),
            "shipping_minor": values.get("shipping") or 0,
            "surcharge_minor": values.get("surcharge") or 0,
            "reason": values.get("reason", ""),
            "public_note": values.get("public_note", ""),
        }

    def arguments(self) -> dict[str, Any]:
        """What was asked for, as `returns.services.open_rma` names it."""
        values = self.cleaned_data
        return self.priced() | {
            "note": values["note"],
            "key": values["key"],
            "close_at_once": values["outcome"] == self.CLOSE,
        }

    def lines(self) -> list[RmaLineInput]:
        """The lines for which something was entered."""
        return [made for line in self.order_lines if (made := self._line(line)) is not None]

    def _line(self, line: OrderLine) -> RmaLineInput | None:
        names = (f"quantity_{line.pk}", f"amount_{line.pk}")
        quantity, amount = (self.cleaned_data.get(name) for name in names)
        if not (quantity or amount) or self.errors.keys() & set(names):
            return None
        return RmaLineInput(
            order_line_id=line.pk,
            sku=line.sku,
            description=line.description,
            quantity=quantity or 0,
            amount_minor=amount,
        )


def _quantity_field(line: OrderLine) -> forms.IntegerField:
    # At most what was sold, not what is left: a second click on the same page must reach the
    # service, which gives the first answer again, or says how many can still come back.
    too_many = _("%(sku)s: at most %(sold)s, as sold.") % {"sold": line.quantity, "sku": line.sku}
    return forms.IntegerField(
        label=_("Quantity of %(sku)s") % {"sku": line.sku},
        required=False,
        widget=forms.NumberInput(attrs={"min": 0, "class": "amount"}),
        validators=[MinValueValidator(0), MaxValueValidator(line.quantity, too_many)],
    )


class NoteForm(PanelForm):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
