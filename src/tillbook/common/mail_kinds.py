"""What mails are sent for by themselves, and which of them a customer may do without."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class MailKind(models.TextChoices):
    """A kind of mail that follows from an event. The shop switches each on or off."""

    CREDIT_ISSUED = "credit_issued", _("Credit issued")
    CREDIT_EXPIRING = "credit_expiring", _("Credit about to expire")
    ASK_DECLINED = "ask_declined", _("Request on their own page declined")
    REFUND_REQUESTED = "refund_requested", _("Refund requested")
    REFUND_PAID = "refund_paid", _("Refund paid")
    REFUND_FAILED = "refund_failed", _("Refund failed")
    APPROVAL_WAITING = "approval_waiting", _("Refunds wait for approval")


#: What a customer may opt out of. The others are about their own money on its way: those always go.
OPTIONAL = (MailKind.CREDIT_ISSUED, MailKind.CREDIT_EXPIRING)

#: Those that go to customers, in the order in which pages have them. The other one goes to admins.
TO_CUSTOMERS = tuple(kind for kind in MailKind if kind != MailKind.APPROVAL_WAITING)
