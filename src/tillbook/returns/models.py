from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number
from tillbook.customers.models import Customer
from tillbook.orders.models import Order, OrderLine
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop


class Rma(models.Model):
    """A return: goods back, or money back without them."""

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CLOSED = "closed", _("Closed")
        CANCELLED = "cancelled", _("Cancelled")

    class Outcome(models.TextChoices):
        AWAITING = "awaiting", _("Awaiting outcome")
        CREDIT = "credit", _("Credit issued")
        NO_CREDIT = "no_credit", _("Closed without credit")
        REVERSED = "reversed", _("Credit reversed")

    class Reason(models.TextChoices):
        """The reasons that every shop begins with; its settings add others."""

        FAULTY = "faulty", _("Faulty or damaged")
        WRONG_ITEM = "wrong_item", _("Wrong item sent")
        NOT_AS_DESCRIBED = "not_as_described", _("Not as described")
        CHANGED_MIND = "changed_mind", _("Changed mind")
        NOT_DELIVERED = "not_delivered", _("Not delivered")
        SHIPPING_ONLY = "shipping_only", _("Shipping given back")
        OTHER = "other", _("Other")

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="rmas", db_index=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="rmas")
    document = models.CharField(
        max_length=50, null=True, unique=True
    )  # the number in the system it came from
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.AWAITING)
    reason = models.CharField(max_length=20)
    note = models.TextField(blank=True)
    public_note = models.TextField(blank=True)
    shipping_minor = models.BigIntegerField(default=0)
    surcharge_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    credit_id = models.BigIntegerField(null=True)  # issued on close
    opened_by = models.CharField(max_length=150)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    reversed_at = models.DateTimeField(null=True)  # when all of its credit had been reversed as a mistake

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(shipping_minor__gte=0) & Q(surcharge_minor__gte=0) & Q(total_minor__gt=0),
                name="rma_amounts_positive",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer", "-opened_at"], name="rma_of_customer"),
            models.Index(fields=["status", "-opened_at"], name="rma_status"),
            models.Index(fields=["-opened_at"], name="rma_opened"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("RMA", self.pk)

    def get_reason_display(self) -> str:
        """What the shop calls the reason, which may be one that it added."""
        return label_of(self.reason, shop().return_reasons)

    @property
    def adjustment_note(self) -> str | None:
        """The number of the adjustment note that closing with credit issued: one per RMA."""
        return public_number("AN", self.pk) if self.credit_id is not None else None


class RmaLine(models.Model):
    rma = models.ForeignKey(Rma, on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.IntegerField()
    order_line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, null=True, related_name="+")
    sku = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    quantity = models.IntegerField()  # 0: money back, the goods stay with the customer
    amount_minor = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rma", "position"], name="rma_line_position"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0) & Q(amount_minor__gte=0), name="rma_line_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku}"
