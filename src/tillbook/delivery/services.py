"""Sending papers to customers by e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.mail import NoEmailAddress, deliver, one_line
from tillbook.common.money import Money
from tillbook.customers.models import Customer
from tillbook.delivery.sender import replies_to, sender
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, content_of, record, replay
from tillbook.refunds import slip
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.refunds.state import RefundNotFound
from tillbook.shop.policies import shop

_ACTION = "refund.slip_sent"
_STATES = {
    Refund.Status.REQUESTED: (
        "The refund is recorded and not yet completed. The slip is a record: "
        "the money itself is paid separately, as the slip says."
    ),
    Refund.Status.APPROVED: (
        "The refund is approved and not yet completed. The slip is a record: "
        "the money itself is paid separately, as the slip says."
    ),
    Refund.Status.FAILED: (
        "The payment of the refund did not arrive and came back. The credit is available to you again."
    ),
    Refund.Status.COMPLETED: (
        "The refund is completed. The slip is a record: "
        "the money itself was paid separately, as the slip says."
    ),
    Refund.Status.DECLINED: (
        "The refund was declined and no money is paid because of it. The credit is available to you again."
    ),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a message went: the address, and the file it was written to where no mail server is set."""

    to: str
    path: Path | None


def send_slip(refund_id: int, *, key: str, actor: Actor, now: datetime) -> Sent:
    """Send refund slip: mail the slip to the customer, or write the mail to a file in the outbox.

    Not one transaction: a slow mail server must not hold the book's lock, so the event is
    written once the message is on its way. The same key sends once; another sends another copy.
    Raises PermissionDenied, RefundNotFound, InvalidInput for a reversal, NoEmailAddress,
    MailFailed, KeyReused.
    """
    actor.require(Permission.REQUEST_REFUND)
    refund = _refund(refund_id)
    content = content_of(_ACTION, refund_id=refund_id)
    first = replay(refund.customer_id, key, content)
    if first is not None:
        return _sent(first)
    if refund.kind == Refund.Kind.REVERSAL:
        raise InvalidInput(f"{refund.number} is a reversal: nobody is paid, so there is no slip to send.")
    to = _address_of(refund.customer)
    path = deliver(_message(refund, to, now), refund.number, now)
    data = {"to": to, "file": path.name if path else None}
    event = NewEvent(_ACTION, refund.number, refund.customer_id, key, content, data=data)
    try:
        with transaction.atomic():
            record(event, actor=actor, now=now)
    except IntegrityError:  # the same click came twice at the same moment, and the other is recorded
        first = replay(refund.customer_id, key, content)
        if first is None:
            raise
        return _sent(first)
    return Sent(to=to, path=path)


def _sent(event: Event) -> Sent:
    """What was answered when the event was written."""
    name = event.data["file"]
    return Sent(to=event.data["to"], path=Path(settings.EMAIL_FILE_PATH) / name if name else None)


def _refund(refund_id: int) -> Refund:
    found = by_ids([refund_id])
    if not found:
        raise RefundNotFound("There is no such refund.")
    return found[0]


def _address_of(customer: Customer) -> str:
    """The customer's e-mail address, checked again: an import may have brought anything."""
    address = customer.email.strip()
    if not address:
        raise NoEmailAddress(
            f"{customer.username} has no e-mail address. Add one to the customer, or print the slip.",
            field="email",
        )
    try:
        validate_email(address)
    except ValidationError:
        raise NoEmailAddress(
            f"{address!r} is not an e-mail address. Correct it at the customer, or print the slip.",
            field="email",
        ) from None
    return address


def _message(refund: Refund, to: str, now: datetime) -> EmailMessage:
    policy = shop()
    message = EmailMessage(
        subject=one_line(f"{refund.number}: refund slip from {policy.name}"),
        body=_body(refund),
        from_email=sender(),
        to=[to],
        reply_to=replies_to(),
        headers={"Date": format_datetime(now)},
    )
    message.attach(f"{refund.number}.pdf", slip.render([refund]), "application/pdf")
    return message


def _body(refund: Refund) -> str:
    policy = shop()
    amount = Money(refund.amount_minor, refund.currency).localized(policy.locale)
    paragraphs = [
        f"Dear {one_line(refund.customer.display_name)},",
        f"Your slip for {refund.number} over {amount} ({refund.currency}) is attached.",
        _STATES[Refund.Status(refund.status)],
        policy.name,
    ]
    return "\n\n".join(paragraphs) + "\n"
