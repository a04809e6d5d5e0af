from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number
from tillbook.customers.models import Customer


class Order(models.Model):
    """An order of the shop, as far as money is concerned.

    `received_minor` is what its payments brought, voided ones left out; `credit_used_minor`
    what credit paid of it; `overpaid_minor` what money went on as credit because it was too
    much, and `reversed_minor` how much of that credit was reversed since, as a mistake.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CANCELLED = "cancelled", _("Cancelled")

    class PaidStatus(models.TextChoices):
        PENDING = "pending", _("Pending")
        PART_PAID = "part_paid", _("Part paid")
        FULLY_PAID = "fully_paid", _("Fully paid")
        OVER_PAID = "over_paid", _("Over paid")

    number = models.CharField(max_length=50, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders", db_index=False)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    paid_status = models.CharField(max_length=10, choices=PaidStatus)
    shipping_minor = models.BigIntegerField(default=0)
    surcharge_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()  # lines + shipping + surcharge
    received_minor = models.BigIntegerField(default=0)
    credit_used_minor = models.BigIntegerField(default=0)
    overpaid_minor = models.BigIntegerField(default=0)
    reversed_minor = models.BigIntegerField(default=0)
    returned_minor = models.BigIntegerField(
        default=0
    )  # credited or claimed by RMAs, shipping and surcharge too
    returned_shipping_minor = models.BigIntegerField(default=0)
    returned_surcharge_minor = models.BigIntegerField(default=0)
    note = models.TextField(blank=True)
    placed_at = models.DateTimeField()
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(total_minor__gte=0)
                & Q(received_minor__gte=0)
                & Q(credit_used_minor__gte=0)
                & Q(overpaid_minor__gte=0)
                & Q(reversed_minor__gte=0)
                & Q(reversed_minor__lte=F("overpaid_minor")),
                name="order_sums_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(returned_minor__gte=0)
                & Q(returned_shipping_minor__gte=0)
                & Q(returned_shipping_minor__lte=F("shipping_minor"))
                & Q(returned_surcharge_minor__gte=0)
                & Q(returned_surcharge_minor__lte=F("surcharge_minor")),
                name="order_returned_within_sold",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer", "-placed_at"], name="order_of_customer"),
            models.Index(fields=["paid_status", "-placed_at"], name="order_paid_status"),
            models.Index(fields=["-placed_at"], name="order_placed"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def paid_minor(self) -> int:
        """What stands against the total: money and credit that came, less what went on as credit."""
        return self.received_minor + self.credit_used_minor - self.overpaid_minor

    @property
    def due_minor(self) -> int:
        """What it costs the customer: nothing once it is cancelled."""
        return 0 if self.status == self.Status.CANCELLED else self.total_minor

    @property
    def owing_minor(self) -> int:
        """What the customer still owes on it.

        A cancelled order owes only where a payment was voided after its credit had been spent.
        """
        return max(0, self.due_minor - self.paid_minor)

    @property
    def excess_minor(self) -> int:
        """What was paid beyond what is due and has not gone on as credit yet."""
        return max(0, self.paid_minor - self.due_minor)

    @property
    def unbacked_minor(self) -> int:
        """What went on as credit though its money is no longer there: a payment was voided."""
        backed = max(0, self.received_minor + self.credit_used_minor - self.due_minor)
        return max(0, self.overpaid_minor - backed)

    def use_reversed(self) -> None:
        """Where less money is left than went on as credit, let credit already reversed make up for it."""
        gone = min(self.unbacked_minor, self.reversed_minor)
        self.overpaid_minor -= gone
        self.reversed_minor -= gone

    @property
    def paid_status_by_sums(self) -> PaidStatus:
        """The paid status that the sums make; `paid_status` keeps it for filters."""
        if self.paid_minor >= self.total_minor:
            return self.PaidStatus.OVER_PAID if self.overpaid_minor > 0 else self.PaidStatus.FULLY_PAID
        return self.PaidStatus.PART_PAID if self.paid_minor > 0 else self.PaidStatus.PENDING


class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.IntegerField()
    sku = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()
    amount_minor = models.BigIntegerField()  # of the whole line
    returned_quantity = models.IntegerField(default=0)  # in RMAs, open ones counted
    returned_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1) & Q(amount_minor__gte=0), name="order_line_positive"
            ),
            models.CheckConstraint(
                condition=Q(returned_quantity__gte=0)
                & Q(returned_quantity__lte=F("quantity"))
                & Q(returned_minor__gte=0)
                & Q(returned_minor__lte=F("amount_minor")),
                name="order_line_returned_within_sold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"


class Payment(models.Model):
    """Money that came in for an order, by whatever way the shop takes it."""

    class Method(models.TextChoices):
        CARD = "card", _("Card")
        BANK_TRANSFER = "bank_transfer", _("Bank transfer")
        PAYPAL = "paypal", _("PayPal")
        CASH = "cash", _("Cash")
        CHEQUE = "cheque", _("Cheque")
        OTHER = "other", _("Other")

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    customer_id = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    method = models.CharField(max_length=20, choices=Method)
    reference = models.CharField(max_length=100, blank=True)
    gateway = models.CharField(max_length=20, blank=True, default="", db_default="")  # "stripe", "paypal"
    charge = models.CharField(
        max_length=100, blank=True, default="", db_default=""
    )  # as the gateway names it
    # What the gateway paid back of the charge past Tillbook, as somebody noted.
    paid_back_minor = models.BigIntegerField(default=0, db_default=0)
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=150)
    voided_at = models.DateTimeField(null=True)
    void_reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payment_amount_positive"),
            models.CheckConstraint(
                condition=Q(gateway="", charge="") | (~Q(gateway="") & ~Q(charge="")),
                name="payment_charge_whole",
            ),
            models.CheckConstraint(
                condition=Q(paid_back_minor=0)
                | (~Q(charge="") & Q(paid_back_minor__gt=0) & Q(paid_back_minor__lte=F("amount_minor"))),
                name="payment_paid_back_of_charge",
            ),
            models.UniqueConstraint(
                fields=["gateway", "charge"],
                condition=~Q(charge="") & Q(voided_at__isnull=True),
                name="payment_charge_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer_id"], name="payment_charged", condition=~Q(charge="")),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("PAY", self.pk)
