"""Where payment gateways post their events. Nobody logs in: a signature is what lets one in."""

from __future__ import annotations

from functools import lru_cache
from threading import BoundedSemaphore
from typing import Final

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tillbook.common.errors import NotFound, Refusal
from tillbook.common.rate import Limiter
from tillbook.payouts.gateways.adapter import Unreadable, WrongSignature
from tillbook.payouts.sendings import hear

_MOST: Final = 256 * 2**10  # bytes of an event
_EVENTS = 600  # a minute, of one address, true and false ones alike: a gateway sends the others again

# To tell whether an event is true a gateway may have to be asked: no more than half of the server's threads
# wait for that, whoever posts.
_AT_ONCE = BoundedSemaphore(4)
_PATIENCE = 2  # seconds

_log = structlog.get_logger("tillbook.gateways")


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """The one that all events in this process are counted by."""
    return Limiter(_EVENTS)


@csrf_exempt  # no session is looked at
@require_POST
@cache_control(no_store=True)
def take(request: HttpRequest, gateway: str) -> HttpResponse:
    """An event. The answer is a status alone: whoever sent it knows what was in it."""
    if limiter().take(str(request.META.get("REMOTE_ADDR", ""))).remaining < 0:
        return HttpResponse(status=429)
    body = request.read(_MOST + 1)
    if len(body) > _MOST:
        return HttpResponse(status=413)
    if not _AT_ONCE.acquire(timeout=_PATIENCE):
        return HttpResponse(status=503)
    try:
        return HttpResponse(status=_heard(request, gateway, body))
    finally:
        _AT_ONCE.release()


def _heard(request: HttpRequest, gateway: str, body: bytes) -> int:
    """The status that says how the event was taken."""
    headers = {name.lower(): text for name, text in request.headers.items()}
    try:
        hear(gateway, headers, body, now=timezone.now())
    except WrongSignature:
        return 400
    except Unreadable as refusal:
        # Sent again in vain: the gateway's pages show it as failed, and people look.
        _log.error("an event about a refund can't be taken", gateway=gateway, why=refusal.message)
        return 400
    except NotFound:
        return 404
    except Refusal as refusal:  # the gateway sends it again, and the round asks
        _log.warning("an event could not be taken", gateway=gateway, why=refusal.message)
        return 503
    return 200
