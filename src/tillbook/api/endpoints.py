"""How an endpoint is declared: what it reads or changes, its shape, and every problem it may answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any, get_args

from django.db import transaction
from django.http import HttpResponse
from ninja import Router
from pydantic import BaseModel

from tillbook.api.edge import ApiRequest
from tillbook.api.keyed import LONGEST_KEY, once
from tillbook.api.problems import Problem, of_validation
from tillbook.api.shapes import Sent
from tillbook.api.versions import with_version
from tillbook.common.actor import Permission

Endpoint = Callable[..., BaseModel]


class Kind(StrEnum):
    """What an operation does, and so how it is asked for."""

    READ = "read"
    DOCUMENT = "document"
    CHANGE = "change"
    BATCH = "batch"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint as it was declared: `answered` takes an ApiRequest and the parameters of `endpoint`."""

    name: str
    kind: Kind
    endpoint: Callable[..., Any]
    answered: Callable[..., HttpResponse]


#: All that the API does, by name: each declaration below adds its own.
operations: dict[str, Operation] = {}

_ALWAYS = (401, 403, 422, 429)
_CHANGING = (400, 409, 413, 415)
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "Your own name for this change: sent again with the same key, it happens once.",
    "schema": {"type": "string", "pattern": f"^[!#-~]{{1,{LONGEST_KEY}}}$"},
}


def read(
    router: Router,
    path: str,
    shape: Any,
    *statuses: int,
    permission: Permission = Permission.VIEW,
    **more: Any,
) -> Callable[[Endpoint], Endpoint]:
    """A GET that answers `shape`, and the problems `statuses` beside those that every endpoint may."""

    def declared(endpoint: Endpoint) -> Endpoint:
        known = _parameters(endpoint)

        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.actor.require(permission)
            if unknown := sorted(set(request.GET) - known):
                return _unknown(unknown)
            return with_version(endpoint(request, *args, **kwargs))

        responses = {200: shape, **_problems(*statuses)}
        router.get(path, response=responses, **more)(_registered(Kind.READ, endpoint, answered))
        return endpoint

    return declared


def document(
    router: Router, path: str, content_type: str, *statuses: int, **more: Any
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A GET that answers a file of `content_type`, and the problems `statuses` beside the usual ones."""

    def declared(endpoint: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.actor.require(Permission.VIEW)
            if request.GET:
                return _unknown(request.GET)
            response = endpoint(request, *args, **kwargs)
            response["Content-Type"] = content_type
            return response

        file = {"content": {content_type: {"schema": {"type": "string", "format": "binary"}}}}
        extra = {"responses": {200: {"description": "The file", **file}}}
        router.get(path, response=_problems(*statuses), openapi_extra=extra, **more)(
            _registered(Kind.DOCUMENT, endpoint, answered)
        )
        return endpoint

    return declared


def change(
    router: Router, path: str, status: int, shape: Any, *statuses: int, **more: Any
) -> Callable[[Endpoint], Endpoint]:
    """A POST that changes something, once for each Idempotency-Key, and answers `status` with `shape`.

    Its service takes `request.key`.
    """

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return once(request, lambda: (status, endpoint(request, *args, **kwargs)))

        responses = {status: shape, **_problems(*_CHANGING, *statuses)}
        extra = {"parameters": [_KEY]}
        router.post(path, response=responses, openapi_extra=extra, **more)(
            _registered(Kind.CHANGE, endpoint, answered)
        )
        return endpoint

    return declared


def batch(router: Router, path: str, shape: Any) -> Callable[[Endpoint], Endpoint]:
    """A POST of many items, each of which has its own key and its own outcome."""

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            made = endpoint(request, *args, **kwargs)
            return HttpResponse(made.model_dump_json(by_alias=True), content_type="application/json")

        responses = {200: shape, **_problems(*_CHANGING)}
        router.post(path, response=responses)(_registered(Kind.BATCH, endpoint, answered))
        return endpoint

    return declared


def update(
    router: Router, path: str, shape: Any, *statuses: int, **more: Any
) -> Callable[[Endpoint], Endpoint]:
    """A PATCH that sets fields: sent twice it changes nothing more, so it needs no key.

    It calls `check_version`: with If-Match (an ETag) it is refused if somebody changed the thing since.
    """

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            with transaction.atomic():
                return with_version(endpoint(request, *args, **kwargs))

        responses = {200: shape, **_problems(412, *_CHANGING, *statuses)}
        router.patch(path, response=responses, **more)(_registered(Kind.UPDATE, endpoint, answered))
        return endpoint

    return declared


def _unknown(names: Iterable[str]) -> HttpResponse:
    return of_validation([{"loc": ("query", each), "msg": "There is no such parameter."} for each in names])


def _problems(*statuses: int) -> dict[int, type[Problem]]:
    return dict.fromkeys(sorted({*_ALWAYS, *statuses}), Problem)


def _parameters(endpoint: Endpoint) -> set[str]:
    """The query parameters that the endpoint takes."""
    found: set[str] = set()
    for each in inspect.signature(endpoint, eval_str=True).parameters.values():
        for kind in get_args(each.annotation)[:1]:
            if isinstance(kind, type) and issubclass(kind, Sent):
                found.update(kind.model_fields)
    return found


def _registered(
    kind: Kind, endpoint: Callable[..., Any], answered: Callable[..., HttpResponse]
) -> Callable[..., HttpResponse]:
    """`answered`, with the name and parameters of `endpoint`; one of the `operations` from now on."""
    wrapped = wraps(endpoint)(answered)
    # Its annotations are texts that only its own module can read.
    wrapped.__signature__ = inspect.signature(endpoint, eval_str=True)  # type: ignore[attr-defined]
    operations[endpoint.__name__] = Operation(endpoint.__name__, kind, endpoint, wrapped)
    return wrapped
