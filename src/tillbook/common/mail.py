"""Handing a message to the mail server, or writing it to a file where none is set."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path
from smtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address
from django.utils.translation import gettext as _

from tillbook.common.errors import Refusal

_OK, _FORWARDED = 250, 251  # of SMTP
_FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"


class NoEmailAddress(Refusal):
    """There is no address to send to."""

    code = "no_email_address"
    status = 422


class MailFailed(Refusal):
    """The mail server did not take the message."""

    code = "mail_failed"
    status = 502


class MailUncertain(MailFailed):
    """The mail server went silent after it was given the message: it may have gone, and may not."""


def one_line(text: str) -> str:
    """Line breaks become spaces: in a header they would start another header."""
    return " ".join(text.split())


def goes_to_files() -> bool:
    """Whether no mail server is set: what is mailed is written to files, and reaches nobody."""
    return bool(settings.EMAIL_BACKEND == _FILE_BACKEND)


def deliver(message: EmailMessage, name: str, now: datetime) -> Path | None:
    """Send through Django's mail settings; where they say files, write one and return its path.

    `name` begins the file's name. Raises MailFailed.
    """
    if goes_to_files():
        return _write(message, name, now)
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise _not_taken(message, error) from error
    return None


def hand_over(message: EmailMessage, name: str, now: datetime) -> Path | None:
    """As `deliver`, to one recipient, and it tells apart what surely did not go from what may have gone.

    Raises MailUncertain for the latter, MailFailed for the former; the cause says what the server said.
    """
    backend = get_connection()
    if not isinstance(backend, EmailBackend):
        return deliver(message, name, now)
    try:
        backend.open()
        assert backend.connection is not None  # open() raises where it can't
        _speak(backend.connection, message)
    except (SMTPException, OSError, ValueError) as error:  # the latter: an address that SMTP can't write
        raise _not_taken(message, error) from error
    finally:
        with suppress(SMTPException, OSError):  # the message has gone, or has not: a farewell changes neither
            backend.close()
    return None


def _speak(server: SMTP, message: EmailMessage) -> None:
    """Hand the message over, step by step: until its text is on its way, nothing has gone."""
    charset = message.encoding or settings.DEFAULT_CHARSET
    sender, to = (
        parseaddr(sanitize_address(each, charset))[1] for each in (message.from_email, message.to[0])
    )
    made: Any = message.message()
    content = made.as_bytes(linesep="\r\n")
    server.ehlo_or_helo_if_needed()
    code, answer = server.mail(sender)
    if code != _OK:
        raise SMTPSenderRefused(code, answer, sender)
    code, answer = server.rcpt(to)
    if code not in (_OK, _FORWARDED):
        raise SMTPRecipientsRefused({to: (code, answer)})
    try:
        code, answer = server.data(content)
    except SMTPDataError:
        raise
    except (SMTPException, OSError) as error:
        raise MailUncertain(
            _("The mail server went silent while it took the message to %(to)s. It may have gone.")
            % {"to": to}
        ) from error
    if code != _OK:
        raise SMTPDataError(code, answer)


def said_by_server(error: BaseException) -> str:
    """What went wrong with a mail, as the server or the system put it, on one line."""
    if isinstance(error, SMTPRecipientsRefused):
        error = SMTPResponseException(*next(iter(error.recipients.values())))
    if isinstance(error, SMTPResponseException):
        text = error.smtp_error
        words = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        return one_line(f"{error.smtp_code} {words}".replace("\0", ""))
    return one_line(str(error) or type(error).__name__)


def _not_taken(message: EmailMessage, error: Exception) -> MailFailed:
    return MailFailed(
        _("The mail server did not take the message to %(to)s: %(error)s. Check the mail settings.")
        % {"to": message.to[0], "error": error}
    )


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
