"""Webhooks: where events are sent, and how each sending went."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.numbering import public_number


class Endpoint(models.Model):
    """An address that gets every event, or those of some actions, that is recorded after it was added.

    `secret` signs, so it must be readable: it is shown once, and never logged or told again.
    """

    url = models.CharField(max_length=500)
    secret = models.CharField(max_length=100)  # whsec_ and base64
    description = models.CharField(max_length=200, blank=True)
    actions = models.JSONField(default=list)  # "refund.completed", "order.*"; none: all
    seen_id = models.BigIntegerField()  # no event up to this one can still turn up: `finding` moves it
    created_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["url"], name="endpoint_url_once")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("WH", self.pk)


class Delivery(models.Model):
    """One event on its way to one endpoint."""

    class State(models.TextChoices):
        PENDING = "pending", _("Pending")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, db_index=False)
    event_id = models.BigIntegerField()
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=60)  # deliveries of one subject go in the order of their events
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField()
    since = models.DateTimeField()  # the three days count from here
    next_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)  # until then one process has it
    attempts = models.IntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    last_status = models.IntegerField(null=True)  # of HTTP; null: there was no answer
    last_answer = models.TextField(blank=True)  # its beginning, or why there was none
    last_ms = models.IntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="delivery_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "next_at"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(
                fields=["endpoint", "subject", "event_id"],
                condition=Q(state="pending"),
                name="delivery_in_order",
            ),
            models.Index(
                fields=["state", "endpoint", "-event_id"],
                condition=Q(state="given_up"),
                name="delivery_given_up",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("WD", self.pk)

    @property
    def webhook_id(self) -> str:
        """The same at every attempt, so that the receiver can drop repeats."""
        return f"evt_{self.event_id}_{self.endpoint_id}"
