"""A test mail: does the server that the environment names take what the shop sends?"""

from __future__ import annotations

import socket
import ssl
from datetime import datetime
from smtplib import SMTPAuthenticationError, SMTPRecipientsRefused, SMTPSenderRefused

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.mail import MailFailed, NoEmailAddress, deliver
from tillbook.delivery.sender import letter, sender_address
from tillbook.delivery.services import Sent
from tillbook.shop.policies import shop
from tillbook.staff.queries import user_by_id


def send_test(*, actor: Actor, now: datetime) -> Sent:
    """Send a test mail to the actor's own address; where no server is set, write it to a file.

    Nothing of the shop changes, so there is no event. Raises PermissionDenied, NoEmailAddress, and
    MailFailed, which says in words what went wrong.
    """
    actor.require(Permission.MANAGE_SETTINGS)
    to = "" if actor.user_id is None else user_by_id(actor.user_id).email
    if not to:
        raise NoEmailAddress(_("You have no e-mail address. Add yours under Users first."), field="email")
    try:
        path = deliver(_message(to, now), "test", now)
    except MailFailed as failure:
        raise MailFailed(_in_words(failure, to)) from failure
    return Sent(to, path)


def _message(to: str, now: datetime) -> EmailMessage:
    name = shop().name
    paragraphs = [
        _("This is a test. Mails from %(shop)s reach you.") % {"shop": name},
        _("Answers to it go where answers to the shop's mails go."),
    ]
    return letter(_("Test mail from %(shop)s") % {"shop": name}, "\n\n".join(paragraphs) + "\n", to, now)


def _in_words(failure: MailFailed, to: str) -> str:
    """What went wrong and what to do about it, where the cause is one that can be told apart."""
    names = {
        "server": f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}", "host": settings.EMAIL_HOST, "to": to,
        "sender": sender_address(), "seconds": settings.EMAIL_TIMEOUT,
    }  # fmt: skip
    match failure.__cause__:
        case SMTPAuthenticationError():
            return _("%(server)s did not accept the user name and password in TILLBOOK_EMAIL_URL.") % names
        case SMTPRecipientsRefused():
            return _("%(server)s takes no mail for %(to)s. Check that address under Users.") % names
        case SMTPSenderRefused():
            return (
                _("%(server)s takes no mail from %(sender)s. Set TILLBOOK_MAIL_FROM to one it takes.") % names
            )
        case socket.gaierror():
            return _("No server is called %(host)s. Check the host in TILLBOOK_EMAIL_URL.") % names
        case TimeoutError():
            return _("%(server)s did not answer within %(seconds)s seconds. Check host and port.") % names
        case ConnectionRefusedError():
            return _("Nothing takes mail at %(server)s. Check host and port in TILLBOOK_EMAIL_URL.") % names
        case ssl.SSLError():
            said = _(
                "%(server)s and Tillbook agree on no encryption. Check smtp+tls or smtp+ssl, and the port."
            )
            return said % names
    return failure.message
