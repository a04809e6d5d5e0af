"""Whom a request comes from, where reverse proxies stand before the panel."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class Https:
    """Middleware by which a shop whose cookies go over HTTPS alone is one that is reached by HTTPS.

    The proxy speaks plain HTTP with this server: without it, links in mails would begin with http://, and
    whoever follows one would send it in clear.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_SECURE:
            request.META["wsgi.url_scheme"] = "https"  # WSGI's own name for it; PEP 3333
        return self.get_response(request)


class ClientAddress:
    """Middleware that makes REMOTE_ADDR the client's address, which history and log-in limits use.

    Each proxy adds the address it was called from at the right of X-Forwarded-For, so of
    TILLBOOK_PROXY_COUNT proxies the outermost one wrote the count-th from the right. What
    stands left of it, anybody can write. A header that holds no such address changes nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = _forwarded(request.META.get("HTTP_X_FORWARDED_FOR", ""), settings.PROXY_COUNT)
        if forwarded is not None:
            request.META["REMOTE_ADDR"] = forwarded
        return self.get_response(request)


def _forwarded(header: str, count: int) -> str | None:
    addresses = header.split(",")
    if not 0 < count <= len(addresses):
        return None
    try:
        address = ipaddress.ip_address(addresses[-count].strip())
    except ValueError:
        return None
    # A zone, "fe80::1%eth0", is free text and means nothing on another machine.
    return None if getattr(address, "scope_id", None) else str(address)
