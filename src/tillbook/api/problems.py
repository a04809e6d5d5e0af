"""Problem details (RFC 9457): the one shape of everything that is refused.

`code` is stable and is what programs look at; `detail` is for people. `errors` has one entry per wrong
field, up to a hundred: `pointer` into the body (a JSON pointer as a URI fragment, RFC 6901), or the
`parameter`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel
from pydantic_core import to_json

from tillbook.common.errors import InvalidInput, KeyReused, Refusal
from tillbook.customers.queries import CustomerNotFound

CONTENT_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)
_MOST_TOLD = 100  # wrong fields: a body of 4 MB of unknown names would be answered by 21
_DATABASE_BACK = 10  # seconds: a full disk or a server that starts anew takes somebody's time


class WrongField(BaseModel):
    """One wrong value."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[WrongField] = []


class Unauthenticated(Refusal):
    """There is no API key with the request, or one that is unknown or has ended."""

    code = "unauthenticated"
    status = 401


class Malformed(Refusal):
    """The body is no JSON object."""

    code = "malformed_request"
    status = 400


class Misshapen(InvalidInput):
    """The request does not have the documented shape: `errors` points at each wrong field."""


class TooLarge(Refusal):
    """The body has more bytes than one request may have."""

    code = "too_large"
    status = 413


class UnsupportedMediaType(Refusal):
    """The body is not said to be JSON."""

    code = "unsupported_media_type"
    status = 415


class ChangedMeanwhile(Refusal):
    """If-Match names another state than there is."""

    code = "changed_meanwhile"
    status = 412


class KeyMissing(Refusal):
    """A change without an Idempotency-Key, or with one that can be none."""

    code = "key_missing"
    status = 400


class KeyInUse(Refusal):
    """A request with the same Idempotency-Key is still running."""

    code = "key_in_use"
    wait = 1  # seconds


class TooManyRequests(Refusal):
    """The API key has no requests left in this minute."""

    code = "too_many_requests"
    status = 429

    def __init__(self, wait: int) -> None:
        super().__init__(f"This key has no requests left. Wait {wait} seconds.")
        self.wait = wait


def of_refusal(refusal: Refusal, body: Any = None, parameters: Collection[str] = ()) -> HttpResponse:
    """The answer to what a service or the edge refused, when that was sent."""
    response = _answer(told(refusal, body, parameters))
    if isinstance(refusal, KeyInUse | TooManyRequests):
        response["Retry-After"] = str(refusal.wait)
    return response


def told(refusal: Refusal, body: Any = None, parameters: Collection[str] = ()) -> Problem:
    """The refusal as a problem. The wrong field is in the body that was sent, or among the `parameters`."""
    errors = [] if refusal.field is None else [_wrong(refusal, body, parameters)]
    return _problem(status_of(type(refusal)), refusal.code, refusal.message, errors)


def status_of(refusal: type[Refusal]) -> int:
    """409 for all that a rule refuses: 422 is kept for requests without the documented shape.

    But for a key that stands for something else, as the draft on keys asks.
    """
    if refusal.status == 422 and not issubclass(refusal, KeyReused | Misshapen):
        return 409
    return refusal.status


def of_validation(errors: Sequence[Mapping[str, Any]]) -> HttpResponse:
    """The answer to a request that does not have the documented shape; of many errors it tells the first."""
    found = []
    for each in errors[:_MOST_TOLD]:
        source, *place = each["loc"]
        message = str(each["msg"]).removeprefix("Value error, ")
        if source == "body":
            # The first name is the endpoint's own for its body.
            found.append(WrongField(detail=message, pointer=pointer(place[1:])))
        else:
            found.append(WrongField(detail=message, parameter=str(place[-1]) if place else None))
    first = found[0]
    where = first.pointer or first.parameter or "The request"
    return problem(status_of(Misshapen), Misshapen.code, f"{where}: {first.detail}", found)


def problem(status: int, code: str, detail: str, errors: Sequence[WrongField] = ()) -> HttpResponse:
    """The answer that is this problem."""
    return _answer(_problem(status, code, detail, errors))


def _problem(status: int, code: str, detail: str, errors: Sequence[WrongField]) -> Problem:
    title = HTTPStatus(status).phrase
    return Problem(title=title, status=status, code=code, detail=detail, errors=list(errors))


def _answer(told: Problem) -> HttpResponse:
    text = to_json(told.model_dump(exclude_none=True))
    return HttpResponse(text, status=told.status, content_type=CONTENT_TYPE)


def pointer(place: Sequence[Any]) -> str:
    """A JSON pointer as a URI fragment: "#/lines/0/sku"; "#" is the whole body."""
    return "#" + "".join(f"/{str(each).replace('~', '~0').replace('/', '~1')}" for each in place)


def _wrong(refusal: Refusal, body: Any, parameters: Collection[str]) -> WrongField:
    message, field = refusal.message, str(refusal.field)
    # Requests call "customer" what names one: the username.
    for name in (field, "customer") if isinstance(refusal, CustomerNotFound) else (field,):
        place = _place_of(name, body)
        if place is not None:
            return WrongField(detail=message, pointer=pointer(place))
        if name in parameters:
            return WrongField(detail=message, parameter=name)
    return WrongField(detail=message, parameter=field)


def _place_of(field: str, body: Any) -> list[str] | None:
    """Where the body has a field of that name, nearest to its top; None if it has none."""
    if not isinstance(body, Mapping):
        return None
    if field in body:
        return [field]
    for name, inner in body.items():
        found = _place_of(field, inner)
        if found is not None:
            return [name, *found]
    return None


def register(api: NinjaAPI) -> None:
    """Let the API answer everything it refuses with a problem."""

    def refused(request: HttpRequest, refusal: Refusal) -> HttpResponse:
        return of_refusal(refusal, getattr(request, "parsed_body", None), request.GET)

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        return of_validation(error.errors)

    def unknown_key(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        response = of_refusal(Unauthenticated("Send a valid API key: Authorization: Bearer tb_…"))
        response["WWW-Authenticate"] = "Bearer"
        return response

    def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
        cause = error.__cause__  # why the body could not be read
        why = f"The body is no JSON as it is taken here: {cause}." if cause else str(error)
        return problem(error.status_code, Malformed.code, why)

    def unavailable(request: HttpRequest, error: OperationalError) -> HttpResponse:
        _log.error("The database could not be reached or written: %s", error, exc_info=error)
        response = problem(
            503,
            "database_unavailable",
            "The database can't be reached or written right now. "
            "Send it again later with the same key: nothing is done twice.",
        )
        response["Retry-After"] = str(_DATABASE_BACK)
        return response

    api.exception_handler(OperationalError)(unavailable)
    api.exception_handler(Refusal)(refused)
    api.exception_handler(ValidationError)(invalid)
    api.exception_handler(AuthenticationError)(unknown_key)
    api.exception_handler(HttpError)(http_error)
