"""Where the program's own requests may go: not into the shop's network (server-side request forgery).

A name is resolved once, every address that it has is judged, and the connection goes to exactly one of
those: a second look-up could answer otherwise.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore
from django.conf import settings
from django.utils.translation import gettext as _

from tillbook.common.errors import Refusal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_GLOBAL = (
    tuple(  # though Python takes them for it: RFC 3879 site-local, RFC 9637 documentation, RFC 7526 relays
        map(ipaddress.ip_network, ("fec0::/10", "3fff::/20", "192.88.99.0/24"))
    )
)
_CONNECT_SECONDS = 5


class TargetRefused(Refusal):
    """The address lies in a network that the program's requests must not reach."""

    code = "target_refused"


@dataclass(frozen=True, slots=True)
class Fence:
    """Keeps requests out of private networks, unless the setting of that name lets them in."""

    setting: str
    field: str  # that a refusal names

    @property
    def is_open(self) -> bool:
        return bool(getattr(settings, self.setting))

    def check(self, host: str, addresses: Iterable[str]) -> None:
        """Raise TargetRefused if one of the host's addresses is not public."""
        if self.is_open:
            return
        for each in addresses:
            if not is_public(each):
                raise TargetRefused(
                    _(
                        "%(host)s is %(each)s, which is no public address. "
                        "Where it is meant, set %(setting)s=true."
                    )
                    % {"host": host, "each": each, "setting": self.setting},
                    field=self.field,
                )

    def check_literal(self, host: str) -> None:
        """The same for a host that is an address itself; a name is judged when it is asked for."""
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            return
        self.check(host, [address])


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """The authorities whose certificates are believed; reading them takes long."""
    return httpcore.default_ssl_context()


def is_public(text: str) -> bool:
    """Whether anybody on the internet could reach the address, and it is one machine's."""
    address = ipaddress.ip_address(text)
    inner = _inside(address)
    if inner is not None:
        return is_public(str(inner))
    if any(address in each for each in _NOT_GLOBAL):
        return False
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

    def __init__(self, fence: Fence) -> None:
        self._plain = httpcore.SyncBackend()
        self._fence = fence
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
        self._fence.check(host, addresses)
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
