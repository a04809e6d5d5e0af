"""The API's edge: whose key it is, when, and what every answer carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn, cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from ninja.parser import Parser
from ninja.security import HttpBearer
from pydantic_core import from_json

from tillbook.api import problems
from tillbook.api.problems import Malformed, TooLarge, TooManyRequests, UnsupportedMediaType
from tillbook.common import rate
from tillbook.common.actor import Actor
from tillbook.common.bodies import CUT_OFF, promised_length
from tillbook.common.statements import Insert
from tillbook.staff import keys

PATH = "/api/"


class ApiRequest(HttpRequest):
    """A request with a valid key; `now` is read once, here, for all that it does."""

    actor: Actor
    now: datetime
    key: str  # for the service that is called; `keyed` sets it
    claim: Insert | None  # the key's row, for a service that stores it itself; `keyed` sets it
    parsed_body: Any
    allowance: rate.Allowance


class Bearer(HttpBearer):
    """`Authorization: Bearer tb_...`, made by `tillbook key add` or in the panel."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        now = timezone.now()
        key = keys.key_of(token, now)
        if key is None:
            return None
        asked = cast("ApiRequest", request)  # what is set here makes it one
        asked.allowance = limiter().take(key.prefix)
        if asked.allowance.remaining < 0:
            raise TooManyRequests(asked.allowance.resets_in)
        keys.note_use(key, now)
        actor = keys.actor_of(key, f"api {request.META.get('REMOTE_ADDR', '')}".strip())
        asked.actor, asked.now = actor, now
        _check_content_type(request)  # here the method is known to be one that the address takes
        return actor


def _check_content_type(request: HttpRequest) -> None:
    if request.method not in {"POST", "PATCH"}:
        return
    if (request.content_type or "").lower() != "application/json":
        raise UnsupportedMediaType("Send the body as JSON, with Content-Type: application/json.")
    if request.headers.get("Content-Encoding", "").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")


@lru_cache(maxsize=1)
def limiter() -> rate.Limiter:
    """The one that all requests of this process are counted by."""
    return rate.Limiter(settings.TILLBOOK_API_RATE)


class Json(Parser):
    """JSON as RFC 8259 has it: no NaN, no halves of surrogate pairs, and no name twice in an object.

    Of two values of one name this program would take the last, and a gateway before it perhaps the first.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        body = from_json(request.body, allow_inf_nan=False)
        if not isinstance(body, dict):
            raise TypeError("it must be an object")
        json.loads(request.body, object_pairs_hook=_each_once)
        cast("ApiRequest", request).parsed_body = body
        return body


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{name[:40]!r} stands twice in one object")
        seen.add(name)


def answers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: what every answer of the API carries, and problems where Django would answer a page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not f"{request.path}/".startswith(PATH):
            return get_response(request)
        refused = _unreadable(request)
        response = _as_problem(_answer_of(request, get_response)) if refused is None else refused
        if request.method == "HEAD":
            _leave_out_body(response)
        response["Cache-Control"] = "no-store"
        allowance = getattr(request, "allowance", None)
        if allowance is not None:
            for name, value in rate.headers(allowance).items():
                response[name] = value
        return response

    return middleware


@csrf_exempt  # whatever the method, and no cookie counts here
def nowhere(_request: HttpRequest) -> NoReturn:
    """Where no address is, and Django would lead to one with a slash more or less, or answer a page."""
    raise Http404


def _answer_of(request: HttpRequest, get_response: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """What the address answers. A HEAD is asked as the GET that it is about: same rules, same headers."""
    if request.method != "HEAD":
        return get_response(request)
    request.method = "GET"
    try:
        return get_response(request)
    finally:
        request.method = "HEAD"


def _leave_out_body(response: HttpResponse) -> None:
    """The headers still tell of the body, its length too, as RFC 9110 has it."""
    response.setdefault("Content-Length", str(len(response.content)))
    response.content = b""


def _unreadable(request: HttpRequest) -> HttpResponse | None:
    """The problem of a request whose address nothing could be made of, or that is too large to be read."""
    if (promised_length(request.META) or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        return problems.of_refusal(TooLarge(f"A request has at most {most} MB. Send several."))
    if request.META.get(CUT_OFF):
        return problems.of_refusal(Malformed("The body did not come whole: nothing was done. Send it again."))
    if "\0" in request.path:
        return problems.problem(404, "not_found", "The address holds a character that no name has.")
    return None


_TOLD = {
    400: (
        "malformed_request",
        "The request can't be read. Its Host must be one that the server is told of: TILLBOOK_ALLOWED_HOSTS.",
    ),
    404: ("not_found", "There is no such address. GET /api/v1/openapi.json lists them."),
    405: ("method_not_allowed", "This address does not take that method."),
    500: ("internal_error", "Something went wrong. Send it again with the same key: nothing is done twice."),
}


def _as_problem(response: HttpResponse) -> HttpResponse:
    told = _TOLD.get(response.status_code)
    if told is None or response["Content-Type"] == problems.CONTENT_TYPE:
        return response
    replaced = problems.problem(response.status_code, *told)
    if "Allow" in response:
        replaced["Allow"] = _with_head(response["Allow"])
    return replaced


def _with_head(allowed: str) -> str:
    """The methods, in order; what answers GET answers HEAD."""
    methods = {each.strip() for each in allowed.split(",")}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
