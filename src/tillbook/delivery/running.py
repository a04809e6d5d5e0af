"""Delivering webhooks without end, or once: what `tillbook deliver` and `tillbook serve` run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection

from tillbook.delivery import webhooks
from tillbook.delivery.finding import Settled, enabled, find
from tillbook.delivery.sending import Sender, is_due, send_due

Clock = Callable[[], datetime]

_SENDERS = 8  # threads; each has a connection to the database of its own
_EACH = 2  # of them for one endpoint, so that a slow one leaves some for the others
_PAUSE = 1  # seconds between looks for new events
_CLEARED_EVERY = timedelta(hours=1)

_log = structlog.get_logger("tillbook.delivery")


def deliver_once(clock: Clock) -> int:
    """Find new events and send all that is due now, one after the other; returns how many were sent."""
    find(Settled(), clock())
    return sum(_send_all(each.pk, clock) for each in enabled())


def _send_all(endpoint_id: int, clock: Clock) -> int:
    with Sender() as sender:
        return sum(len(sent) for sent in iter(lambda: send_due(endpoint_id, sender, clock), []))


def deliver(clock: Clock, stop: threading.Event) -> None:
    """Find and send until `stop` is set; then end what is under way."""
    settled, working = Settled(), _Working(clock, stop)
    cleared = clock() - _CLEARED_EVERY
    with working.pool:
        while not stop.wait(_PAUSE):
            try:
                find(settled, clock())
                for endpoint in enabled():
                    working.send(endpoint.pk)
                if clock() - cleared >= _CLEARED_EVERY:
                    cleared = clock()
                    webhooks.clear(cleared)
            except DatabaseError as error:  # it is away, or somebody removed a webhook just now
                _log.warning("looking for events failed", error=str(error))
                connection.close()
    connection.close()


class _Working:
    """Who sends to which endpoint now."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self.pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="webhooks")
        self._clock, self._stop = clock, stop
        self._busy: dict[int, list[Future[None]]] = {}

    def send(self, endpoint_id: int) -> None:
        """Let more threads send to the endpoint, as far as it may have more."""
        busy = [each for each in self._busy.get(endpoint_id, []) if not each.done()]
        while len(busy) < _EACH and is_due(endpoint_id, self._clock()):
            busy.append(self.pool.submit(self._run, endpoint_id))
        self._busy[endpoint_id] = busy

    def _run(self, endpoint_id: int) -> None:
        """Send until nothing is due, or one was not taken: then it is another endpoint's turn."""
        try:
            with Sender() as sender:
                while not self._stop.is_set():
                    outcomes = send_due(endpoint_id, sender, self._clock)
                    if not outcomes or not outcomes[-1].delivered:
                        break
        except Exception as error:  # noqa: BLE001  one fault must not end all sending
            _log.exception("sending failed", endpoint=endpoint_id, error=str(error))
        finally:
            connection.close()
