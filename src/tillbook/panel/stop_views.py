"""The public page that stops mails of a kind. No log-in: the link in the mail is what lets its reader in."""

from __future__ import annotations

from functools import lru_cache

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tillbook.common.rate import Limiter
from tillbook.delivery import mails
from tillbook.panel.edge import origin_of

_TRIES = 300  # a minute, of one address, behind which a whole mail service may stand


@lru_cache(maxsize=1)
def limiter() -> Limiter:
    """The one that all tries in this process are counted by."""
    return Limiter(_TRIES)


# A mail program posts here by itself when its reader clicks "unsubscribe" (RFC 8058): it has no cookie to
# show, and the signed address is proof enough. Opening the page changes nothing: programs look at links too.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(no_store=True)
def stop(request: HttpRequest, token: str) -> HttpResponse:
    if limiter().take(str(request.META.get("REMOTE_ADDR", ""))).remaining < 0:
        return render(request, "429.html", status=429)
    found = None if "\0" in token else mails.stoppable(token)
    if found is None:
        return render(request, "panel/mails/stop_unknown.html", status=404)
    customer, kind = found
    is_stopped = kind in customer.no_mails
    if request.method == "POST":
        origin = origin_of(request).replace("panel", "mail", 1)
        is_stopped = mails.stop(token, origin=origin, now=timezone.now()) is not None
    return render(request, "panel/mails/stop.html", {"kind": kind, "is_stopped": is_stopped})
