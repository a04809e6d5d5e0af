from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number
from tillbook.customers.models import Customer
from tillbook.ledger.models import Account


class Source(models.TextChoices):
    """Where a credit came from."""

    OVERPAYMENT = "overpayment", _("Order")
    RETURN = "return", _("RMA")
    MANUAL = "manual", _("Manual")


class GiveReason(models.TextChoices):
    """The reasons for giving credit by hand that every shop begins with.

    The shop's settings say what each is called and means for the book, and add others.
    """

    GOODWILL = "goodwill", _("Goodwill")
    LATE_DELIVERY = "late_delivery", _("Late delivery")
    PROMOTION = "promotion", _("Promotion")
    PRICE_CORRECTION = "price_correction", _("Price correction")
    DAMAGED_GOODS = "damaged_goods", _("Damaged or missing goods")
    DEPOSIT = "deposit", _("Deposit or money received without an order")


class ReverseReason(models.TextChoices):
    GIVEN_BY_MISTAKE = "given_by_mistake", _("Given by mistake")
    WRONG_CUSTOMER = "wrong_customer", _("Given to the wrong customer")
    WRONG_AMOUNT = "wrong_amount", _("Wrong amount")
    DUPLICATE = "duplicate", _("Given twice")
    PAYMENT_VOIDED = "payment_voided", _("The payment it came from was voided")


class Credit(models.Model):
    """One credit of one customer. Its money stands on the ledger account of the same id."""

    pk = models.CompositePrimaryKey("customer_id", "id")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credits", db_index=False)
    id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    issued_minor = models.BigIntegerField()
    source = models.CharField(max_length=20, choices=Source)
    source_reference = models.CharField(max_length=100, blank=True)  # order or RMA number
    order_reference = models.CharField(max_length=100, blank=True)  # of a return: the order it was of
    house = models.CharField(max_length=20)  # the house account it came from
    reason = models.CharField(max_length=40)
    note = models.TextField(blank=True)  # internal
    public_note = models.TextField(blank=True)  # to the customer
    refundable = models.BooleanField()
    issued_at = models.DateTimeField()  # when the credit arose: the first transfer's effective_at
    expires_at = models.DateTimeField(null=True)  # first moment at which it can't be used
    issued_by = models.CharField(max_length=150)
    key = models.CharField(max_length=200)
    # Whether anything is available: kept, so that finding the next credit to use costs the same
    # however many a customer has spent. The index `credit_in_order` is made by a migration.
    usable = models.BooleanField(default=True)
    # When somebody decided that an overpayment stays credit. The index `credit_overpaid` is made by a
    # migration: the overpayments that nobody has dealt with, in the order in which they arose.
    kept_at = models.DateTimeField(null=True)

    account = models.ForeignObject(
        Account,
        on_delete=models.DO_NOTHING,
        from_fields=("customer_id", "id"),
        to_fields=("customer_id", "id"),
        related_name="+",
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["customer", "key"], name="credit_key_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="credit_expiry"),
            models.Index(fields=["customer", "source_reference"], name="credit_of_document"),
            models.Index(fields=["id"], name="credit_number"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("CR", self.id)

    def has_expired(self, now: datetime) -> bool:
        """Whether it can't be used any more at `now`."""
        return self.expires_at is not None and self.expires_at <= now


class Snapshot(models.Model):
    """What the shop owed in credit at a moment, as the book said then.

    Derived by `snapshots`, and shown where counting anew would take too long. It may be lost.
    """

    at = models.DateTimeField(unique=True)  # the first moment that is not counted
    counted_at = models.DateTimeField()
    owed = models.JSONField()  # currency -> source -> minor units, what is held too

    def __str__(self) -> str:
        return f"owed at {self.at}"
