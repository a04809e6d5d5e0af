"""Webhooks and mails: where events are sent, and how each sending went."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from tillbook.common.mail_kinds import MailKind
from tillbook.common.numbering import public_number
from tillbook.customers.models import Customer


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


class MailProgress(models.Model):
    """How far events were looked through for mails: one row, as `Endpoint.seen_id` is for a webhook."""

    seen_id = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"seen up to {self.seen_id}"


class Mail(models.Model):
    """One person told of one event. Those of admins that wait together go in one message.

    It is SENDING from before the mail server is spoken to: a process that dies leaves it so, and nobody
    can know whether it has gone. It is never sent again by itself.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Being sent")
        SENT = "sent", _("Sent")
        UNKNOWN = "unknown", _("May not have gone")
        FAILED = "failed", _("Not taken")
        DROPPED = "dropped", _("Not sent")

    class Why(models.TextChoices):
        """Why a mail was not sent after all."""

        NO_ADDRESS = "no_address", _("There was no e-mail address any more.")
        OPTED_OUT = "opted_out", _("The customer opted out of it.")
        SWITCHED_OFF = "switched_off", _("The shop had switched it off.")
        OVER = "over", _("There was nothing to tell any more.")
        LEFT = "left", _("Somebody decided to leave it.")

    kind = models.CharField(max_length=20, choices=MailKind)
    event_id = models.BigIntegerField()
    user_id = models.BigIntegerField(default=0)  # who works here and is told; 0: the customer is
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, db_index=False, related_name="mails"
    )
    about = models.CharField(max_length=60)  # the number of the document it happened to
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    created_at = models.DateTimeField()
    next_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    last_at = models.DateTimeField(null=True)
    to = models.CharField(max_length=254, blank=True)
    title = models.CharField(max_length=200, blank=True)  # the subject of what was sent
    file = models.CharField(max_length=100, blank=True)  # in the outbox, where no mail server is set
    why = models.CharField(max_length=20, choices=Why, blank=True)
    answer = models.TextField(blank=True)  # of the mail server

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["event_id", "kind", "user_id"], name="mail_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="mail_due"),
            models.Index(fields=["last_at"], condition=Q(state="sending"), name="mail_under_way"),
            models.Index(
                fields=["state", "-id"], condition=Q(state__in=["unknown", "failed"]), name="mail_wrong"
            ),
            models.Index(fields=["customer", "-id"], name="mail_of_customer"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return public_number("ML", self.pk)

    @property
    def may_be_sent_again(self) -> bool:
        return self.state in (self.State.UNKNOWN, self.State.FAILED)
