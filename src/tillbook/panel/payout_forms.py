"""Forms of the pages for payouts and bank statements."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tillbook.panel.forms import DateField, KeyedForm, PanelForm
from tillbook.payouts.models import Payout
from tillbook.payouts.queries import sources
from tillbook.payouts.statements.columns import Columns, columns_of
from tillbook.refunds.approvals import Flag
from tillbook.refunds.models import Refund

_LARGEST = 32 * 2**20  # bytes of a statement
_TABLE = "csv"
_OF_TABLE = ("date", "reference", "currency")  # what else a table needs said, beside its amounts
_COLUMNS = ("date", "amount", "debit", "credit", "reference", "cheque")
_A_DAY = date(2026, 11, 30)  # its day is no month: it shows which is which
#: How banks write days, as strptime reads them. The API and the command line take any other way too.
_DATE_FORMATS = (
    "%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d.%m.%y", "%d/%m/%y",
    "%m/%d/%y", "%Y%m%d", "%d %b %Y", "%d-%b-%Y",
)  # fmt: skip


class PayoutForm(KeyedForm):
    format = forms.ChoiceField(label=_("File"), choices=Payout.Format.choices)
    pay_on = DateField(label=_("Pay on"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = [(each.name, f"{each.name}, {each.currency}") for each in sources()]
        self.fields["source"] = forms.ChoiceField(label=_("Pay from"), choices=accounts)
        self.order_fields(["source", "format", "pay_on"])


class SourceForm(PanelForm):
    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("What you call the account."))
    currency = forms.CharField(label=_("Currency"), max_length=3)
    holder = forms.CharField(label=_("Account holder"), max_length=70, help_text=_("As the bank has it."))
    bank_account = forms.CharField(
        label=_("Bank account"), max_length=60, help_text=_("Branch code and account number, or an IBAN.")
    )
    user_id = forms.CharField(
        label=_("User number"),
        required=False,
        max_length=20,
        help_text=_(
            "What the scheme gave the shop: APCA user identification, Bacs service user number, ACH company."
        ),
    )
    bank = forms.CharField(
        label=_("Bank"), required=False, max_length=40, help_text=_("Its name, or for ABA its three letters.")
    )


class CancelPayoutForm(PanelForm):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1_000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why the payout is cancelled.")},
    )


class StatementForm(PanelForm):
    file = forms.FileField(
        label=_("Statement"),
        max_length=200,
        error_messages={"required": _("Choose a file."), "empty": _("The file is empty.")},
    )
    format = forms.ChoiceField(
        label=_("Format"), choices=[("camt053", "camt.053"), ("mt940", "MT940"), (_TABLE, "CSV")],
        widget=forms.Select(attrs={"data-chooses": ""}),
    )  # fmt: skip
    currency = forms.CharField(label=_("Currency"), required=False, max_length=3)
    date = forms.CharField(label=_("Column of the date"), required=False, max_length=100)
    date_format = forms.ChoiceField(
        label=_("How days are written"), required=False,
        choices=[(each, _A_DAY.strftime(each)) for each in _DATE_FORMATS],
    )  # fmt: skip
    amount = forms.CharField(
        label=_("Column of the amount"),
        required=False,
        max_length=100,
        help_text=_("With a minus for what left. If the bank has two columns, name those instead."),
    )
    debit = forms.CharField(label=_("Column of what left"), required=False, max_length=100)
    credit = forms.CharField(label=_("Column of what came in"), required=False, max_length=100)
    decimal = forms.ChoiceField(label=_("Decimal sign"), choices=[(".", "1,234.50"), (",", "1.234,50")])
    reference = forms.CharField(
        label=_("Columns of the reference"),
        required=False,
        max_length=200,
        help_text=_("Several with commas."),
    )

    cheque = forms.CharField(
        label=_("Column of the cheque number"),
        required=False,
        max_length=100,
        help_text=_("Where the bank has one of its own."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _OF_TABLE if self["format"].value() == _TABLE else ():
            self.fields[name].required = True

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > _LARGEST:
            raise ValidationError(_("The file is larger than 32 MB. Read it in parts."))
        return file

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        apart = values.get("debit") or values.get("credit")
        if values.get("format") == _TABLE and bool(values.get("amount")) == bool(apart):
            self.add_error(
                "amount", _("Enter the column of the amount, or those of what left and of what came in.")
            )
        return values

    def layout(self) -> Columns | None:
        """Which column says what. Raises InvalidInput for a table of which that is not said."""
        values = self.cleaned_data
        if values["format"] != _TABLE:
            return None
        named = {name: values[name] for name in _COLUMNS if values[name]}
        return columns_of(
            named, date_format=values["date_format"] or _DATE_FORMATS[0], decimal=values["decimal"]
        )


class ApproveForm(PanelForm):
    """Approving, with a box for each thing that the approver must have seen."""

    def __init__(self, *args: Any, flags: list[Flag], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for flag in flags:
            self.fields[flag.value] = forms.BooleanField(label=_FLAGS[flag], required=False)

    def acknowledged(self) -> list[str]:
        return [name for name, ticked in self.cleaned_data.items() if ticked]


_FLAGS = {
    Flag.CHANGED_ACCOUNT: _("I have seen: the account is not the one that the last refund went to"),
    Flag.SHARED_ACCOUNT: _("I have seen: refunds of other customers went to the same account"),
    Flag.NEW_PAYEE: _("I have seen: the payee is new, and the amount is large"),
}


class ReceiveForm(PanelForm):
    received_on = DateField(label=_("Received on"))


class ChequeForm(PanelForm):
    cheque_number = forms.CharField(
        label=_("Cheque number"), max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )  # fmt: skip


class CancelRefundForm(PanelForm):
    note = forms.CharField(
        label=_("Internal note"), required=False, max_length=1_000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Such as when the bank stopped the cheque."),
    )  # fmt: skip


class CompleteForm(PanelForm):
    """What is known of the payment when it is made: a cheque's number, or that cash was handed over."""

    cheque_number = forms.CharField(
        label=_("Cheque number"), required=False, max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=_("Then the bank's statement shows when it is presented."),
    )  # fmt: skip
    received = forms.BooleanField(
        label=_("The payee has the money already"), required=False, initial=True
    )  # at the till they mostly do

    def __init__(self, *args: Any, method: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if method != Refund.Method.CHEQUE:
            del self.fields["cheque_number"]
        if method != Refund.Method.CASH:
            del self.fields["received"]


class FailForm(PanelForm):
    fail_reason = forms.CharField(
        label=_("Why did it not arrive?"), max_length=1_000, widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say why the payment failed.")},
    )  # fmt: skip
