"""Handing a message to the mail server, or writing it to a file where none is set."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _

from tillbook.common.errors import Refusal

_FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"


class NoEmailAddress(Refusal):
    """There is no address to send to."""

    code = "no_email_address"
    status = 422


class MailFailed(Refusal):
    """The mail server did not take the message."""

    code = "mail_failed"
    status = 502


def one_line(text: str) -> str:
    """Line breaks become spaces: in a header they would start another header."""
    return " ".join(text.split())


def deliver(message: EmailMessage, name: str, now: datetime) -> Path | None:
    """Send through Django's mail settings; where they say files, write one and return its path.

    `name` begins the file's name. Raises MailFailed.
    """
    if settings.EMAIL_BACKEND == _FILE_BACKEND:
        return _write(message, name, now)
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise MailFailed(
            _("The mail server did not take the message to %(to)s: %(error)s. Check the mail settings.")
            % {"to": message.to[0], "error": error}
        ) from error
    return None


def _write(message: EmailMessage, name: str, now: datetime) -> Path:
    """Write the message as an .eml file, which mail programs open; Django's own files they don't."""
    outbox = Path(settings.EMAIL_FILE_PATH)
    path = outbox / f"{name}-{now:%Y%m%dT%H%M%S%f}.eml"
    try:
        outbox.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(message.message().as_bytes())
    except OSError as error:
        raise MailFailed(
            _("The message could not be written to %(path)s: %(strerror)s.")
            % {"path": path, "strerror": error.strerror}
        ) from error
    return path
