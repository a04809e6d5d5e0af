"""What people do about mails: send one again, leave one, try a text, and stop mails of a kind."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import NotFound, WrongState
from tillbook.common.mail import NoEmailAddress, hand_over
from tillbook.common.mail_kinds import MailKind
from tillbook.customers.models import Customer
from tillbook.customers.services import switch_mails
from tillbook.delivery.links import read_stop, stop_address
from tillbook.delivery.mail_writing import (
    NotWanted,
    Written,
    example,
    last_event,
    text_of,
    write,
    write_about,
)
from tillbook.delivery.models import Mail
from tillbook.delivery.queries import WRONG, MailNotFound
from tillbook.delivery.sender import letter
from tillbook.delivery.services import Sent
from tillbook.events.services import NewEvent, record
from tillbook.shop.checks import check_mail_text
from tillbook.shop.details import MailText
from tillbook.shop.mail_texts import PLACEHOLDERS
from tillbook.staff.queries import user_by_id


class NoSuchText(NotFound):
    """There is no text for mails of that kind."""

    code = "no_such_text"


class NothingToShow(WrongState):
    """Nothing happened to the customer that such a mail would be about."""


@transaction.atomic
def send_again(mail_id: int, *, actor: Actor, now: datetime) -> Mail:
    """Send a mail that did not go, or may not have, as soon as may be. Again: nothing more happens.

    Raises PermissionDenied, MailNotFound, WrongState for one that went, or was not to go.
    """
    mail = _locked(mail_id, actor)
    if mail.state in (Mail.State.WAITING, Mail.State.SENDING):
        return mail
    _check_wrong(mail)
    mail.state, mail.next_at, mail.attempts = Mail.State.WAITING, now, mail.attempts + 1
    mail.save(update_fields=["state", "next_at", "attempts"])
    _record("mail.sent_again", mail, actor, now)
    return mail


@transaction.atomic
def leave(mail_id: int, *, actor: Actor, now: datetime) -> Mail:
    """Decide that a mail which did not go, or may not have, is not sent again. Again: nothing more happens.

    Raises PermissionDenied, MailNotFound, WrongState.
    """
    mail = _locked(mail_id, actor)
    if mail.state == Mail.State.DROPPED:
        return mail
    _check_wrong(mail)
    mail.state, mail.why = Mail.State.DROPPED, Mail.Why.LEFT
    mail.save(update_fields=["state", "why"])
    _record("mail.left", mail, actor, now)
    return mail


def _locked(mail_id: int, actor: Actor) -> Mail:
    """The mail, if the actor may decide about it; one to a user of the shop concerns who manages them."""
    actor.require(Permission.EDIT_CUSTOMER)
    mail = Mail.objects.select_for_update().filter(pk=mail_id).first()
    if mail is None:
        raise MailNotFound(_("There is no such mail."), field="mail")
    if mail.user_id:
        actor.require(Permission.MANAGE_USERS)
    return mail


def _check_wrong(mail: Mail) -> None:
    if mail.state not in WRONG:
        raise WrongState(
            _("%(number)s is %(state)s: there is nothing to decide about it.")
            % {"number": mail.number, "state": Mail.State(mail.state).label.lower()}
        )


def _record(action: str, mail: Mail, actor: Actor, now: datetime) -> None:
    data = {"kind": mail.kind, "about": mail.about}
    record(NewEvent(action, mail.number, mail.customer_id, data=data), actor=actor, now=now)


def preview(
    kind: str, *, text: MailText | None = None, customer: Customer | None = None, actor: Actor, now: datetime
) -> Written:
    """The mail as it would be sent: about the customer's last such event, or else with example values.

    `text` is one that is not saved; it must be one that could be. Raises PermissionDenied, InvalidInput,
    NoSuchText, NothingToShow.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    _check_kind(kind)
    text = text_of(kind) if text is None else MailText(**check_mail_text(kind, **asdict(text)))
    if customer is None:
        return write(kind, text, example(kind, now), stop_address(0, kind))
    event = last_event(kind, customer)
    try:
        if event is not None:
            return write_about(kind, text, event, customer)
    except NotWanted:
        pass
    raise NothingToShow(
        _("There is nothing at %(username)s that this mail would be about now.")
        % {"username": customer.username},
        field="customer",
    )


def send_sample(kind: str, *, actor: Actor, now: datetime) -> Sent:
    """Send the saved text with example values to the actor's own address; without a server into a file.

    Nothing of the shop changes, so there is no event. Raises PermissionDenied, NoSuchText,
    NoEmailAddress, MailFailed.
    """
    written = preview(kind, actor=actor, now=now)
    to = "" if actor.user_id is None else user_by_id(actor.user_id).email
    if not to:
        raise NoEmailAddress(_("You have no e-mail address. Add yours under Users first."), field="email")
    return Sent(to, hand_over(letter(written.subject, written.body, to, now), f"sample-{kind}", now))


def _check_kind(kind: str) -> None:
    if kind not in PLACEHOLDERS:
        raise NoSuchText(_("Mails of the kind %(kind)s have no text.") % {"kind": kind}, field="kind")


def stoppable(token: str) -> tuple[Customer, MailKind] | None:
    """Whose mails of which kind a link stops; None if the shop did not make it."""
    stopped = read_stop(token)
    customer = None if stopped is None else Customer.objects.filter(pk=stopped.customer_id).first()
    return None if customer is None or stopped is None else (customer, MailKind(stopped.kind))


def stop(token: str, *, origin: str, now: datetime) -> Customer | None:
    """Stop mails as the link says, for whoever has it. Again: nothing more happens. None: no such link."""
    found = stoppable(token)
    if found is None:
        return None
    customer, kind = found
    # The link says who acts: only the shop makes it, and it went to the customer alone.
    actor = Actor.customer(customer.pk, origin)
    return switch_mails(customer.pk, {kind: False}, actor=actor, now=now)
