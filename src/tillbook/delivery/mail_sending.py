"""Sending mails: at most once each (docs/decisions/0022-a-mail-is-sent-at-most-once.md).

A mail is marked as being sent, and that is committed, before the mail server is spoken to. What the server
surely did not take is tried again, with growing waits. Where nobody can know (the server went silent, or the
process died), the mail stays as it is, and a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, QuerySet

from tillbook.common.mail import MailFailed, MailUncertain, hand_over, said_by_server
from tillbook.common.mail_kinds import MailKind
from tillbook.customers.models import Customer
from tillbook.delivery.mail_digest import digest
from tillbook.delivery.mail_finding import wants
from tillbook.delivery.mail_writing import NotWanted, message
from tillbook.delivery.models import Mail
from tillbook.shop.policies import shop

LEASE = timedelta(minutes=10)  # longer than a mail server can take over all its answers
A_ROUND = 100  # messages that one round sends at most
_IN_ONE = 200  # refunds that one mail to an admin lists at most

# After each refusal, the pause before the next attempt; after the last one nobody tries again by themselves.
PAUSES = [
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2),
    timedelta(hours=6), timedelta(hours=12),
]  # fmt: skip

_UNSETTLED = (Mail.State.SENDING, Mail.State.UNKNOWN)  # unknown: it took longer than anybody believed
_OF_THIS_ONE = (SMTPRecipientsRefused, SMTPDataError, ValueError)  # after others no mail would be taken

_log = structlog.get_logger("tillbook.delivery")


class ServerAway(Exception):
    """The mail server can't be reached, or lets nobody in: no use in trying others now."""


def send_due(
    clock: Callable[[], datetime], most: int = A_ROUND, *, stopped: Callable[[], bool] = lambda: False
) -> int:
    """Send what is due, the longest waiting first, at most so many messages; returns how many went.

    It ends early when `stopped`. Raises ServerAway.
    """
    mark_lost(clock())
    sent = 0
    for _each in range(most):
        mails = [] if stopped() else claim(clock())
        if not mails:
            break
        sent += _send(mails, clock)
    return sent


def is_due(now: datetime) -> bool:
    """Whether a mail waits to be sent now, or one was lost."""
    return _due(now).exists() or _lost(now).exists()


def mark_lost(now: datetime) -> None:
    """Mails whose process ended while it sent them may have gone."""
    if _lost(now).exists():  # on SQLite a write would stop all others
        _lost(now).update(state=Mail.State.UNKNOWN)


def _lost(now: datetime) -> QuerySet[Mail]:
    return Mail.objects.filter(state=Mail.State.SENDING, last_at__lt=now - LEASE)


def _due(now: datetime) -> QuerySet[Mail]:
    return Mail.objects.filter(state=Mail.State.WAITING, next_at__lte=now).order_by("next_at", "pk")


def claim(now: datetime) -> list[Mail]:
    """The mail that is due first, marked as being sent; with it what else waits for the same admin."""
    if not _due(now).exists():
        return []
    with transaction.atomic():
        claimed = list(_due(now).select_for_update(skip_locked=True)[:1])
        if claimed and claimed[0].user_id:
            claimed += _for_the_same(claimed[0])
        for each in claimed:
            each.attempts += 1
        Mail.objects.filter(pk__in=[each.pk for each in claimed]).update(
            state=Mail.State.SENDING, last_at=now, attempts=F("attempts") + 1
        )
    return claimed


def _for_the_same(first: Mail) -> list[Mail]:
    rows = Mail.objects.filter(state=Mail.State.WAITING, kind=first.kind, user_id=first.user_id)
    rows = rows.exclude(pk=first.pk).select_for_update(skip_locked=True).order_by("pk")
    return list(rows[: _IN_ONE - 1])


def _send(mails: Sequence[Mail], clock: Callable[[], datetime]) -> int:
    """Send the message that the mails are for; returns 1 if it went. Raises ServerAway."""
    try:
        made, told = _made(mails, clock())
    except NotWanted as refusal:
        _end(mails, Mail.State.DROPPED, why=refusal.why)
        return 0
    except Exception as error:  # noqa: BLE001  a text that can't be filled must not stop the others
        _log.exception("a mail could not be written", mail=mails[0].number)
        _end(mails, Mail.State.FAILED, answer=f"{type(error).__name__}: {error}"[:500])
        return 0
    _end([each for each in mails if each not in told], Mail.State.DROPPED, why=Mail.Why.OVER)
    return _hand_over(made, told, clock)


def _made(mails: Sequence[Mail], now: datetime) -> tuple[EmailMessage, list[Mail]]:
    """The message, and which of the mails it is for. Raises NotWanted, and what a wrong text raises."""
    [first, *_others] = mails
    if not shop().mails[first.kind].on:
        raise NotWanted(Mail.Why.SWITCHED_OFF)
    if first.kind == MailKind.APPROVAL_WAITING:
        return digest(mails, now)
    customer = Customer.objects.get(mails=first.pk)
    if not customer.email.strip():
        raise NotWanted(Mail.Why.NO_ADDRESS)
    if not wants(customer, first.kind):
        raise NotWanted(Mail.Why.OPTED_OUT)
    return message(first, customer, now), [first]


def _hand_over(made: EmailMessage, mails: Sequence[Mail], clock: Callable[[], datetime]) -> int:
    about = {"to": made.to[0], "title": made.subject[:200]}
    try:
        path = hand_over(made, mails[0].number, clock())
    except MailUncertain as failure:
        _end(mails, Mail.State.UNKNOWN, answer=_answer(failure), **about)
        return 0
    except MailFailed as failure:
        for each in mails:
            _try_again(each, _answer(failure), clock(), about)
        if not isinstance(failure.__cause__, _OF_THIS_ONE):
            raise ServerAway from failure
        return 0
    _end(mails, Mail.State.SENT, answer="", file=path.name if path else "", **about)
    return 1


def _answer(failure: MailFailed) -> str:
    return said_by_server(failure.__cause__ or failure)[:500]


def _try_again(mail: Mail, answer: str, now: datetime, about: dict[str, str]) -> None:
    if mail.attempts > len(PAUSES):
        _end([mail], Mail.State.FAILED, answer=answer, **about)
    else:
        again = now + PAUSES[mail.attempts - 1]
        _end([mail], Mail.State.WAITING, answer=answer, next_at=again, **about)


def _end(mails: Sequence[Mail], state: Mail.State, **how: object) -> None:
    """Keep how the attempt went, unless it is another's by now."""
    for each in mails:
        own = Mail.objects.filter(pk=each.pk, state__in=_UNSETTLED, attempts=each.attempts)
        own.update(state=state, **how)
