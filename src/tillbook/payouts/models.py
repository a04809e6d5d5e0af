from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number
from tillbook.common.sealed_field import SealedField
from tillbook.refunds.models import Refund


class Source(models.Model):
    """An account of the shop that refunds are paid from, and what its bank needs to know."""

    name = models.CharField(max_length=60, unique=True)  # what the shop calls it
    currency = models.CharField(max_length=3)
    holder = models.CharField(max_length=70)
    bank_account = SealedField()
    user_id = models.CharField(max_length=20, blank=True)
    bank = models.CharField(max_length=40, blank=True)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Payout(models.Model):
    """A batch of refunds in one file for a bank. The file is made once and kept, sealed."""

    class Format(models.TextChoices):
        ABA = "aba", _("ABA (Australia)")
        PAIN001 = "pain001", _("SEPA pain.001")
        NACHA = "nacha", _("NACHA PPD (United States)")
        BACS18 = "bacs18", _("Bacs Standard 18 (United Kingdom)")
        CSV = "csv", _("CSV")
        XLSX = "xlsx", _("XLSX")

    class Status(models.TextChoices):
        MADE = "made", _("Made")
        CANCELLED = "cancelled", _("Cancelled")

    key = models.CharField(max_length=200, unique=True)
    content = models.CharField(max_length=64)  # the digest of what was asked for under the key
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="payouts")
    format = models.CharField(max_length=10, choices=Format)
    status = models.CharField(max_length=10, choices=Status, default=Status.MADE)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    refunds = models.IntegerField()
    pay_on = models.DateField()
    made_by = models.CharField(max_length=150)
    made_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    file = SealedField()  # base64
    digest = models.CharField(max_length=64)  # SHA-256 of the file

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(total_minor__gt=0), name="payout_total_positive"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("PO", self.pk)


class Item(models.Model):
    """A refund in a payout. While that stands, the refund is in no other."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="items")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount_minor = models.BigIntegerField()
    released = models.BooleanField(default=False)  # the payout was cancelled, or the payment failed

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["refund"], condition=Q(released=False), name="payout_item_once"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id} in {self.payout_id}"


class Statement(models.Model):
    """A bank's statement that was read."""

    name = models.CharField(max_length=200)  # of the file
    format = models.CharField(max_length=10)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the file
    read_by = models.CharField(max_length=150)
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("ST", self.pk)


class Booking(models.Model):
    """One entry of a statement, and what it did."""

    class Outcome(models.TextChoices):
        PAID = "paid", _("Paid")  # it completed a refund
        RECEIVED = "received", _("Received")  # it shows that a completed refund's money was taken
        CAME_BACK = "came_back", _("Came back")  # it failed a refund
        KNOWN = "known", _("Already known")  # the refund was there already
        DIFFERS = "differs", _("Differs")  # it names a refund, and does not fit it
        UNMATCHED = "unmatched", _("Unmatched")

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="bookings")
    key = models.CharField(max_length=64, unique=True)
    position = models.IntegerField()
    booked_on = models.DateField()
    minor = models.BigIntegerField()  # below zero: it left the account
    currency = models.CharField(max_length=3)
    text = models.TextField(blank=True)
    name = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    problem = models.TextField(blank=True)
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="+")
    # Whose file it is, where the bank booked that as one sum.
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.minor} on {self.booked_on}"


class GatewayAccount(models.Model):
    """The shop's account at a payment gateway. Its secrets are for the adapter alone, and shown nowhere."""

    gateway = models.CharField(max_length=20, unique=True)  # a name of the registry
    api_base = models.CharField(max_length=200)
    client_id = SealedField(blank=True)
    secret = SealedField()
    webhook_secret = SealedField(blank=True)  # what its events are verified by; without it none is believed
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.gateway


class Sending(models.Model):
    """One refund on its way through a gateway: kept before it is sent, asked about until its end is known."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("No answer yet")
        PENDING = "pending", _("Under way")
        SUCCEEDED = "succeeded", _("Paid")
        FAILED = "failed", _("Failed")

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="sendings", db_index=False)
    gateway = models.CharField(max_length=20)
    charge = models.CharField(max_length=100)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    key = models.CharField(max_length=80, unique=True)  # by which the gateway pays once, however often asked
    state = models.CharField(max_length=10, choices=State, default=State.UNKNOWN)
    reference = models.CharField(max_length=100, blank=True)  # what the gateway calls the refund
    problem = models.TextField(blank=True)  # what it said last, where that is not the outcome
    sent_by = models.CharField(max_length=150)
    sent_by_user_id = models.BigIntegerField(null=True)
    sent_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)  # when the gateway was last asked, or told by itself
    asks = models.IntegerField(default=0)
    next_ask_at = models.DateTimeField(null=True)  # null: its end is known
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["refund"], condition=~Q(state="failed"), name="sending_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="sending_amount_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_ask_at"], name="sending_due", condition=Q(next_ask_at__isnull=False)),
            models.Index(fields=["refund", "-sent_at"], name="sending_of_refund"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("GS", self.pk)

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet how it ends."""
        return self.state in (self.State.UNKNOWN, self.State.PENDING)
