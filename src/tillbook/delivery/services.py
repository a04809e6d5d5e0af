"""Sending papers to customers by e-mail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.mail import NoEmailAddress, deliver, one_line
from tillbook.customers.models import Customer
from tillbook.delivery.sender import letter
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, content_of, record, replay
from tillbook.refunds import slip
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import by_ids
from tillbook.refunds.state import RefundNotFound
from tillbook.returns import note
from tillbook.returns.models import Rma
from tillbook.returns.queries import by_id as rma_by_id
from tillbook.shop import papers
from tillbook.shop.policies import shop

_SLIP_SENT = "refund.slip_sent"
_NOTE_SENT = "rma.note_sent"


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a message went: the address, and the file it was written to where no mail server is set."""

    to: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class _Paper:
    """A paper to be mailed, and what the message says of it."""

    subject: str
    sentences: Sequence[str]
    file: str
    pdf: bytes


def send_slip(refund_id: int, *, key: str, actor: Actor, now: datetime) -> Sent:
    """Send refund slip: mail the slip to the customer, or write the mail to a file in the outbox.

    The same key sends once; another sends another copy. Raises PermissionDenied, RefundNotFound,
    NoSlip for a reversal, NoEmailAddress, MailFailed, KeyReused.
    """
    actor.require(Permission.REQUEST_REFUND)
    refund = _refund(refund_id)
    content = content_of(_SLIP_SENT, refund_id=refund_id)
    return _send(_SLIP_SENT, refund, lambda: _slip(refund), key, content, actor, now)


def send_note(rma_id: int, *, key: str, actor: Actor, now: datetime) -> Sent:
    """Send adjustment note: mail the note of a closed return to the customer, as a slip is mailed.

    Raises PermissionDenied, RmaNotFound, NoAdjustmentNote, NoEmailAddress, MailFailed, KeyReused.
    """
    actor.require(Permission.WORK_RETURNS)
    rma = rma_by_id(rma_id)
    content = content_of(_NOTE_SENT, rma_id=rma_id)
    return _send(_NOTE_SENT, rma, lambda: _note(rma), key, content, actor, now)


def _send(
    action: str,
    about: Refund | Rma,
    made: Callable[[], _Paper],
    key: str,
    content: str,
    actor: Actor,
    now: datetime,
) -> Sent:
    """Mail the paper that `made` makes to its customer, and record that, once for the key.

    Not one transaction: a slow mail server must not hold the book's lock, so the event is
    written once the message is on its way.
    """
    first = replay(about.customer_id, key, content)
    if first is not None:
        return _sent(first)
    paper = made()
    to = address_of(about.customer)
    path = deliver(_message(paper, about.customer, to, now), about.number, now)
    data = {"to": to, "file": path.name if path else None}
    event = NewEvent(action, about.number, about.customer_id, key, content, data=data)
    try:
        with transaction.atomic():
            record(event, actor=actor, now=now)
    except IntegrityError:  # the same click came twice at the same moment, and the other is recorded
        first = replay(about.customer_id, key, content)
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
        raise RefundNotFound(_("There is no such refund."))
    return found[0]


def _slip(refund: Refund) -> _Paper:
    pdf = slip.render([refund])
    amount = papers.money(refund.amount_minor, refund.currency)
    with papers.shops_language():
        attached = _("Your slip for %(number)s over %(amount)s (%(currency)s) is attached.")
        return _Paper(
            subject=_("%(number)s: refund slip from %(shop)s")
            % {"number": refund.number, "shop": shop().name},
            sentences=[
                attached % {"number": refund.number, "amount": amount, "currency": refund.currency},
                _how_it_stands(refund),
            ],
            file=f"{refund.number}.pdf",
            pdf=pdf,
        )


def _how_it_stands(refund: Refund) -> str:
    if refund.was_unclaimed:
        return _("Nobody took the money of the refund. The credit is available to you again.")
    sentences = {
        Refund.Status.REQUESTED: _(
            "The refund is recorded and not yet completed. The slip is a record: "
            "the money itself is paid separately, as the slip says."
        ),
        Refund.Status.APPROVED: _(
            "The refund is approved and not yet completed. The slip is a record: "
            "the money itself is paid separately, as the slip says."
        ),
        Refund.Status.FAILED: _(
            "The payment of the refund did not arrive and came back. The credit is available to you again."
        ),
        Refund.Status.COMPLETED: _(
            "The refund is completed. The slip is a record: "
            "the money itself was paid separately, as the slip says."
        ),
        Refund.Status.DECLINED: _(
            "The refund was declined and no money is paid because of it. "
            "The credit is available to you again."
        ),
    }
    return sentences[Refund.Status(refund.status)]


def _note(rma: Rma) -> _Paper:
    made = note.of(rma)
    with papers.shops_language():
        attached = _("Your adjustment note for %(number)s over %(total)s (%(currency)s) is attached.")
        return _Paper(
            subject=_("%(number)s: adjustment note from %(shop)s")
            % {"number": made.number, "shop": shop().name},
            sentences=[
                attached % {"number": rma.number, "total": made.total, "currency": made.currency},
                _("The credit was taken back, and the note is void.")
                if rma.reversed_at
                else _("The amount is credit in your account. The note says what it may be used for."),
            ],
            file=f"{made.number}.pdf",
            pdf=note.render(made),
        )


def address_of(customer: Customer) -> str:
    """The customer's e-mail address, checked again: an import may have brought anything."""
    address = customer.email.strip()
    if not address:
        raise NoEmailAddress(
            _("%(username)s has no e-mail address. Add one to the customer, or print it instead.")
            % {"username": customer.username},
            field="email",
        )
    try:
        validate_email(address)
    except ValidationError:
        raise NoEmailAddress(
            _("%(address)r is not an e-mail address. Correct it at the customer, or print it instead.")
            % {"address": address},
            field="email",
        ) from None
    return address


def _message(paper: _Paper, customer: Customer, to: str, now: datetime) -> EmailMessage:
    policy = shop()
    with papers.shops_language():
        dear = _("Dear %(name)s,") % {"name": one_line(customer.display_name)}
    paragraphs = [dear, *paper.sentences, policy.name]
    message = letter(paper.subject, "\n\n".join(paragraphs) + "\n", to, now)
    message.attach(paper.file, paper.pdf, "application/pdf")
    return message
