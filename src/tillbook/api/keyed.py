"""Idempotency-Key on everything that changes something (draft-ietf-httpapi-idempotency-key-header).

A repetition gets the first answer again, refusals included, with `Idempotency-Replayed: true`; before that
answer is there, 409; for other content, 422.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from pydantic import BaseModel

from tillbook.api import problems
from tillbook.api.edge import ApiRequest
from tillbook.api.problems import KeyInUse, KeyMissing
from tillbook.common.errors import Refusal
from tillbook.staff import answers

LONGEST_KEY = 150

_running: set[tuple[str, str]] = set()
_guard = threading.Lock()


def once(request: ApiRequest, change: Callable[[], tuple[int, BaseModel]]) -> HttpResponse:
    """The answer to a request that changes something: `change` makes (status, what to tell), once a key.

    It finds the key for its service in `request.key`.
    """
    key, caller, content = _key(request), request.actor.identity, _content(request)
    with _alone(caller, key), _unless_used(caller, key, content), transaction.atomic():
        if not answers.is_free(caller, key):
            raise _still_running()
        first = answers.first_answer(caller, key, content)
        if first is not None:
            return _again(first.status, first.body)
        request.key = service_key(request, key)
        response = _run(request, change)
        answers.keep(
            caller=caller, key=key, content=content, status=response.status_code,
            body=response.content.decode(), now=request.now,
        )  # fmt: skip
        return response


def once_in_parts(request: ApiRequest, change: Callable[[], tuple[int, BaseModel]]) -> HttpResponse:
    """As `once`, for a change that commits its parts one by one and does none of them twice.

    What was done stays when it is interrupted: sent again, it goes on. Two processes under one key both work,
    and the first answer is the one that is kept.
    """
    key, caller, content = _key(request), request.actor.identity, _content(request)
    with _alone(caller, key):
        first = _kept(caller, key, content)
        if first is not None:
            return first
        request.key = service_key(request, key)
        return _keep(request, caller, key, content, _answered(request, change))


def _keep(request: ApiRequest, caller: str, key: str, content: str, response: HttpResponse) -> HttpResponse:
    """Keep an answer in a transaction of its own; if there is one already, that is given.

    What another server kept from being done, such as a mail, is no answer: the same key tries it again.
    """
    if response.status_code >= 500:
        return response
    with transaction.atomic():
        first = _kept(caller, key, content)
        if first is None:
            answers.keep(
                caller=caller, key=key, content=content, status=response.status_code,
                body=response.content.decode(), now=request.now,
            )  # fmt: skip
    return first or response


def once_shared(
    request: ApiRequest, change: Callable[[], tuple[int, BaseModel]], status: int
) -> HttpResponse:
    """As `once`, for a change whose service shares a commit with others', and so is in no transaction here.

    The service stores `request.claim` with what it changes, and answers its key the same again for good: an
    accepted request's answer is made anew for its repetition, a refusal is kept after it was given.
    """
    key, caller, content = _key(request), request.actor.identity, _content(request)
    with _alone(caller, key):
        first = answers.first_answer(caller, key, content)
        if first is not None and first.body:
            return _again(first.status, first.body)
        request.key = service_key(request, key)
        request.claim = None
        if first is None:
            request.claim = answers.claim(
                caller=caller, key=key, content=content, status=status, now=request.now
            )
        with _unless_used(caller, key, content):
            response = _answered(request, change)
        if first is not None:
            if response.status_code == first.status:
                response["Idempotency-Replayed"] = "true"
        elif response.status_code != status:
            return _keep(request, caller, key, content, response)
        return response


def _kept(caller: str, key: str, content: str) -> HttpResponse | None:
    """The first answer, if there is one. Within a transaction the key is the caller's until its end."""
    with transaction.atomic():
        if not answers.is_free(caller, key):
            raise _still_running()
        first = answers.first_answer(caller, key, content)
    if first is None:
        return None
    if not first.body:  # it was accepted elsewhere meanwhile: sent again, its service says so
        raise _still_running()
    return _again(first.status, first.body)


def service_key(request: ApiRequest, key: str) -> str:
    """The key as services know it: each program has keys of its own."""
    return f"api:{request.actor.identity}:{key}"


def _run(request: ApiRequest, change: Callable[[], tuple[int, BaseModel]]) -> HttpResponse:
    return _answered(request, lambda: _whole(change))


def _whole(change: Callable[[], tuple[int, BaseModel]]) -> tuple[int, BaseModel]:
    with transaction.atomic():  # a refusal takes back what was begun, and is kept as the answer
        return change()


def _answered(request: ApiRequest, change: Callable[[], tuple[int, BaseModel]]) -> HttpResponse:
    try:
        status, made = change()
    except Refusal as refusal:
        return problems.of_refusal(refusal, getattr(request, "parsed_body", None))
    return HttpResponse(made.model_dump_json(by_alias=True), status=status, content_type="application/json")


def _key(request: ApiRequest) -> str:
    """The key as it was sent, with or without the quotes that the draft asks for."""
    sent = request.headers.get("Idempotency-Key", "")
    key = sent[1:-1] if len(sent) > 1 and sent[0] == sent[-1] == '"' else sent
    # A header that is sent twice arrives as one with a comma: it would be another key than the first time.
    if not 1 <= len(key) <= LONGEST_KEY or not all("!" <= each <= "~" and each not in '",' for each in key):
        raise KeyMissing(
            "Send one Idempotency-Key, your own name for this change: "
            f"1 to {LONGEST_KEY} visible ASCII characters without quotes and commas."
        )
    return key


def _content(request: ApiRequest) -> str:
    asked = f"{request.method}\n{request.get_full_path()}\n".encode() + request.body
    return hashlib.sha256(asked).hexdigest()


def _again(status: int, body: str) -> HttpResponse:
    kind = "application/json" if status < 400 else problems.CONTENT_TYPE
    response = HttpResponse(body, status=status, content_type=kind)
    response["Idempotency-Replayed"] = "true"
    return response


def _still_running() -> KeyInUse:
    return KeyInUse("A request with this key is still running. Send it again in a moment.")


@contextmanager
def _alone(caller: str, key: str) -> Iterator[None]:
    """In this process nobody else works under the key. Raises KeyInUse."""
    place = caller, key
    with _guard:
        if place in _running:
            raise _still_running()
        _running.add(place)
    try:
        yield
    finally:
        with _guard:
            _running.discard(place)


@contextmanager
def _unless_used(caller: str, key: str, content: str) -> Iterator[None]:
    """Another process that was quicker under the key comes first. Raises KeyInUse, or KeyReused."""
    try:
        yield
    except IntegrityError:
        if answers.first_answer(caller, key, content) is None:
            raise
        raise _still_running() from None
