"""One request to a gateway: to a public address, and all of it within so many seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore
from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.targets import Fence, Guarded, trusted

FENCE = Fence("TILLBOOK_GATEWAY_PRIVATE_TARGETS", field="api_base")

SECONDS = 20  # that a gateway can take, in all
_LONGEST_BASE = 200
_ANSWER = 2 * 2**20  # bytes: a page of a hundred refunds has a tenth of it


class NoAnswer(Exception):
    """There was no whole answer: the request may have arrived or not."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # with lower-case names
    body: bytes


def check_base(text: str) -> str:
    """The address that a gateway's API begins with, without a slash at its end.

    Raises InvalidInput, and TargetRefused for an address that is not public.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_base() from None
    plain = text.isascii() and text.isprintable() and " " not in text and len(text) <= _LONGEST_BASE
    more = parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc
    if not plain or more or not host or port == 0 or parts.scheme not in ("https", "http"):
        raise _no_base()
    if parts.scheme == "http" and not FENCE.is_open:
        raise _no_base()
    FENCE.check_literal(host)
    return text.rstrip("/")


def _no_base() -> InvalidInput:
    return InvalidInput(
        _("Write how the gateway's API begins, such as https://api.stripe.com: https and a host alone."),
        field="api_base",
    )


def call(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """Send one request. No redirect is followed, and nothing is sent again. Raises NoAnswer."""
    guarded = Guarded(FENCE)
    guarded.begin(SECONDS)
    try:
        with (
            httpcore.ConnectionPool(ssl_context=trusted(), network_backend=guarded) as pool,
            pool.stream(method, url, headers=list(headers.items()), content=body) as response,
        ):
            read = b""
            for chunk in response.iter_stream():
                read += chunk
                if len(read) > _ANSWER:
                    raise NoAnswer("The answer was too long.")
            told = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in response.headers}
            return Answer(response.status, told, read)
    except Refusal as refusal:  # the address is not public any more
        raise NoAnswer(refusal.message) from refusal
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
