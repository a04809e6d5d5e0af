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

    def __str__(self) -> str:
        return f"{self.minor} on {self.booked_on}"
