"""Where webhooks may be sent: not into the shop's own network (server-side request forgery).

A name is resolved once, every address that it has is judged, and the connection goes to exactly one of
those: a second look-up could answer otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import httpcore
from django.conf import settings
from django.utils.translation import gettext as _

from tillbook.common.errors import InvalidInput, Refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LONGEST_URL = 500
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_CONNECT_SECONDS = 5


class TargetRefused(Refusal):
    """The address lies in a network that webhooks must not reach."""

    code = "target_refused"


def private_targets_allowed() -> bool:
    return bool(settings.TILLBOOK_WEBHOOK_PRIVATE_TARGETS)


def check_url(url: str) -> str:
    """Return `url` if an event could be sent there.

    Raises InvalidInput for what is no such address, and TargetRefused for one that is not public, where that
    can be seen without asking for its name.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_address() from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST_URL
    if not plain or parts.scheme not in {"https", "http"} or not host or port == 0 or parts.fragment:
        raise _no_address()
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(_("Leave out the user and password: the signature shows who sends."), field="url")
    if parts.scheme == "http" and not private_targets_allowed():
        raise InvalidInput(_("Webhooks are sent over https only."), field="url")
    if literal := _literal(host):
        check_addresses(host, [literal])
    return url


def _no_address() -> InvalidInput:
    return InvalidInput(
        _(
            "Write the whole address, such as https://shop.example/hooks, "
            "in at most %(longest_url)s characters."
        )
        % {"longest_url": _LONGEST_URL},
        field="url",
    )


def _literal(host: str) -> str:
    """The host if it is an address itself, else nothing."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def check_addresses(host: str, addresses: Iterable[str]) -> None:
    """Raise TargetRefused if one of the host's addresses is not public, unless the setting allows it."""
    if private_targets_allowed():
        return
    for each in addresses:
        if not is_public(each):
            raise TargetRefused(
                _(
                    "%(host)s is %(each)s, which is no public address. "
                    "Where it is meant, set TILLBOOK_WEBHOOK_PRIVATE_TARGETS=true."
                )
                % {"host": host, "each": each},
                field="url",
            )


def is_public(text: str) -> bool:
    """Whether anybody on the internet could reach the address, and it is one machine's."""
    address = ipaddress.ip_address(text)
    inner = _inside(address)
    if inner is not None:
        return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inside(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: a gateway would lead there."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


class Guarded(httpcore.NetworkBackend):
    """Connects to checked addresses only, and lets nothing last beyond `end`.

    A time-out for each read would not do: who sends a byte now and then could hold us for ever.
    """

    def __init__(self) -> None:
        self._plain = httpcore.SyncBackend()
        self._end = 0

    def begin(self, seconds: int) -> None:
        """All that follows must end within so many seconds."""
        self._end = time.monotonic_ns() + seconds * 10**9

    def left(self) -> Any:
        """Seconds until the end. Raises httpcore.ReadTimeout when it has come."""
        rest = self._end - time.monotonic_ns()
        if rest <= 0:
            raise httpcore.ReadTimeout("It took too long.")
        return rest / 10**9

    def connect_tcp(
        self, host: str, port: int, timeout: Any = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        addresses = resolved(host, port)
        check_addresses(host, addresses)
        *others, last = addresses
        for each in others:
            try:
                return self._connect(each, port)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._connect(last, port)

    def _connect(self, address: str, port: int) -> httpcore.NetworkStream:
        stream = self._plain.connect_tcp(address, port, timeout=min(self.left(), _CONNECT_SECONDS))
        return _Ending(stream, self.left)


class _Ending(httpcore.NetworkStream):
    """A connection whose every step gets only the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, left: Callable[[], Any]) -> None:
        self._stream, self._left = stream, left

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        return self._stream.read(max_bytes, self._left())

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        self._stream.write(buffer, self._left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: Any = None
    ) -> httpcore.NetworkStream:
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, self._left()), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolved(host: str, port: int) -> list[str]:
    """The addresses that the name has now. Raises httpcore.ConnectError if it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"No address of {host} is known.") from error
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
