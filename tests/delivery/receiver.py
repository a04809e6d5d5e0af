"""A receiver of webhooks: a real HTTP server that keeps what it got, and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes]


@dataclass
class Got:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


@dataclass
class Receiver:
    url: str
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Answer] = lambda _: (204, b"")

    def answer_in_turn(self, *statuses: int) -> None:
        """So for the next requests; 204 for those after them."""
        left = list(statuses)
        self.answer = lambda _: (left.pop(0) if left else 204, b"told so")


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed in mid-request: nothing has been told
                return
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body.decode())
            receiver.got.append(got)
            status, text = receiver.answer(got)
            self.send_response(status)
            if status in (302, 307):
                self.send_header("location", receiver.url + "/elsewhere")
            if status != 204:
                self.send_header("content-length", str(len(text)))
            self.end_headers()
            if status != 204:
                with suppress(ConnectionResetError):  # who has read enough hangs up
                    self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who distrusts it hangs up
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Clock:
    """The time, which goes on only when the test says so. It begins now: receivers refuse old signatures."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.at

    def later(self, **by: int) -> None:
        self.at += timedelta(**by)
