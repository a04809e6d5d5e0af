"""Forms of the order pages: text becomes typed values, amounts become minor units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.orders.lines import MAX_QUANTITY, LineInput, version_of
from tillbook.orders.models import Order, Payment
from tillbook.orders.queries import lines_of
from tillbook.panel.edge import new_key
from tillbook.panel.forms import AmountField, KeyedForm, MoneyForm, PanelForm, SortForm, with_plain_lines

_MAX_LINES = 1500
_BLANK_LINES = 5
_PREFIX = "lines"
_FIRST_YEAR = 1900  # a mistyped year is a mistake, not history


class OrderFilterForm(SortForm):
    q = forms.CharField(label=_("Order number or customer"), required=False, max_length=150)
    paid_status = forms.ChoiceField(
        label=_("Paid status"), required=False, choices=[("", _("Any")), *Order.PaidStatus.choices]
    )


class CustomerChoiceForm(PanelForm):
    customer = forms.CharField(
        label=_("Customer"),
        max_length=150,
        help_text=_("Their username, or parts of a name, company, e-mail or phone."),
    )


class LineForm(MoneyForm):
    line_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    sku = forms.CharField(label=_("SKU"), max_length=60)
    description = forms.CharField(label=_("Description"), required=False, max_length=300)
    quantity = forms.IntegerField(label=_("Quantity"), min_value=1, max_value=MAX_QUANTITY)
    amount = AmountField(label=_("Line amount"), zero=True)

    def line(self) -> LineInput:
        values = self.cleaned_data
        return LineInput(
            sku=values["sku"],
            description=values["description"],
            quantity=values["quantity"],
            amount_minor=values["amount"],
            line_id=values["line_id"],
        )


if TYPE_CHECKING:
    _BaseLines = forms.BaseFormSet[LineForm]
else:
    _BaseLines = forms.BaseFormSet


class LinesFormSet(_BaseLines):
    def clean(self) -> None:
        if not any(self.errors) and not self.lines():
            raise ValidationError(gettext("Enter at least one line."))

    def lines(self) -> list[LineInput]:
        """The filled rows that nobody ticked to remove, in the order of the page."""
        kept = [form for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        return [form.line() for form in kept]


_LinesOfPage = forms.formset_factory(
    LineForm, formset=LinesFormSet, extra=_BLANK_LINES, max_num=_MAX_LINES, validate_max=True, can_delete=True
)


class OrderForm(MoneyForm, KeyedForm):
    shipping = AmountField(label=_("Shipping"), required=False, zero=True, empty=0)
    surcharge = AmountField(label=_("Surcharge"), required=False, zero=True, empty=0)
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    # The version of the order that the page shows, so that nobody overwrites what they did not see.
    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)


class NewOrderForm(OrderForm):
    number = forms.CharField(
        label=_("Order number"),
        required=False,
        max_length=50,
        help_text=_("Leave empty for the next number."),
    )
    field_order = ("key", "number")


class OrderEntry:
    """A page's order form: the order's own fields, and a row for each line.

    Sent with the button "more_rows" it is shown again with what was typed and more blank
    rows: so the page grows without JavaScript.
    """

    def __init__(
        self,
        data: QueryDict | None,
        *,
        currency: str,
        form: type[OrderForm] = OrderForm,
        order: Order | None = None,
    ) -> None:
        growing = data is not None and "more_rows" in data
        sent = None if growing else with_plain_lines(data)
        if growing and data is not None:
            fields, rows = data.dict(), _typed_rows(data)
        else:
            fields, rows = _fields_of(order), _rows_of(order)
        self.form = form(sent, currency=currency, initial=fields)
        # What is sent says itself how many rows there were: nothing is compared with the stored order's.
        shown = rows if sent is None else None
        lines = _LinesOfPage(sent, initial=shown, prefix=_PREFIX, form_kwargs={"currency": currency})
        self.lines = cast("LinesFormSet", lines)

    def is_valid(self) -> bool:
        return self.form.is_valid() & self.lines.is_valid()

    def arguments(self) -> dict[str, Any]:
        """What placing and editing an order have in common, as the services name it."""
        values = self.form.cleaned_data
        return {
            "lines": self.lines.lines(),
            "shipping_minor": values["shipping"],
            "surcharge_minor": values["surcharge"],
            "note": values["note"],
            "key": values["key"],
        }

    @property
    def status(self) -> int:
        """The HTTP status of a page that shows it."""
        return 200 if not self.form.is_bound or self.is_valid() else 422


def _fields_of(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {"key": new_key()}
    return {
        "key": new_key(),
        "shipping": Money(order.shipping_minor, order.currency).decimal(),
        "surcharge": Money(order.surcharge_minor, order.currency).decimal(),
        "note": order.note,
        "seen": version_of(order),
    }


def _rows_of(order: Order | None) -> list[dict[str, Any]]:
    if order is None:
        return []
    return [
        {
            "line_id": line.pk,
            "sku": line.sku,
            "description": line.description,
            "quantity": line.quantity,
            "amount": Money(line.amount_minor, order.currency).decimal(),
        }
        for line in lines_of(order)
    ]


def _typed_rows(data: QueryDict) -> list[dict[str, Any]]:
    """The rows as they were typed, right or wrong, without blank and removed ones."""
    rows = []
    for index in range(_MAX_LINES):
        row = {name: data.get(f"{_PREFIX}-{index}-{name}", "") for name in LineForm.base_fields}
        if any(row.values()) and f"{_PREFIX}-{index}-DELETE" not in data:
            rows.append(row)
    return rows


class MomentField(forms.DateTimeField):
    """A date and time in the shop's zone."""

    default_error_messages: ClassVar = {"invalid": _("Enter a date and time, like 2026-12-31 14:30.")}

    def clean(self, value: Any) -> Any:
        try:
            moment = super().clean(value)
        except OverflowError:
            moment = None
        if moment is None or moment.year < _FIRST_YEAR:
            raise ValidationError(gettext("The date is too far away."))
        return moment


_AS_TYPED = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}


class ReceivePaymentForm(MoneyForm, KeyedForm):
    amount = AmountField(label=_("Amount received"))
    method = forms.ChoiceField(label=_("Payment method"), choices=Payment.Method.choices)
    reference = forms.CharField(label=_("Reference"), required=False, max_length=100)
    gateway = forms.CharField(
        label=_("Gateway"), required=False, max_length=20,
        widget=forms.TextInput(attrs=_AS_TYPED),
        help_text=_("Who charged the card or wallet, such as stripe or paypal."),
    )  # fmt: skip
    charge = forms.CharField(
        label=_("Charge"), required=False, max_length=100,
        widget=forms.TextInput(attrs=_AS_TYPED),
        help_text=_("Its id at the gateway, such as ch_3P8. Refunds can then go back to it."),
    )  # fmt: skip
    received_at = MomentField(
        label=_("Received"),
        error_messages={"required": _("Enter when the payment was received.")},
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    @classmethod
    def of(cls, order: Order, data: QueryDict | None, *, now: datetime) -> ReceivePaymentForm:
        """The form for an order; as first shown: all that is owing, received now."""
        owing = Money(order.owing_minor, order.currency).decimal() if order.owing_minor else ""
        shown = timezone.localtime(now).replace(second=0, microsecond=0)
        initial = {"amount": owing, "received_at": shown}
        return cls(data, currency=order.currency, initial=initial)


class PayWithCreditForm(MoneyForm, KeyedForm):
    """One amount from the credits in their own order, or an amount from each credit chosen."""

    AUTOMATIC = "automatic"
    CHOSEN = "chosen"

    way = forms.ChoiceField(
        label=_("Which credits"),
        choices=[
            (AUTOMATIC, _("Those that expire first, then the oldest")),
            (CHOSEN, _("The amounts entered beside the credits")),
        ],
        initial=AUTOMATIC,
        error_messages={"required": _("Choose which credits pay.")},
        widget=forms.RadioSelect,
    )
    amount = AmountField(label=_("Amount"), required=False)

    def __init__(self, *args: Any, currency: str, credits: Sequence[Credit], **kwargs: Any) -> None:
        super().__init__(*args, currency=currency, **kwargs)
        self.credits = credits
        for credit in credits:
            field = AmountField(
                label=gettext("Amount from %(number)s") % {"number": credit.number}, required=False, zero=True
            )
            field.currency = currency
            self.fields[f"credit_{credit.id}"] = field

    @classmethod
    def of(cls, order: Order, data: QueryDict | None, *, credits: Sequence[Credit]) -> PayWithCreditForm:
        """The form for an order; as first shown: as much of what is owing as the credits cover."""
        available = sum(credit.account.available_minor for credit in credits)
        amount = Money(min(order.owing_minor, available), order.currency).decimal()
        return cls(data, currency=order.currency, credits=credits, initial={"amount": amount})

    def rows(self) -> Iterator[tuple[Credit, BoundField]]:
        """Each credit with something left, or with something typed, and the field for its part."""
        for credit in self.credits:
            field = self[f"credit_{credit.id}"]
            if credit.account.available_minor or field.value():
                yield credit, field

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if self.errors:
            return values
        if values["way"] == self.CHOSEN and not self.chosen():
            self.add_error(None, gettext("Enter an amount beside at least one credit."))
        if values["way"] == self.AUTOMATIC and self._typed_beside_credits():
            said = gettext("There are amounts beside credits: choose the credits, or clear those amounts.")
            self.add_error("way", said)
        elif values["way"] == self.AUTOMATIC and values["amount"] is None:
            self.add_error("amount", gettext("Enter the amount to pay with credit."))
        return values

    def chosen(self) -> dict[int, int] | None:
        """credit id -> minor units, or None where the credits' own order shall decide."""
        return None if self.cleaned_data["way"] == self.AUTOMATIC else self._typed_beside_credits()

    def _typed_beside_credits(self) -> dict[int, int]:
        amounts = {credit.id: self.cleaned_data[f"credit_{credit.id}"] for credit in self.credits}
        return {credit_id: minor for credit_id, minor in amounts.items() if minor}

    def total(self) -> Money:
        """What shall be paid with credit in all."""
        chosen = self.chosen()
        minor = self.cleaned_data["amount"] if chosen is None else sum(chosen.values())
        return Money(minor, self.currency)


class ReasonForm(KeyedForm):
    reason = forms.CharField(label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class PaidBackForm(MoneyForm, KeyedForm):
    amount = AmountField(label=_("Amount paid back"))
    reason = forms.CharField(
        label=_("Reason"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("How you know, such as where it was paid back, and by whom."),
    )  # fmt: skip
