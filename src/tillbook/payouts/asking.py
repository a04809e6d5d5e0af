"""Asking gateways what became of refunds, without end or once: what `tillbook deliver` and `serve` run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import DatabaseError, connection

from tillbook.common.errors import Refusal
from tillbook.payouts.models import Sending
from tillbook.payouts.sendings import claim, speak

Clock = Callable[[], datetime]

_PAUSE = 3  # seconds between looks for what is due

_log = structlog.get_logger("tillbook.gateways")


def ask_once(clock: Clock) -> list[Sending]:
    """Ask about all that is due now, one after the other; how each stands then."""
    asked = []
    while (found := claim(clock())) is not None:
        if (told := _ask(found, clock())) is not None:
            asked.append(told)
    return asked


def _ask(sending: Sending, now: datetime) -> Sending | None:
    """One fault must not end the round: what could not be asked is due again when its lease runs out."""
    try:
        return speak(sending.pk, now=now)
    except Refusal as refusal:
        _log.warning("a gateway could not be asked", sending=sending.number, why=refusal.message)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001
        _log.exception("asking a gateway failed", sending=sending.number, error=str(error))
    return None


def keep_asking(clock: Clock, stop: threading.Event) -> None:
    """Ask about what is due until `stop` is set."""
    while not stop.wait(_PAUSE):
        try:
            while not stop.is_set() and (found := claim(clock())) is not None:
                _ask(found, clock())
        except DatabaseError as error:  # it is away
            _log.warning("looking for what to ask failed", error=str(error))
            connection.close()
        except Exception as error:  # noqa: BLE001  one fault must not end all asking
            _log.exception("looking for what to ask failed", error=str(error))
    connection.close()
