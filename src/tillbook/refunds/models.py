from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number
from tillbook.common.sealed_field import SealedField
from tillbook.common.sealing import mark
from tillbook.credit.models import Credit, ReverseReason
from tillbook.customers.models import Customer
from tillbook.refunds.accounts import identity
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop

#: Before *Reverse* existed, a mistaken credit was taken back by a refund with this in its Refund Note.
#: It pays nobody.
REVERSAL_NOTE = "Refund reversal"


class Refund(models.Model):
    """Credit on its way out: paid to the customer, or reversed because it was a mistake."""

    class Kind(models.TextChoices):
        REFUND = "refund", _("Refund")
        REVERSAL = "reversal", _("Reversal")

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        APPROVED = "approved", _("Approved")
        COMPLETED = "completed", _("Completed")
        DECLINED = "declined", _("Declined")
        FAILED = "failed", _("Failed")

    class Method(models.TextChoices):
        """The methods that every shop begins with; its settings say what each asks for, and add others."""

        BANK_TRANSFER = "bank_transfer", _("Bank transfer")
        PAYPAL = "paypal", _("PayPal")
        CHEQUE = "cheque", _("Cheque")
        CASH = "cash", _("Cash")
        GATEWAY = "gateway", _("Card or wallet, through the gateway")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="refunds", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.REFUND)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    method = models.CharField(max_length=20, blank=True)  # blank: a reversal pays nobody
    payee_name = models.CharField(max_length=200, blank=True)
    bank_account = SealedField(blank=True)
    account_mark = models.CharField(max_length=64, blank=True)  # equal where the bank accounts are
    paypal_email = models.EmailField(blank=True)
    postal_address = models.TextField(blank=True)
    payee_reference = models.CharField(max_length=60, blank=True, default="", db_default="")
    gateway = models.CharField(max_length=20, blank=True, default="", db_default="")  # "stripe", "paypal"
    charge = models.CharField(max_length=100, blank=True, default="", db_default="")  # what it goes back to
    payment_date = models.DateField(null=True)
    reverse_reason = models.CharField(max_length=30, choices=ReverseReason, blank=True)
    note = models.TextField(blank=True)  # internal: the Refund Note
    hold_key = models.CharField(max_length=200)  # of the hold in the ledger that keeps the money
    requested_by = models.CharField(max_length=150)
    requested_by_user_id = models.BigIntegerField(null=True)
    requested_at = models.DateTimeField()
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True)
    decline_reason = models.TextField(blank=True)
    payout = models.CharField(max_length=20, blank=True)  # number of the payout that it is in
    sending = models.CharField(max_length=20, blank=True, default="", db_default="")  # through a gateway
    failed_at = models.DateTimeField(null=True)  # when the money came back
    fail_reason = models.TextField(blank=True)
    was_unclaimed = models.BooleanField(default=False, db_default=False)  # it failed as nobody took the money
    completed_at = models.DateTimeField(null=True)  # when it was paid; stays when the money comes back
    cheque_number = models.CharField(max_length=20, blank=True, default="", db_default="")
    received_on = models.DateField(null=True)  # the payee had the money that day, as the bank or they say
    received_at = models.DateTimeField(null=True)  # when that was recorded

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "hold_key"], name="refund_hold_once"),
            models.UniqueConstraint(
                fields=["currency", "cheque_number"],
                condition=Q(status="completed", received_at__isnull=True) & ~Q(cheque_number=""),
                name="refund_cheque_out_once",
            ),
            models.CheckConstraint(
                condition=Q(received_on__isnull=True, received_at__isnull=True)
                | Q(received_on__isnull=False, received_at__isnull=False, completed_at__isnull=False),
                name="refund_received_when_paid",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "approved"], resolved_at__isnull=True)
                | (~Q(status__in=["requested", "approved"]) & Q(resolved_at__isnull=False)),
                name="refund_resolved_when_done",
            ),
            models.CheckConstraint(
                condition=Q(gateway="", charge="") | (~Q(gateway="") & ~Q(charge="")),
                name="refund_charge_whole",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "requested_at"], name="refund_queue"),
            models.Index(fields=["requested_at"], name="refund_requested"),
            models.Index(fields=["customer", "-requested_at"], name="refund_of_customer"),
            # All that adding up what waits has to read, as short for ten thousand as for ten.
            models.Index(
                fields=[
                    "currency",
                    "kind",
                    "method",
                    "payout",
                    "sending",
                    "requested_at",
                    "amount_minor",
                    "status",
                ],
                name="refund_waiting",
                condition=Q(status__in=["requested", "approved"]),
            ),
            models.Index(fields=["account_mark"], name="refund_account", condition=~Q(account_mark="")),
            models.Index(fields=["cheque_number"], name="refund_cheque", condition=~Q(cheque_number="")),
            models.Index(  # no term with a value: SQLite would not see that a bound one implies it
                fields=["method", "completed_at"],
                name="refund_out",
                condition=Q(completed_at__isnull=False, received_at__isnull=True),
            ),
            models.Index(fields=["gateway", "charge"], name="refund_charge", condition=~Q(charge="")),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("RF", self.pk)

    @property
    def pays_nobody(self) -> bool:
        """Whether it takes back a credit given by mistake, by its kind or by its note."""
        return self.kind == self.Kind.REVERSAL or REVERSAL_NOTE.lower() in self.note.lower()

    def get_method_display(self) -> str:
        """What the shop calls the method, which may be one that it added."""
        return label_of(self.method, shop().methods)

    def mark_anew(self) -> list[str]:
        """Mark the account with the key that is now the first; which columns that changed."""
        if self.account_mark:  # or it is none that refunds are found by
            self.account_mark = mark(identity(self.bank_account))
        return ["account_mark"]


class Ask(models.Model):
    """A refund that a customer asked for on their own page. It holds nothing: it waits for staff."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="asks", db_index=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    method = models.CharField(max_length=20)
    payee_name = models.CharField(max_length=200, blank=True)
    bank_account = SealedField(blank=True)
    account_mark = models.CharField(max_length=64, blank=True)  # equal where the bank accounts are
    paypal_email = models.EmailField(blank=True)
    postal_address = models.TextField(blank=True)
    payee_reference = models.CharField(max_length=60, blank=True)
    asked_at = models.DateTimeField()
    resolved_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True)
    decline_reason = models.TextField(blank=True)  # to the customer
    refund = models.OneToOneField(Refund, on_delete=models.PROTECT, null=True, related_name="ask")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(status="waiting"), name="ask_waits_once"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="ask_amount_positive"),
            models.CheckConstraint(
                condition=Q(status="waiting", resolved_at__isnull=True)
                | (~Q(status="waiting") & Q(resolved_at__isnull=False)),
                name="ask_resolved_when_done",
            ),
            models.CheckConstraint(
                condition=Q(status="accepted", refund__isnull=False)
                | (~Q(status="accepted") & Q(refund__isnull=True)),
                name="ask_accepted_as_a_refund",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "asked_at"], name="ask_queue"),
            models.Index(fields=["customer", "-asked_at"], name="ask_of_customer"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("ASK", self.pk)

    def get_method_display(self) -> str:
        """What the shop calls the method."""
        return label_of(self.method, shop().methods)

    def mark_anew(self) -> list[str]:
        """Mark the account with the key that is now the first; which columns that changed."""
        if self.account_mark:  # or it is none that refunds are found by
            self.account_mark = mark(identity(self.bank_account))
        return ["account_mark"]


class Approval(models.Model):
    """One person's consent to one content of a refund (R6). It ends when the refund is changed."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="approvals", db_index=False)
    by = models.CharField(max_length=150)
    by_user_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    content = models.CharField(max_length=64)  # the digest of all that was approved
    acknowledged = models.JSONField(default=list)  # the flags that the approver was shown
    voided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["refund", "by"], condition=Q(voided_at__isnull=True), name="approval_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["refund", "at"], name="approval_of_refund")]

    def __str__(self) -> str:
        return f"{self.by} approved {self.refund_id}"


class RefundSource(models.Model):
    """How much of a refund comes out of which credit."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="sources", db_index=False)
    customer_id = models.BigIntegerField()
    credit_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    credit = models.ForeignObject(
        Credit,
        on_delete=models.DO_NOTHING,
        from_fields=("customer_id", "credit_id"),
        to_fields=("customer_id", "id"),
        related_name="+",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["refund", "credit_id"], name="refund_source_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="refund_source_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} of credit {self.credit_id}"
