"""Forms of the pages that pay credit out: the refund, the reversal, and what customers asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tillbook.common.checks import check_note
from tillbook.common.money import Money
from tillbook.credit.models import ReverseReason
from tillbook.credit.services import check_refundable
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.panel.edge import Rule
from tillbook.panel.forms import AmountField, DateField, KeyedForm, MoneyForm, PanelForm, methods
from tillbook.refunds.accounts import mask
from tillbook.refunds.charges import Possible, check_fits
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee, account_of, check_detail, check_payment_date
from tillbook.shop.details import PAYEE_FIELDS, Asked, RefundMethod
from tillbook.shop.policies import shop


class Detail(NamedTuple):
    """A detail of the payee on the form, and the codes of the methods that ask for it."""

    field: forms.BoundField
    methods: str
    needed: bool


def _choice(form: forms.Form, name: str) -> forms.ChoiceField:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    return field


def _said(possible: Possible) -> str:
    """A charge as one chooses it: with its order, and how much may go back to it."""
    order = possible.room.payment.order
    return gettext("Order %(order)s, at most %(amount)s: %(charge)s") % {
        "charge": possible.room.charge,
        "order": order.number,
        "amount": Money(possible.minor, order.currency).localized(shop().locale),
    }


class ChargeForm(PanelForm):
    """A form on which one chooses the charge that money goes back to; without any it has no such field."""

    charge = forms.ChoiceField(label=_("Goes back to"), required=False)

    def __init__(self, *args: Any, charges: Sequence[Possible], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.charges = {str(each.room.charge): each for each in charges}
        if charges:
            _choice(self, "charge").choices = [(str(each.room.charge), _said(each)) for each in charges]
        else:
            del self.fields["charge"]

    def back_to(self) -> Charge:
        """The charge that was chosen."""
        chosen = self.chosen()
        return chosen.room.charge if chosen else NO_CHARGE

    def chosen(self) -> Possible | None:
        """The same, with how much may go back to it."""
        return self.charges.get(self.cleaned_data.get("charge", ""))


class PayRefundForm(MoneyForm, KeyedForm, ChargeForm):
    payee_name = forms.CharField(label=_("Payee's name"), max_length=200, required=False)
    method = forms.ChoiceField(
        label=_("Refund method"), choices=methods, widget=forms.Select(attrs={"data-chooses": ""})
    )
    bank_account = forms.CharField(
        label=_("Bank account"),
        required=False,
        max_length=60,
        help_text=_("Branch code and account number, or an IBAN."),
    )
    paypal_email = forms.CharField(label=_("PayPal e-mail"), required=False, max_length=254)
    postal_address = forms.CharField(
        label=_("Postal address"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    reference = forms.CharField(
        label=_("Reference"), required=False, max_length=60,
        help_text=_("What the payee knows the payment by."),
    )  # fmt: skip
    amount = AmountField(label=_("Refund amount"))
    payment_date = DateField(label=_("Payment date"))
    note = forms.CharField(
        label=_("Refund Note"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Internal: the customer never sees it."),
    )

    def __init__(self, *args: Any, now: datetime, available: Money | None = None, **kwargs: Any) -> None:
        """`available` is what may be paid out; None where the amount stands already."""
        super().__init__(*args, **kwargs)
        self.now, self.available = now, available
        self._kept = ("", "")  # a method, and the bank account that stays by it
        if not self.charges:  # there is nothing that the gateway could pay back to
            _choice(self, "method").choices = [each for each in methods() if each[0] != Refund.Method.GATEWAY]

    def keep_account(self, method: str, account: str) -> None:
        """Let the bank account be left empty while the method stays: not everyone may read it."""
        self._kept = (method, account)
        said = _("The account is %(ending)s. Left empty, it stays.") % {"ending": mask(account)}
        self.fields["bank_account"].help_text = said

    def back_to(self) -> Charge:
        """What the money goes back to, where the chosen method is the gateway."""
        return super().back_to() if self.cleaned_data["method"] == Refund.Method.GATEWAY else NO_CHARGE

    def payee(self) -> Payee:
        """Whom to pay, with what the chosen method asks for alone, whatever else was typed."""
        values = self.cleaned_data
        method = shop().methods[values["method"]]
        return Payee(
            *("" if method.asks(name) == Asked.NOT_ASKED else values.get(name, "") for name in PAYEE_FIELDS)
        )

    def rules(self) -> Iterator[Rule]:
        values = self.cleaned_data
        if self.available is not None and "amount" in values:
            yield partial(check_refundable, self.money("amount"), self.available)
        if "method" in values:
            yield from self._rules_of_payee(shop().methods[values["method"]])
        if "payment_date" in values:
            yield partial(check_payment_date, values["payment_date"], self.now)
        yield partial(check_note, values.get("note", ""))

    def _rules_of_payee(self, method: RefundMethod) -> Iterator[Rule]:
        payee = self.payee().stripped()
        if not payee.bank_account and method.code == self._kept[0]:  # which stays is the service's to say
            payee = replace(payee, bank_account=self._kept[1])
        for name, text in payee.details():
            yield partial(check_detail, method, name, text)
        yield partial(account_of, method, payee, self.currency)
        chosen = self.chosen() if method.code == Refund.Method.GATEWAY else None
        if chosen is not None and "amount" in self.cleaned_data:
            yield partial(check_fits, chosen, self.cleaned_data["amount"])

    def details(self) -> list[Detail]:
        """What the methods ask for beside the name: each field, for which, and whether some need it."""
        on = [each for each in shop().methods.values() if each.on]
        asking = {
            name: [each for each in on if each.asks(name) != Asked.NOT_ASKED] for name in PAYEE_FIELDS[1:]
        }
        return [
            Detail(
                self[name],
                " ".join(each.code for each in them),
                any(each.asks(name) == Asked.REQUIRED for each in them)
                and not (self._kept[1] and name == "bank_account"),
            )
            for name, them in asking.items()
            if them
        ]


class RedirectForm(PayRefundForm):
    """Where an open refund goes; its amount stays. `seen` is the `version_of` the refund that it shows."""

    seen = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["amount"]

    def say_stored(self, name: str, value: Any) -> None:
        """Tell beside a field what somebody else made of it meanwhile."""
        field = self.fields[name]
        label = dict(getattr(field, "choices", ())).get(value, value)
        field.help_text = gettext("Changed meanwhile to: %(value)s") % {"value": label or "–"}


class ReverseForm(KeyedForm):
    reason = forms.ChoiceField(
        label=_("Reason"), choices=[("", _("Choose a reason")), *ReverseReason.choices]
    )
    note = forms.CharField(label=_("Internal note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class DeclineForm(PanelForm):
    reason = forms.CharField(
        label=_("Reason for declining"),
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why the refund is declined.")},
    )


class AcceptAskForm(ChargeForm):
    """Accepting what a customer asked for; what goes back to a card or wallet goes back to one charge."""


class DeclineAskForm(PanelForm):
    reason = forms.CharField(
        label=_("Reason for declining"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The customer reads it."),
        error_messages={"required": _("Say why it is declined. The customer reads it.")},
    )
