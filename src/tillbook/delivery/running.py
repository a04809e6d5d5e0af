"""Delivering webhooks, mails and links, without end or once: `deliver` and `serve` do it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection

from tillbook.customers import links
from tillbook.delivery import mail_finding, mail_sending, own_page, webhooks
from tillbook.delivery.finding import Settled, enabled, find
from tillbook.delivery.sending import Sender, is_due, send_due

Clock = Callable[[], datetime]

_SENDERS = 8  # threads; each has a connection to the database of its own
_EACH = 2  # of them for one endpoint, so that a slow one leaves some for the others
_ROUNDS = 20  # that a thread sends to one endpoint before it is another's turn
_POSTMEN = 2  # threads for mails and links: no webhook keeps them waiting
_PAUSE = 1  # seconds between looks for new events
_AWAY = timedelta(seconds=30)  # that a mail server which can't be reached is left alone
_CLEARED_EVERY = timedelta(hours=1)

_log = structlog.get_logger("tillbook.delivery")


def deliver_once(clock: Clock) -> int:
    """Find new events and send all that is due now, one after the other; returns how many were sent."""
    find(Settled(), clock())
    mail_finding.find(mail_finding.Watch(), clock())
    return (
        sum(_send_all(each.pk, clock) for each in enabled()) + _mail_all(clock) + own_page.send_asked(clock)
    )


def _mail_all(clock: Clock) -> int:
    """Send a round of mails: what is left goes with the next."""
    try:
        return mail_sending.send_due(clock)
    except mail_sending.ServerAway as away:
        _log.warning("mails wait", error=str(away.__cause__))
        return 0


def _send_all(endpoint_id: int, clock: Clock) -> int:
    with Sender() as sender:
        return sum(len(sent) for sent in iter(lambda: send_due(endpoint_id, sender, clock), []))


def deliver(clock: Clock, stop: threading.Event) -> None:
    """Find and send until `stop` is set; then end what is under way."""
    settled, watch, working = Settled(), mail_finding.Watch(), _Working(clock, stop)
    cleared = clock() - _CLEARED_EVERY
    with working.pool, working.post:
        while not stop.wait(_PAUSE):
            try:
                find(settled, clock())
                for endpoint in enabled():
                    working.send(endpoint.pk)
                _find_mails(watch, clock)
                working.mail()
                if own_page.is_asked(clock()):
                    working.send_links()
                if clock() - cleared >= _CLEARED_EVERY:
                    cleared = clock()
                    webhooks.clear(cleared)
                    links.clear(cleared)
            except DatabaseError as error:  # it is away, or somebody removed a webhook just now
                _log.warning("looking for events failed", error=str(error))
                connection.close()
            except Exception as error:  # noqa: BLE001  such as a thread that can't be started just now
                _log.exception("looking for events failed", error=str(error))
    connection.close()


def _find_mails(watch: mail_finding.Watch, clock: Clock) -> None:
    """Find whom to mail. A fault in that must not hold up the webhooks."""
    try:
        mail_finding.find(watch, clock())
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001
        _log.exception("looking for mails failed", error=str(error))


class _Working:
    """Who sends to which endpoint now."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self.pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="webhooks")
        self.post = ThreadPoolExecutor(_POSTMEN, thread_name_prefix="mails")
        self._clock, self._stop = clock, stop
        self._busy: dict[int, list[Future[None]]] = {}
        self._mailing: Future[None] | None = None  # one at a time: mail servers mind many at once
        self._mail_after = clock()
        self._links: Future[None] | None = None

    def send(self, endpoint_id: int) -> None:
        """Let more threads send to the endpoint, as far as it may have more."""
        busy = [each for each in self._busy.get(endpoint_id, []) if not each.done()]
        while len(busy) < _EACH and is_due(endpoint_id, self._clock()):
            busy.append(self.pool.submit(self._run, endpoint_id))
        self._busy[endpoint_id] = busy

    def mail(self) -> None:
        """Let a thread send a round of mails, unless one does, or the mail server is away."""
        idle = self._mailing is None or self._mailing.done()
        now = self._clock()
        if idle and now >= self._mail_after and mail_sending.is_due(now):
            self._mailing = self.post.submit(self._run_mails)

    def _run_mails(self) -> None:
        try:
            mail_sending.send_due(self._clock, stopped=self._stop.is_set)
        except mail_sending.ServerAway as away:
            self._mail_after = self._clock() + _AWAY
            _log.warning("mails wait", error=str(away.__cause__))
        except Exception as error:  # noqa: BLE001  one fault must not end all sending
            _log.exception("sending mails failed", error=str(error))
        finally:
            connection.close()

    def send_links(self) -> None:
        """Let one thread mail the links that were asked for."""
        if self._links is None or self._links.done():
            self._links = self.post.submit(self._run_links)

    def _run_links(self) -> None:
        try:
            own_page.send_asked(self._clock, stopped=self._stop.is_set)
        except Exception as error:  # noqa: BLE001  one fault must not end all sending
            _log.exception("sending links failed", error=str(error))
        finally:
            connection.close()

    def _run(self, endpoint_id: int) -> None:
        """Send until nothing is due, or one was not taken, or for long enough: then it is another's turn."""
        try:
            with Sender() as sender:
                for _ in range(_ROUNDS):
                    outcomes = [] if self._stop.is_set() else send_due(endpoint_id, sender, self._clock)
                    if not outcomes or not outcomes[-1].delivered:
                        break
        except Exception as error:  # noqa: BLE001  one fault must not end all sending
            _log.exception("sending failed", endpoint=endpoint_id, error=str(error))
        finally:
            connection.close()
