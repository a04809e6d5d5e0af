"""Forms about mails to customers: which are sent, what they say, and which one customer does without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext_lazy as _

from tillbook.common.mail_kinds import OPTIONAL, TO_CUSTOMERS, MailKind
from tillbook.customers.models import Customer
from tillbook.customers.queries import CustomerNotFound, by_username
from tillbook.delivery.mail_writing import text_of
from tillbook.panel.forms import PanelForm
from tillbook.panel.settings_forms import SettingsForm
from tillbook.shop import papers
from tillbook.shop.checks import LONGEST_REMINDER
from tillbook.shop.details import MailText, Shop
from tillbook.shop.mail_texts import LONGEST_BODY, LONGEST_SUBJECT, starting_text

_WHEN = {
    MailKind.CREDIT_ISSUED: _("When an overpayment, a return or you give them credit. They may opt out."),
    MailKind.CREDIT_EXPIRING: _("Some days before credit expires that they can still use. They may opt out."),
    MailKind.ASK_DECLINED: _("When you decline what they asked for on their own page: with your reason."),
    MailKind.REFUND_REQUESTED: _("When a refund is recorded: if they did not ask for it, they notice."),
    MailKind.REFUND_PAID: _("When a refund is marked as paid and complete."),
    MailKind.REFUND_FAILED: _("When a payment did not arrive or nobody took it: the amount is credit again."),
    MailKind.APPROVAL_WAITING: _(
        "To admins who may approve, but not to who asked: what came within five minutes, in one mail."
    ),
}


class MailsForm(SettingsForm):
    """A switch for each kind, and how long before its end credit is announced."""

    expiring_days = forms.IntegerField(
        label=_("Days before credit expires"), min_value=1, max_value=LONGEST_REMINDER,
        widget=forms.NumberInput(attrs={"class": "amount"}),
        help_text=_("Looked for by the daily round, tillbook expire."),
    )  # fmt: skip

    def __init__(self, *args: Any, shop: Shop, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expiring_days"].initial = shop.expiring_days
        for kind in MailKind:
            self.fields[kind] = forms.BooleanField(
                label=kind.label, required=False, initial=shop.mails[kind].on, help_text=_WHEN[kind]
            )

    def kinds(self) -> Iterator[tuple[MailKind, BoundField, bool]]:
        """Each kind, its switch, and whether it has a text that can be edited."""
        for kind in MailKind:
            yield kind, self[kind], kind in TO_CUSTOMERS

    def wanted(self) -> dict[str, Any]:
        values = self.cleaned_data
        return {
            "mails": {kind.value: {"on": values[kind]} for kind in MailKind},
            "expiring_days": values["expiring_days"],
        }


class MailTextForm(SettingsForm):
    subject = forms.CharField(label=_("Subject"), max_length=LONGEST_SUBJECT)
    body = forms.CharField(
        label=_("Text"), max_length=LONGEST_BODY, widget=forms.Textarea(attrs={"rows": 18}),
        help_text=_("A line whose placeholder has nothing to say is left out."),
    )  # fmt: skip
    customer = forms.CharField(
        label=_("Preview for customer"), required=False, max_length=150,
        help_text=_("A username: the preview is about their last such event. Empty: an example."),
    )  # fmt: skip

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        shown = text_of(kind)
        self.fields["subject"].initial, self.fields["body"].initial = shown.subject, shown.body

    def clean_customer(self) -> Customer | None:
        """Whom the preview is for. An unknown name must not cost the text that was typed with it."""
        name = self.cleaned_data["customer"]
        try:
            return by_username(name) if name else None
        except CustomerNotFound as refusal:
            raise ValidationError(refusal.message) from refusal

    def text(self) -> MailText:
        return MailText(self.cleaned_data["subject"], self.cleaned_data["body"].replace("\r\n", "\n"))

    def wanted(self) -> dict[str, Any]:
        """The text; one that is the starting one again follows it from then on."""
        with papers.shops_language():
            same = self.text() == starting_text(self.kind)
        text = None if same else {"subject": self.text().subject, "body": self.text().body}
        return {"mails": {self.kind: {"texts": {settings.LANGUAGE_CODE: text}}}}


class CustomerMailsForm(PanelForm):
    """Which kinds a customer gets, of those that they may do without."""

    def __init__(self, *args: Any, no_mails: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in OPTIONAL:
            self.fields[kind] = forms.BooleanField(
                label=kind.label, required=False, initial=kind not in no_mails
            )
