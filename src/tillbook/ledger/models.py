"""The book's three tables.

Every row names its customer and every key starts with it, so that the book can be
spread by customer over several databases as it stands.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class House(StrEnum):
    """The shop's own side of every transfer: mere names, so that no row is hot."""

    RECEIPTS = "receipts"
    SALES_RETURNS = "sales_returns"
    GOODWILL = "goodwill"
    PROMOTIONS = "promotions"
    ADJUSTMENTS = "adjustments"
    ORDERS = "orders"
    PAYOUTS = "payouts"
    BREAKAGE = "breakage"


class Kind(StrEnum):
    """What a transfer does to its account's counters."""

    POST = "post"  # posted moves at once, in or out
    HOLD = "hold"  # held grows; a later capture or release resolves it, once
    CAPTURE = "capture"  # the hold ends; its amount, or part of it, leaves posted
    RELEASE = "release"  # the hold ends; nothing leaves


class Account(models.Model):
    """One credit's account: its counters, and the head of its chain of transfers."""

    pk = models.CompositePrimaryKey("customer_id", "id")
    customer_id = models.BigIntegerField()
    id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    posted_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    transfers = models.IntegerField(default=0)  # how many; the last one's `seq`
    digest = models.BinaryField()  # the last transfer's digest

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(held_minor__gte=0) & Q(held_minor__lte=F("posted_minor")),
                name="account_zero_le_held_le_posted",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["id"], name="account_number")]

    def __str__(self) -> str:
        return f"account {self.id}"

    @property
    def available_minor(self) -> int:
        return self.posted_minor - self.held_minor


class Transfer(models.Model):
    """An immutable line of an account: the `seq`-th since it was opened.

    `inward` says which side the account stands on: an inward transfer debits `house` and
    credits the account, an outward one debits the account and credits `house`.
    `posted_minor` and `held_minor` are the account's counters after it, `digest` chains it
    to the one before.
    """

    pk = models.CompositePrimaryKey("customer_id", "account_id", "seq")
    customer_id = models.BigIntegerField()
    account_id = models.BigIntegerField()
    seq = models.IntegerField()
    kind = models.CharField(max_length=10)
    house = models.CharField(max_length=20)
    inward = models.BooleanField()
    amount_minor = models.BigIntegerField()
    hold_seq = models.IntegerField(null=True)  # of the hold that this one resolves
    reason = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    key = models.CharField(max_length=200)
    part = models.IntegerField()  # a keyed operation may write several transfers: 0, 1, 2 ...
    content = models.CharField(max_length=64)  # SHA-256 of the keyed request
    actor = models.CharField(max_length=60)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    posted_minor = models.BigIntegerField()
    held_minor = models.BigIntegerField()
    digest = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer_id", "key", "part"], name="transfer_key_once"),
            models.UniqueConstraint(
                fields=["customer_id", "account_id", "hold_seq"],
                condition=Q(hold_seq__isnull=False),
                name="transfer_hold_resolved_once",
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="transfer_amount_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "reference"], name="transfer_of_document"),
            # The running history of a customer, whichever credits it went through.
            models.Index(
                fields=["customer_id", "recorded_at", "account_id", "seq"], name="transfer_of_customer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.seq}"


class Balance(models.Model):
    """The one projection: what a customer has and owes in one currency.

    Lists and searches read it, and its row is the one lock under which that customer's
    money moves. `Recalculate` checks it against the transfers and the open orders.
    """

    pk = models.CompositePrimaryKey("customer_id", "currency")
    customer_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    available_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    owing_minor = models.BigIntegerField(default=0)

    # No index holds a figure: PostgreSQL then writes the new row beside the old one, and no index entry.

    def __str__(self) -> str:
        return f"{self.customer_id} {self.currency}"


class Verification(models.Model):
    """A check of the whole book: how far it came, and what it found. It moves nothing, and may be lost."""

    class Depth(models.TextChoices):
        SUMS = "sums", _("Sums")
        FULL = "full", _("Full")

    depth = models.CharField(max_length=10, choices=Depth)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    started_by = models.CharField(max_length=150)
    ranges = models.JSONField()  # [first customer, last customer], null: no bound; null itself: documents
    done = models.JSONField(default=dict)  # a range's place in `ranges` -> what its check gave
    sentences = models.JSONField(default=list)  # what was found, as it was told
    broken = models.IntegerField(default=0)
    transfers = models.BigIntegerField(default=0)
    accounts = models.BigIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-started_at"], name="verification_newest")]

    def __str__(self) -> str:
        return f"{self.depth} {self.started_at}"
