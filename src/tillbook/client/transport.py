"""How the client sends, and how often it tries."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

ATTEMPTS = 6
_NO_ANSWERS = (None, "internal_error", "database_unavailable")
_BEFORE_ITS_KEY = (401, 403)  # statuses that the API answers before it looks for a first answer
LONGEST_WAIT = 30_000  # milliseconds between two attempts


class Refused(Exception):
    """The API said no. Nothing was changed; sent again with the same key it says the same.

    `code` is stable (docs/reference.md lists them all); `problem` is the whole of RFC 9457.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail") or f"HTTP status {status}")
        self.status = status
        self.code: str = problem.get("code", "")
        self.problem = dict(problem)


class Unreachable(Exception):
    """No answer came that says what was done. Whether a change happened is unknown: ask with its key."""


class _Versioned(dict[str, Any]):
    """What the API answered, with the ETag that names this state of it."""

    def __init__(self, told: Mapping[str, Any], version: str) -> None:
        super().__init__(told)
        self.version = version


def version_of(told: Mapping[str, Any]) -> str | None:
    """The ETag of one thing as the API answered it: sent back as `version`, a change of what somebody changed
    since is refused. None for what has no ETag, such as an item of a list.
    """
    return told.version if isinstance(told, _Versioned) else None


class Transport:
    """One connection pool, one API key. It may be shared between threads."""

    def __init__(
        self,
        address: str,
        secret: str,
        *,
        timeout: int = 30,
        pause: Callable[[int], None] | None = None,
    ) -> None:
        """`address` is the server's, such as "https://credit.example.com"; `timeout` is in seconds.

        `pause` waits so many milliseconds between two attempts.
        """
        self._pause = pause or _sleep
        self._http = httpx.Client(
            base_url=f"{address.rstrip('/')}/api/v1",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=timeout,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def read(self, path: str, parameters: Mapping[str, Any]) -> Any:
        """What a GET answers. Parameters that are None are left out."""
        asked = {name: value for name, value in parameters.items() if value is not None}
        return _told(self._sent("GET", path, params=asked))

    def file(self, path: str) -> bytes:
        """The file that a GET answers."""
        return self._sent("GET", path).content

    def pages(self, path: str, parameters: Mapping[str, Any]) -> Iterator[Any]:
        """All items of a list, read page by page."""
        cursor = None
        while True:
            page = self.read(path, {**parameters, "cursor": cursor})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def change(self, path: str, body: Any, key: str | None, version: str | None = None) -> Any:
        """What a keyed POST answers: its first answer, however often it was sent; `version` is an ETag."""
        headers = {"Idempotency-Key": key or uuid4().hex} | ({"If-Match": version} if version else {})
        return _told(self._sent("POST", path, json=body, headers=headers))

    def post(self, path: str, body: Any) -> Any:
        """What a POST answers whose items have keys of their own."""
        return _json(self._sent("POST", path, json=body))

    def update(self, path: str, body: Any, version: str | None) -> Any:
        """What a PATCH answers; `version` is an ETag."""
        headers = {"If-Match": version} if version else {}
        return _told(self._sent("PATCH", path, json=body, headers=headers))

    def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        changes = method != "GET"
        unheard = False  # an attempt may have made the change, and its answer did not come
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                answer = self._http.request(method, path, **more)
            except httpx.TransportError as error:
                if last:
                    raise Unreachable(f"No answer from {self._http.base_url}: {error}") from error
                unheard = changes
                self._pause(_wait(attempt))
                continue
            if answer.is_success:
                return answer
            problem = _problem(answer)
            if unheard and answer.status_code == httpx.codes.PRECONDITION_FAILED:
                raise Unreachable("It was changed meanwhile, perhaps by this very request. Read it again.")
            passes = _passes(answer.status_code, problem)
            if unheard and (answer.status_code in _BEFORE_ITS_KEY or (last and passes)):
                # It says nothing of the attempt before, which may be under way still.
                raise Unreachable(f"Status {answer.status_code}, after an attempt without an answer.")
            no_answer = answer.status_code >= 500 and problem.get("code") in _NO_ANSWERS
            unheard = unheard or (changes and no_answer)
            if last and no_answer:
                # Not the API's own, as of what stands before it; or the API does not know what was done.
                raise Unreachable(f"Status {answer.status_code} from {self._http.base_url}")
            if last or not passes:
                raise Refused(answer.status_code, problem)
            self._pause(_wait(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("unreachable")  # the last attempt returns or raises


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:  # a page of what stands before the API
        raise Unreachable(f"Status {answer.status_code} from {answer.url}, but no JSON.") from error


def _told(answer: httpx.Response) -> Any:
    told, version = _json(answer), answer.headers.get("ETag")
    return _Versioned(told, version) if version and isinstance(told, dict) else told


def _passes(status: int, problem: Mapping[str, Any]) -> bool:
    """Whether the same request may be answered otherwise in a moment."""
    return status >= 500 or status == 429 or problem.get("code") == "key_in_use"


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _wait(attempt: int, asked: str | None = None) -> int:
    """Milliseconds until the next attempt: what the server asks for, or longer each time, and by chance."""
    if asked is not None and asked.isascii() and asked.isdigit():
        return min(int(asked) * 1000, 60_000)
    most = min(LONGEST_WAIT, 200 * 2**attempt)
    return random.randint(most // 2, most)  # noqa: S311 - it spreads load, and protects nothing


def _sleep(milliseconds: int) -> None:
    time.sleep(milliseconds / 1000)
