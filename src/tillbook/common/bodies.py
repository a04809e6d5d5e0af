"""Requests reach Django whole or not at all, and slow ones keep nobody else waiting.

Django reads as much of a body as there is and as `Content-Length` promises. So of a form that was cut off on
the way it would take what came for all that was meant, and of a body in chunks, which promises nothing, none.
"""

from __future__ import annotations

import queue
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

Environment = dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

#: In a request's META: the body did not come whole, or nobody can tell whether it did.
CUT_OFF = "tillbook.body_cut_off"

_PIECE = 64 * 1024  # bytes
_IN_MEMORY = 2**20  # bytes: what is larger waits in a file
_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "TRACE"}
_FORMS = ("application/x-www-form-urlencoded", "multipart/")
_AHEAD = 8  # pieces of an answer that are made before the first of them is taken
_END = b""  # no piece of an answer


class WholeBodies:
    """A WSGI application that has each body before it hands the request to another, of `at_once` at a time.

    The server gives each request a thread, which waits for the body here, as long as the connection lasts: a
    read that has begun can't be given up. Only then one of `at_once` threads answers it, each with a
    connection of its own to the database. Sources: PEP 3333; RFC 9112, 6.3 and 8 (incomplete messages);
    `wsgi.input_terminated` is how servers say that reading ends with the body, however long that is.
    """

    def __init__(self, application: Application, at_once: int) -> None:
        self._application = application
        self._answering = ThreadPoolExecutor(at_once, thread_name_prefix="answering")

    def __call__(self, environ: Environment, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  whoever answers closes it
        _take_in(environ, body)
        answer = _Answer()
        self._answering.submit(answer.make, self._application, environ, body)
        return answer.given(start_response)


class _Answer:
    """An answer on its way from the thread that makes it to the one that the server waits in."""

    def __init__(self) -> None:
        self._pieces: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
        self._head: tuple[Any, ...] = ()
        self._ready: deque[bytes] = deque()
        self._unwanted = False

    def make(self, application: Application, environ: Environment, body: IO[bytes]) -> None:
        """Make all of it: what is streamed may be read from this thread's connection."""
        try:
            with body:
                response = application(environ, self._start)
                try:
                    for piece in response:
                        if piece and not self._put(piece):
                            return
                finally:
                    getattr(response, "close", lambda: None)()
            self._put(_END)
        except BaseException as error:  # noqa: BLE001  the server's thread raises it
            self._put(error)

    def _start(self, *head: Any) -> None:
        self._head = head

    def _put(self, piece: bytes | BaseException) -> bool:
        """Hand a piece over, as fast as they are taken; False if nobody takes them any more."""
        while not self._unwanted:
            try:
                self._pieces.put(piece, timeout=1)
            except queue.Full:
                continue
            return True
        return False

    def given(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The pieces, in the server's thread, once it is known whether there is more than one."""
        self._ready.append(self._taken())
        start_response(*self._head)
        if self._ready[0] != _END:
            self._ready.append(self._taken())
            if self._ready[1] == _END:
                return [self._ready[0]]  # servers send a list at once
        return self

    def __iter__(self) -> _Answer:
        return self

    def __next__(self) -> bytes:
        piece = self._ready.popleft() if self._ready else self._taken()
        if piece == _END:
            self._ready.append(_END)
            raise StopIteration
        return piece

    def close(self) -> None:
        """Nothing more is taken: the server says so at the end, and when the client is gone."""
        self._unwanted = True

    def _taken(self) -> bytes:
        piece = self._pieces.get()
        if isinstance(piece, BaseException):
            raise piece
        return piece


def promised_length(environ: Environment) -> int | None:
    """How many bytes the client says that it sends; None if it doesn't."""
    length = environ.get("CONTENT_LENGTH") or ""
    return int(length) if length.isascii() and length.isdigit() else None


def _take_in(environ: Environment, body: IO[bytes]) -> None:
    """Let the request have the body as far as it came whole, and note where it did not.

    What is more than twice as long as a request may be stays unread. The end of chunks can't be told from
    that of a connection: JSON and XML say themselves whether they are whole, forms do not.
    """
    promised, most = promised_length(environ), settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if promised is not None:
        came_whole = promised <= 2 * most and _copied(environ["wsgi.input"], body, promised) == promised
    elif environ.get("wsgi.input_terminated") and environ["REQUEST_METHOD"] not in _WITHOUT_BODY:
        came = _copied(environ["wsgi.input"], body, most + 1)  # one more shows that it is too long
        came_whole = came == 0 or not environ.get("CONTENT_TYPE", "").lower().startswith(_FORMS)
    else:
        return
    if not came_whole:
        environ[CUT_OFF] = True
        body.seek(0)
        body.truncate()
    if promised is None or promised <= 2 * most:
        environ["CONTENT_LENGTH"] = str(body.tell())
    environ["wsgi.input"] = body
    body.seek(0)


def _copied(source: Any, body: IO[bytes], most: int) -> int:
    """Copy until the source ends, or `most` bytes; returns how many. -1 where there is no room for it."""
    size = 0
    while size < most:
        wanted = min(_PIECE, most - size)
        piece = source.read(wanted)
        try:
            body.write(piece)
        except OSError:
            return -1
        size += len(piece)
        if len(piece) < wanted:
            break
    return size


def whole(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a request whose body was cut off is a bad one, wherever it goes."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.META.get(CUT_OFF):
            raise BadRequest("The body did not come whole.")
        return get_response(request)

    return middleware
