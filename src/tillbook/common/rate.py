"""How many requests a key may make: a fixed number a minute, counted in this process's memory.

Several server processes count for themselves. What protects the book are its rules; this keeps one
program that runs wild from taking all the server's time.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

WINDOW = 60  # seconds


class Allowance(NamedTuple):
    """What is left in the current window, which ends in `resets_in` seconds. Below zero: refused."""

    limit: int
    remaining: int
    resets_in: int


class Limiter:
    """Counts requests of each caller in windows of a minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._window = 0
        self._used: dict[str, int] = {}

    def take(self, caller: str) -> Allowance:
        """Count one request of the caller's."""
        at = time.monotonic()
        window = int(at // WINDOW)
        with self._lock:
            if window != self._window:
                self._window = window
                self._used.clear()
            used = self._used[caller] = self._used.get(caller, 0) + 1
        return Allowance(self._limit, self._limit - used, WINDOW - int(at % WINDOW))


def headers(allowance: Allowance) -> dict[str, str]:
    """The header fields RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
    return {
        "RateLimit-Policy": f'"key";q={allowance.limit};w={WINDOW}',
        "RateLimit": f'"key";r={max(0, allowance.remaining)};t={allowance.resets_in}',
    }
