"""How an endpoint is declared: what it reads or changes, its shape, and every problem it may answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial, wraps
from typing import Any, get_args

from django.db import transaction
from django.http import HttpResponse
from ninja import Router
from pydantic import BaseModel

from tillbook.api.edge import ApiRequest
from tillbook.api.keyed import LONGEST_KEY, once, once_in_parts, once_shared
from tillbook.api.problems import (
    ChangedMeanwhile,
    KeyInUse,
    KeyMissing,
    Malformed,
    Misshapen,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    UnsupportedMediaType,
    of_validation,
)
from tillbook.api.shapes import Sent
from tillbook.api.versions import unless_known, with_version
from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput, KeyReused, NotFound, PermissionDenied, Refusal

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
    refusals: frozenset[type[Refusal]]


#: All that the API does, by name: each declaration below adds its own.
operations: dict[str, Operation] = {}

Refusals = type[Refusal]

_ALWAYS = {Unauthenticated, PermissionDenied, Misshapen, TooManyRequests}
_OF_BODY = {Malformed, TooLarge, UnsupportedMediaType}
#: What an operation of each kind may refuse, beside what it declares.
_USUAL: dict[Kind, set[Refusals]] = {
    Kind.READ: _ALWAYS,
    Kind.DOCUMENT: _ALWAYS,
    Kind.BATCH: _ALWAYS | _OF_BODY,
    Kind.CHANGE: _ALWAYS | _OF_BODY | {KeyMissing, KeyInUse, KeyReused, InvalidInput},
    Kind.UPDATE: _ALWAYS | _OF_BODY | {ChangedMeanwhile, InvalidInput},
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "Your own name for this change: sent again with the same key, it happens once.",
    "schema": {"type": "string", "pattern": f"^[!#-+\\--~]{{1,{LONGEST_KEY}}}$"},
}


def read(
    router: Router,
    path: str,
    shape: Any,
    *refusals: Refusals,
    permission: Permission = Permission.VIEW,
    **more: Any,
) -> Callable[[Endpoint], Endpoint]:
    """A GET that answers `shape`, or one of the `refusals`, or of those that every endpoint may give."""

    def declared(endpoint: Endpoint) -> Endpoint:
        known = _parameters(endpoint)

        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.actor.require(permission)
            if unknown := sorted(set(request.GET) - known):
                return _unknown(unknown)
            return unless_known(request, with_version(endpoint(request, *args, **kwargs)))

        of_pages = {InvalidInput} if "cursor" in known else set()  # the cursor may be another list's
        operation = _registered(Kind.READ, endpoint, answered, {*refusals, *of_pages})
        router.get(path, response={200: shape}, **more)(operation.answered)
        return endpoint

    return declared


def document(
    router: Router, path: str, content_type: str, *refusals: Refusals, **more: Any
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A GET that answers a file of `content_type`, and the `refusals` beside the usual ones."""

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
        operation = _registered(Kind.DOCUMENT, endpoint, answered, refusals)
        router.get(path, response={200: None}, openapi_extra=extra, **more)(operation.answered)
        return endpoint

    return declared


def change(
    router: Router,
    path: str,
    status: int,
    shape: Any,
    *refusals: Refusals,
    in_parts: bool = False,
    shared: bool = False,
    **more: Any,
) -> Callable[[Endpoint], Endpoint]:
    """A POST that changes something, once for each Idempotency-Key, and answers `status` with `shape`.

    Its service takes `request.key`. With `in_parts` the service commits part by part, and does none twice;
    with `shared` it shares a commit with others, and takes `request.claim` too.
    """

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.GET:
                return _unknown(request.GET)
            run = partial(once_shared, status=status) if shared else once_in_parts if in_parts else once
            return run(request, lambda: (status, endpoint(request, *args, **kwargs)))

        operation = _registered(Kind.CHANGE, endpoint, answered, refusals)
        extra = {"parameters": [_KEY]}
        router.post(path, response={status: shape}, openapi_extra=extra, **more)(operation.answered)
        return endpoint

    return declared


def batch(router: Router, path: str, shape: Any) -> Callable[[Endpoint], Endpoint]:
    """A POST of many items, each of which has its own key and its own outcome."""

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.GET:
                return _unknown(request.GET)
            made = endpoint(request, *args, **kwargs)
            return HttpResponse(made.model_dump_json(by_alias=True), content_type="application/json")

        operation = _registered(Kind.BATCH, endpoint, answered, ())
        router.post(path, response={200: shape})(operation.answered)
        return endpoint

    return declared


def update(
    router: Router, path: str, shape: Any, *refusals: Refusals, **more: Any
) -> Callable[[Endpoint], Endpoint]:
    """A PATCH that sets fields: sent twice it changes nothing more, so it needs no key.

    It calls `check_version`: with If-Match (an ETag) it is refused if somebody changed the thing since.
    """

    def declared(endpoint: Endpoint) -> Endpoint:
        def answered(request: ApiRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.GET:
                return _unknown(request.GET)
            with transaction.atomic():
                return with_version(endpoint(request, *args, **kwargs))

        operation = _registered(Kind.UPDATE, endpoint, answered, refusals)
        router.patch(path, response={200: shape}, **more)(operation.answered)
        return endpoint

    return declared


def _unknown(names: Iterable[str]) -> HttpResponse:
    return of_validation([{"loc": ("query", each), "msg": "There is no such parameter."} for each in names])


def _parameters(endpoint: Endpoint) -> set[str]:
    """The query parameters that the endpoint takes."""
    found: set[str] = set()
    for each in inspect.signature(endpoint, eval_str=True).parameters.values():
        for kind in get_args(each.annotation)[:1]:
            if isinstance(kind, type) and issubclass(kind, Sent):
                found.update(kind.model_fields)
    return found


def _registered(
    kind: Kind,
    endpoint: Callable[..., Any],
    answered: Callable[..., HttpResponse],
    refusals: Iterable[Refusals],
) -> Operation:
    """`answered`, with the name and parameters of `endpoint`; one of the `operations` from now on."""
    wrapped = wraps(endpoint)(answered)
    # Its annotations are texts that only its own module can read.
    wrapped.__signature__ = inspect.signature(endpoint, eval_str=True)  # type: ignore[attr-defined]
    named = {NotFound} if _names_something(endpoint) else set()
    made = Operation(
        endpoint.__name__, kind, endpoint, wrapped, frozenset({*_USUAL[kind], *named, *refusals})
    )
    operations[endpoint.__name__] = made
    return made


def _names_something(endpoint: Callable[..., Any]) -> bool:
    """Whether its address has a part that may name nothing."""
    return bool({"number", "username"} & set(inspect.signature(endpoint).parameters))
