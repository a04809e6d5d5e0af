"""Stripe's local server as a process, and before it a proxy that misbehaves as told.

localstripe forgets what an idempotency key did. The proxy remembers, as Stripe does for a day; a test may
have it forget.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

SECRET = "sk_test_tillbook"
ERROR = {
    500: {"error": {"type": "api_error", "message": "Something went wrong."}},
    402: {"error": {"type": "card_error", "code": "card_declined", "message": "Your balance is too low."}},
    401: {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided."}},
    429: {"error": {"type": "rate_limit_error", "code": "lock_timeout", "message": "Too many requests."}},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stripe:
    """localstripe, and how the proxy before it treats the next requests that would send a refund."""

    port: int  # localstripe's own
    url: str = ""  # the proxy's
    next: list[str] = field(default_factory=list)  # each for one request; without: "pass"
    sent: list[str] = field(default_factory=list)  # the idempotency keys that came
    known: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hold: threading.Event = field(default_factory=threading.Event)  # what is late waits for it
    lock: threading.Lock = field(default_factory=threading.Lock)
    passed: threading.Event = field(default_factory=threading.Event)

    def pay(self, amount: int = 50_00, currency: str = "gbp") -> tuple[str, str]:
        """A payment by card: the ids of its payment intent and its charge."""
        made = self.ask(
            "POST", "/v1/payment_intents", amount=amount, currency=currency, confirm="true",
            payment_method="pm_card_visa",
        )  # fmt: skip
        return made["id"], made["charges"]["data"][0]["id"]

    def refunds(self) -> list[dict[str, Any]]:
        """All that was paid out."""
        found: list[dict[str, Any]] = self.ask("GET", "/v1/refunds?limit=100")["data"]
        return found

    def ask(self, method: str, path: str, **sent: object) -> Any:
        return json.loads(self.forward(method, path, urlencode(sent).encode(), {})[1])

    def forward(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        own = {"Authorization": "Basic " + b64encode(f"{SECRET}:".encode()).decode()}
        if body:
            own["Content-Type"] = "application/x-www-form-urlencoded"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body or None, own | headers)
        answer = connection.getresponse()
        said = answer.status, answer.read()
        connection.close()
        return said

    def once(self, key: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """The answer to the first request of the key. One at a time: Stripe refuses the others meanwhile."""
        with self.lock:
            if key not in self.known:
                self.known[key] = self.forward("POST", path, body, headers)
            self.passed.set()
            return self.known[key]


@contextmanager
def stripe_serving() -> Iterator[Stripe]:
    """localstripe takes a moment to begin: a session's tests share it."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "localstripe", "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Stripe(port)
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "localstripe ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("localstripe does not begin")


class _Proxy(BaseHTTPRequestHandler):
    """One request on its way."""

    protocol_version = "HTTP/1.1"
    stripe: Stripe

    def do_GET(self) -> None:
        headers = {"Authorization": self.headers.get("authorization", "")}
        self._answer(*self.stripe.forward("GET", self.path, b"", headers))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.stripe.sent.append(self.headers["idempotency-key"])
        how = self.stripe.next.pop(0) if self.stripe.next else "pass"
        if how.isdigit():
            self._answer(int(how), json.dumps(ERROR[int(how)]).encode())
            return
        if how in ("silent", "passed on late"):
            self.stripe.hold.wait(30)
        if how in ("silent", "cut before"):
            self.close_connection = True
            return
        self._pass_on(how, body)

    def _pass_on(self, how: str, body: bytes) -> None:
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        key = self.headers["idempotency-key"]
        status, said = self.stripe.once(key, self.path, body, headers)
        if how == "twice":
            self.stripe.once(key, self.path, body, headers)
        if how == "late":
            self.stripe.hold.wait(30)
        if how == "500 after":
            status, said = 500, json.dumps(ERROR[500]).encode()
        if how in ("late", "passed on late", "cut after"):
            self.close_connection = True
            return
        self._answer(status, said)

    def _answer(self, status: int, said: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def behind_proxy(localstripe: Stripe) -> Iterator[Stripe]:
    """A fresh proxy before the same localstripe, whose refunds are all forgotten."""
    localstripe.forward("DELETE", "/_config/data", b"", {})
    stripe = Stripe(localstripe.port)
    with serving(type("Proxy", (_Proxy,), {"stripe": stripe})) as stripe.url:
        try:
            yield stripe
        finally:
            stripe.hold.set()


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who has waited long enough hangs up
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
