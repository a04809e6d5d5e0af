"""Forms of the panel: they turn text into typed values and decide nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import pretty_name
from django.http import QueryDict
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.actor import Actor
from tillbook.common.checks import check_note
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, parse_amount, plain_amount, shown_amount
from tillbook.credit.services import check_expiry, check_may_give, check_payable, reason_to_give
from tillbook.credit.terms import Left
from tillbook.customers.models import Customer
from tillbook.customers.services import check_detail, check_free, check_username
from tillbook.panel.edge import Rule, RuledForm, new_key, refuse_rest
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import QueueFilter
from tillbook.shop.details import GiveReason, ReturnReason
from tillbook.shop.policies import shop

OLDEST = "oldest"  # first, in an address
_LONGEST_KEY = 100  # leaves room in an event's key for what services append


class AmountField(forms.CharField):
    """An amount as people type it. Its value is whole minor units of the form's currency.

    A comma is the decimal sign where the shop's locale has it. Left empty it is None, or `empty` where that
    is given. Zero is an error unless `zero`.
    """

    def __init__(self, *, zero: bool = False, empty: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.currency = ""
        self.zero = zero
        self.empty = empty
        self.widget.attrs.update({"inputmode": "decimal", "autocomplete": "off", "class": "amount"})

    def clean(self, value: Any) -> int | None:
        typed = super().clean(value).strip()
        if not typed:
            return self.empty
        try:
            text = plain_amount(typed, self.currency, shop().locale)
            return parse_amount(text, self.currency, zero=self.zero).minor
        except InvalidInput as error:
            raise ValidationError(error.message) from error

    def prepare_value(self, value: Any) -> Any:
        return shown_amount(value, shop().locale) if isinstance(value, str) else value


class DateField(forms.DateField):
    default_error_messages: ClassVar = {"invalid": _("Enter a date as year-month-day, like 2026-12-31.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


class PanelField(forms.BoundField):
    """A field as a page shows it: what is hidden is described to nobody, and HTML forbids it."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        found = super().build_widget_attrs(attrs, widget)
        if (widget or self.field.widget).is_hidden:
            found.pop("aria-describedby", None)
        return found


class PanelForm(RuledForm):
    """A form whose messages come from the server, so that each names what would be right."""

    use_required_attribute = False
    bound_field_class = PanelField

    def __init__(self, data: Mapping[str, Any] | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(with_plain_lines(data), *args, **{"label_suffix": "", **kwargs})
        ask_by_name(self)

    def full_clean(self) -> None:
        """Read what was sent. Where some of it can't be, the rules of the rest are asked at once."""
        super().full_clean()
        if self.is_bound and self.errors:
            refuse_rest(self)


class _PlainLines(QueryDict):
    """What was sent, its lines ended as they are stored."""


def with_plain_lines(data: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """What was sent, its lines ended as they are stored: a browser ends each otherwise.

    Every form does this by itself. A page of many forms does it first, once for all.
    """
    if not isinstance(data, QueryDict) or isinstance(data, _PlainLines):
        return data
    plain = _PlainLines(mutable=True, encoding=data.encoding)
    for name, values in data.lists():
        plain.setlist(name, [value.replace("\r\n", "\n") for value in values])
    return plain


def ask_by_name(form: forms.BaseForm) -> None:
    """Let the form ask for each field left empty by its label, where it has no words of its own for that."""
    for name, field in form.fields.items():
        if field.error_messages["required"] == forms.Field.default_error_messages["required"]:
            field.error_messages["required"] = _asking_for(field, str(field.label or pretty_name(name)))


def _asking_for(field: forms.Field, label: str) -> str:
    """What to do about an empty field, in the words of its label."""
    words = label if label.isupper() or get_language() != "en" else label[:1].lower() + label[1:]
    asked = (
        gettext("Choose the %(field)s.")
        if isinstance(field, forms.ChoiceField)
        else gettext("Enter the %(field)s.")
    )
    return asked % {"field": words}


class MoneyForm(PanelForm):
    """A form whose amounts are all in one currency, which the page knows and nobody types."""

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.currency = currency

    def text(self, minor: int) -> str:
        """Minor units as the amount fields write them: "12.34"."""
        return Money(minor, self.currency).decimal()

    def money(self, name: str) -> Money:
        """The cleaned amount of that name."""
        return Money(self.cleaned_data[name], self.currency)


AnyForm = TypeVar("AnyForm", bound=forms.Form)


def remembering(form: AnyForm) -> AnyForm:
    """The form, whose page will hold what it shows now: `changes` tells it from what somebody else saved."""
    for field in form.fields.values():
        field.show_hidden_initial = True
    return form


def changes(form: forms.BaseForm) -> dict[str, Any]:
    """What the reader of a remembering form changed of what they saw; all of it where that is not known."""
    known = {name for name in form.fields if form[name].html_initial_name in form.data}
    return {
        name: value
        for name, value in form.cleaned_data.items()
        if name in form.changed_data or name not in known
    }


class KeyedForm(PanelForm):
    """A form that does its work once, however often it is sent (R4)."""

    key = forms.CharField(
        max_length=_LONGEST_KEY,
        widget=forms.HiddenInput,
        initial=new_key,
        error_messages={"required": _("This form was sent without its key. Open the page again and retry.")},
    )


class SortForm(PanelForm):
    """A list whose heading of the date turns its order round; what is filtered keeps the order."""

    sort = forms.ChoiceField(
        required=False,
        choices=[("", ""), (OLDEST, OLDEST)],
        widget=forms.HiddenInput,
        label=_("Sort by"),
    )


class CustomerFilterForm(PanelForm):
    q = forms.CharField(label=_("Search"), required=False, max_length=150)
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[("", _("All")), *Customer.Kind.choices]
    )
    with_credit = forms.BooleanField(label=_("With credit"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["q"].widget = forms.TextInput(
            attrs={"type": "search", "placeholder": gettext("Username, name, company or e-mail")}
        )


class FindForm(PanelForm):
    q = forms.CharField(label=_("Find"), required=False, max_length=150)


class CustomerDetailsForm(PanelForm):
    kind = forms.ChoiceField(label=_("Kind"), choices=Customer.Kind.choices)
    first_name = forms.CharField(label=_("First name"), required=False, max_length=100)
    last_name = forms.CharField(label=_("Last name"), required=False, max_length=100)
    company = forms.CharField(label=_("Company"), required=False, max_length=200)
    email = forms.CharField(label=_("E-mail"), required=False, max_length=254)
    phone = forms.CharField(label=_("Phone"), required=False, max_length=50)
    postal_address = forms.CharField(
        label=_("Postal address"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    country = forms.CharField(label=_("Country"), required=False, max_length=100)

    def rules(self) -> Iterator[Rule]:
        for name, text in self.cleaned_data.items():
            yield partial(check_detail, name, text)


class NewCustomerForm(CustomerDetailsForm):
    username = forms.CharField(label=_("Username"), max_length=150, help_text=_("It can't be changed later."))

    def rules(self) -> Iterator[Rule]:
        yield from super().rules()
        if "username" in self.cleaned_data:
            yield partial(check_username, self.cleaned_data["username"])
            yield partial(check_free, self.cleaned_data["username"])


class AccountForm(MoneyForm):
    credit_limit = AmountField(
        label=_("Credit limit"), required=False, zero=True, help_text=_("Empty: no limit agreed.")
    )
    on_credit_hold = forms.BooleanField(label=_("On credit hold"), required=False)
    recalculate = forms.BooleanField(
        label=_("Recalculate Account Balances"),
        required=False,
        help_text=_("Compares the figures above with the history and shows every difference."),
    )


Choices = list[tuple[str, Any]]


def give_reasons() -> Choices:
    """The reasons for giving credit that are switched on, asked for anew by each form."""
    return _chosen_from(gettext("Choose a reason"), shop().give_reasons)


def return_reasons() -> Choices:
    """The reasons for a return that are switched on."""
    return _chosen_from(gettext("Choose a reason"), shop().return_reasons)


def _chosen_from(none: str, entries: Mapping[str, GiveReason | ReturnReason]) -> Choices:
    return [("", none), *((each.code, gettext(each.label)) for each in entries.values() if each.on)]


def methods() -> Choices:
    """The refund methods that are switched on."""
    return [(each.code, gettext(each.label)) for each in shop().methods.values() if each.on]


def all_methods() -> Choices:
    """The refund methods that a refund may ever have been asked for by."""
    return [("", _("All methods")), *((each.code, gettext(each.label)) for each in shop().methods.values())]


class GiveCreditForm(MoneyForm, KeyedForm):
    amount = AmountField(label=_("Amount"))
    reason = forms.ChoiceField(label=_("Reason"), choices=give_reasons)
    refundable = forms.BooleanField(label=_("May be paid out"), required=False)
    expires_at = DateField(
        label=_("Last day it can be used"), required=False, help_text=_("Empty: it never expires.")
    )
    never = forms.BooleanField(label=_("It never expires"), required=False)
    public_note = forms.CharField(
        label=_("Note to the customer"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    note = forms.CharField(
        label=_("Internal note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The customer never sees it."),
    )

    def __init__(self, *args: Any, actor: Actor, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor, self.now = actor, now
        policy, reasons = (
            shop().policies["manual"],
            [each for each in shop().give_reasons.values() if each.on],
        )
        never = [gettext(each.label) for each in reasons if not each.may_be_paid_out]
        self.by_policy = policy.refundable
        self.fields["refundable"].initial = policy.refundable
        self.fields["refundable"].help_text = (
            gettext("Credit for these reasons only pays orders: %(reasons)s.") % {"reasons": ", ".join(never)}
            if never
            else ""
        )
        if policy.days is None and all(each.days is None for each in reasons):
            del self.fields["never"]
        else:
            self.fields["expires_at"].help_text = gettext(
                "Empty: as the shop's settings have it for the reason."
            )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values.get("never") and values.get("expires_at"):
            self.add_error("expires_at", gettext("Leave the day empty, or untick that it never expires."))
        return values

    def rules(self) -> Iterator[Rule]:
        values = self.cleaned_data
        if "amount" in values:
            yield partial(check_may_give, self.money("amount"), self.actor)
        if (code := values.get("reason")) and self._refundable() is True:
            yield lambda: check_payable(reason_to_give(code), refundable=True)
        yield partial(check_expiry, values.get("expires_at"), self.now)
        for name in ("note", "public_note"):
            yield partial(check_note, values.get(name, ""), field=name)

    def terms(self) -> dict[str, Any]:
        """The terms as the service takes them; what the page leaves open is left to the shop."""
        values = self.cleaned_data
        left = "never" in self.fields and not values["never"] and values["expires_at"] is None
        return {
            "refundable": self._refundable(),
            "expires_at": Left.TO_SHOP if left else values["expires_at"],
        }

    def _refundable(self) -> bool | Left:
        # Ticked where the shop ticks it: the reasons that never may be paid out are no mistake then.
        ticked = bool(self.cleaned_data.get("refundable"))
        return Left.TO_SHOP if self.by_policy and ticked else ticked

    def clean_expires_at(self) -> datetime | None:
        """The first moment at which the credit can't be used: midnight after its last day."""
        last = self.cleaned_data["expires_at"]
        if last is None:
            return None
        try:
            after = last + timedelta(days=1)
        except OverflowError:
            raise ValidationError(
                gettext("The date is too far away. Leave it empty for no expiry.")
            ) from None
        return datetime(after.year, after.month, after.day, tzinfo=shop().time_zone)


_ALL = "all"
_OPEN = "open"  # what is to be done: requested and approved
_NEWEST = "newest"


class QueueForm(MoneyForm):
    """The queue's filters. Nothing chosen means what is to be done."""

    status = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[(_OPEN, _("To complete")), *Refund.Status.choices, (_ALL, _("All states"))],
        initial=_OPEN,
    )
    method = forms.ChoiceField(label=_("Method"), required=False, choices=all_methods)
    from_date = DateField(label=_("Requested from"), required=False)
    to_date = DateField(label=_("Requested to"), required=False)
    min_amount = AmountField(label=_("Amount from"), required=False, zero=True)
    max_amount = AmountField(label=_("Amount to"), required=False, zero=True)
    username = forms.CharField(label=_("Username"), required=False, max_length=150)
    requested_by = forms.CharField(label=_("Requested by"), required=False, max_length=150)
    sort = forms.ChoiceField(
        label=_("Sort by"),
        required=False,
        choices=[("", _("Oldest first")), (_NEWEST, _("Newest first"))],
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, currency=currency, **kwargs)
        for name in ("min_amount", "max_amount"):
            self.fields[name].widget.attrs["placeholder"] = currency

    def wanted(self) -> QueueFilter:
        """The filter asked for; a field that can't be read filters nothing and shows its error."""
        values = self.cleaned_data if self.is_valid() or self.is_bound else {}
        status = values.get("status") or _OPEN
        amounts = (values.get("min_amount"), values.get("max_amount"))
        return QueueFilter(
            status="" if status in (_ALL, _OPEN) else status,
            is_open=status == _OPEN,
            method=values.get("method") or "",
            from_date=values.get("from_date"),
            to_date=values.get("to_date"),
            min_minor=amounts[0],
            max_minor=amounts[1],
            currency="" if amounts == (None, None) else self.currency,
            username=values.get("username") or "",
            requested_by=values.get("requested_by") or "",
            newest_first=values.get("sort") == _NEWEST,
        )
