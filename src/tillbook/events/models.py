"""One append-only event per change: who, when, from where, what and why (R9).

An event is also the memory of an idempotency key (R4): `key` and `content` are what a
repeated request is compared with, and `subject` leads back to the first answer.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Event(models.Model):
    action = models.CharField(max_length=60)  # what happened, as docs/reference.md lists it
    customer_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=60)  # the public number or username it happened to
    key = models.CharField(max_length=200, null=True)
    content = models.CharField(max_length=64, null=True)  # SHA-256 of the keyed request
    actor_name = models.CharField(max_length=150)
    actor_role = models.CharField(max_length=20)
    actor_user_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=100)
    reason = models.CharField(max_length=60, blank=True)
    note = models.TextField(blank=True)  # internal
    public_note = models.TextField(blank=True)  # what the customer may read
    data = models.JSONField(default=dict)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer_id", "key"], condition=Q(key__isnull=False), name="event_key_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["customer_id", "id"], name="event_of_customer"),
            models.Index(fields=["subject", "id"], name="event_of_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
