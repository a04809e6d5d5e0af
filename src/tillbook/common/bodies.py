"""Requests reach Django whole or not at all, and slow ones keep nobody else waiting.

Django reads as much of a body as there is and as `Content-Length` promises. So of a form that was cut off on
the way it would take what came for all that was meant, and of a body in chunks, which promises nothing, none.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

#: In a request's META: the body did not come whole.
CUT_OFF = "tillbook.body_cut_off"

_PIECE = 64 * 1024  # bytes
_IN_MEMORY = 2**20  # bytes: what is larger waits in a file
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "TRACE"}


class WholeBodies:
    """A WSGI application that has each body before it hands the request to another, of `at_once` at a time.

    The server gives each request a thread, which waits for the body here; only then it takes one of the
    places in which requests are answered. A body that is much longer than a request may be is left unread;
    of one that is a little longer, whoever reads it says so. How long
    to wait is up to whoever stands before the server: a read that has begun can't be given up.
    Sources: PEP 3333; RFC 9112, 6.3 and 8 (incomplete messages); `wsgi.input_terminated` is how servers say
    that reading ends with the body, however long that is.
    """

    def __init__(self, application: Application, at_once: int) -> None:
        self._application = application
        self._places = threading.BoundedSemaphore(at_once)

    def __call__(self, environ: Environment, start_response: Callable[..., Any]) -> Iterable[bytes]:
        promised, most = _promised(environ), settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
            if promised is not None and promised > 2 * most:
                environ[CUT_OFF] = True
            elif promised is not None:
                _take_in(environ, body, promised, promised)
            elif environ.get("wsgi.input_terminated") and environ["REQUEST_METHOD"] not in _WITHOUT_BODY:
                _take_in(environ, body, 0, most + 1)  # one more shows that it is too long
            with self._places:
                return self._application(environ, start_response)


def _take_in(environ: Environment, body: IO[bytes], least: int, most: int) -> None:
    """Read the body, from `least` bytes to `most`, or note that it did not come whole."""
    if _copied(environ["wsgi.input"], body, most) < least:
        body.seek(0)
        body.truncate()
        environ[CUT_OFF] = True
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = body, str(body.tell())
    body.seek(0)


def _copied(source: Any, body: IO[bytes], most: int) -> int:
    """Copy until the source ends, or `most` bytes; returns how many."""
    size = 0
    while size < most:
        wanted = min(_PIECE, most - size)
        piece = source.read(wanted)
        size += body.write(piece)
        if len(piece) < wanted:
            break
    return size


def _promised(environ: Environment) -> int | None:
    """How many bytes the client says that it sends; None if it doesn't."""
    length = environ.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() else None


def whole(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a request whose body was cut off is a bad one, wherever it goes."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.META.get(CUT_OFF):
            raise BadRequest("The body did not come whole.")
        return get_response(request)

    return middleware
