"""Requests reach the application whole or not at all."""

from __future__ import annotations

import errno
import io
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from tillbook.common.bodies import CUT_OFF, WholeBodies


class Application:
    """What an application gets that reads as much as it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, bytes, bool]] = []

    def __call__(self, environ: dict[str, Any], _start: Any) -> list[bytes]:
        length = environ.get("CONTENT_LENGTH")
        body = environ["wsgi.input"].read(int(length or 0))
        self.told.append((length, body, environ.get(CUT_OFF, False)))
        return []


def told(body: Any, method: str = "POST", **more: Any) -> tuple[str | None, bytes, bool]:
    source = io.BytesIO(body) if isinstance(body, bytes) else body
    application = Application()
    WholeBodies(application, at_once=1)(
        {"REQUEST_METHOD": method, "wsgi.input": source, **more}, lambda *_: None
    )
    return application.told[0]


ENDS = {"wsgi.input_terminated": True}
LONG = b"x" * (3 * 64 * 1024 + 5)


@pytest.mark.parametrize("body", [b"hello", b"", LONG])
def test_a_body_in_chunks_gets_its_length(body: bytes) -> None:
    assert told(body, **ENDS) == (str(len(body)), body, False)


@pytest.mark.parametrize("body", [b"hello", LONG])
@pytest.mark.parametrize("more", [{}, ENDS])
def test_a_body_that_says_its_length_is_taken_whole(body: bytes, more: dict[str, Any]) -> None:
    length = str(len(body))
    assert told(body, CONTENT_LENGTH=length, **more) == (length, body, False)
    # The next request on the connection is not this one's.
    assert told(body + b"POST", CONTENT_LENGTH=length, **more) == (length, body, False)


@pytest.mark.parametrize("came", [b"", b"amount=9", LONG])
def test_one_that_is_cut_off_is_not_taken_for_what_was_meant(came: bytes) -> None:
    assert told(came, CONTENT_LENGTH=str(len(came) + 1), **ENDS) == ("0", b"", True)


@pytest.mark.parametrize(
    ("length", "read"), [("99", 0), ("9", 0), ("8", 8), ("5", 5), ("0", 0), ("", 0), ("-1", 0), (None, 0)]
)
def test_one_that_is_much_too_long_or_none_is_left_unread(
    settings: Any, length: str | None, read: int
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 4
    body = io.BytesIO(b"x" * 99)
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": body, "CONTENT_LENGTH": length}
    list(WholeBodies(lambda *_: [], at_once=1)(environ, print))
    assert (body.tell(), environ.get(CUT_OFF, False)) == (read, length in ("99", "9"))


def test_of_chunks_without_end_no_more_is_read_than_shows_it(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 4
    body = io.BytesIO(b"x" * 100)
    assert told(body, **ENDS) == ("5", b"xxxxx", False)
    assert body.tell() == 5


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "Multipart/form-data; boundary=x"])
def test_a_form_in_chunks_does_not_say_whether_it_is_whole(kind: str) -> None:
    assert told(b"amount=9", CONTENT_TYPE=kind, **ENDS) == ("0", b"", True)
    assert told(b"amount=9", CONTENT_TYPE=kind, CONTENT_LENGTH="8", **ENDS) == ("8", b"amount=9", False)
    assert told(b"", CONTENT_TYPE=kind, **ENDS) == ("0", b"", False)


def test_what_has_no_body_is_not_waited_for() -> None:
    assert told(b"hello", "GET", **ENDS) == (None, b"", False)


def test_where_there_is_no_room_for_it_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    assert told(b"hello", CONTENT_LENGTH="5") == ("0", b"", True)


class Streamed:
    """An answer in pieces, made in the thread that asks for them."""

    def __init__(self, pieces: int) -> None:
        self.pieces, self.made, self.closed = pieces, 0, threading.Event()
        self.threads: set[str] = set()

    def __call__(self, _environ: dict[str, Any], start: Any) -> Streamed:
        start("200 OK", [("X", "1")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.pieces):
            self.made += 1
            self.threads.add(threading.current_thread().name)
            yield b"x"

    def close(self) -> None:
        self.closed.set()


GET = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}


@pytest.mark.parametrize("pieces", [0, 1, 2, 100])
def test_an_answer_is_made_in_one_thread_and_given_whole(pieces: int) -> None:
    begun: list[Any] = []
    answer = Streamed(pieces)
    given = WholeBodies(answer, at_once=1)(dict(GET), lambda *head: begun.append(head))
    assert b"".join(given) == b"x" * pieces
    assert begun == [("200 OK", [("X", "1")])]
    assert answer.closed.wait(60)
    assert len(answer.threads) == min(pieces, 1)
    assert threading.current_thread().name not in answer.threads


def test_of_an_answer_that_nobody_takes_any_more_no_more_is_made() -> None:
    answer = Streamed(10**9)
    whole = WholeBodies(answer, at_once=1)
    given: Any = whole(dict(GET), lambda *_: None)
    assert next(given) == b"x"
    given.close()
    assert answer.closed.wait(60)
    assert answer.made < 100
    answer.pieces = 3
    assert list(whole(dict(GET), lambda *_: None)) == [b"x"] * 3  # its place is free again


def test_a_fault_of_the_application_is_the_server_s_to_tell() -> None:
    def broken(*_: object) -> list[bytes]:
        raise RuntimeError("broken")

    whole = WholeBodies(broken, at_once=1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            whole(dict(GET), lambda *_: None)


class Stalled:
    """A body of which no more comes until it is let go."""

    def __init__(self) -> None:
        self.asked, self.let_go = threading.Event(), threading.Event()

    def read(self, _size: int) -> bytes:
        self.asked.set()
        assert self.let_go.wait(60)
        return b""


@pytest.fixture
def stalled() -> Iterator[Stalled]:
    body = Stalled()
    yield body
    body.let_go.set()


def test_who_waits_for_a_body_keeps_no_place(stalled: Stalled) -> None:
    application = Application()
    whole = WholeBodies(application, at_once=1)
    slow = {"REQUEST_METHOD": "POST", "wsgi.input": stalled, "CONTENT_LENGTH": "5"}
    waiting = threading.Thread(target=whole, args=(slow, print))
    waiting.start()
    assert stalled.asked.wait(60)
    whole({"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}, print)
    assert [each[2] for each in application.told] == [False]
    stalled.let_go.set()
    waiting.join(60)
    assert [each[2] for each in application.told] == [False, True]


def test_no_page_takes_what_was_cut_off(client: Any, rf: RequestFactory) -> None:
    for path, said in (
        ("/login/", "read"), ("/api/v1/spends", "did not come whole"), ("/do/WS/NetoAPI", "be read"),
    ):  # fmt: skip
        answer = client.post(path, {"login": "a"}, **{CUT_OFF: True})
        assert said in answer.content.decode()
        assert answer.status_code == (200 if path.startswith("/do") else 400)
