"""ETags (RFC 9110): a change is refused if somebody else changed the thing since it was read (If-Match), and
what was not changed since is not told again (If-None-Match).
"""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from pydantic import BaseModel

from tillbook.api.edge import ApiRequest
from tillbook.api.problems import ChangedMeanwhile


def with_version(made: BaseModel) -> HttpResponse:
    """The answer that shows `made`, with an ETag that stands for exactly this content."""
    text = made.model_dump_json(by_alias=True)
    response = HttpResponse(text, content_type="application/json")
    response["ETag"] = _tag(text)
    return response


def check_version(request: ApiRequest, made: BaseModel) -> None:
    """Raise ChangedMeanwhile if the request has an If-Match that is not for `made`."""
    wanted = request.headers.get("If-Match", "").strip()
    if not wanted or wanted == "*":
        return
    tags = {each.strip() for each in wanted.split(",")}
    if _tag(made.model_dump_json(by_alias=True)) not in tags:
        raise ChangedMeanwhile("It was changed since you read it. Read it again.")


def unless_known(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, or 304 if the request's If-None-Match names what it holds."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    tag = response["ETag"]
    # Compared weakly: a cache between the two may have made the tag a weak one.
    if known != ["*"] and tag not in {each.removeprefix("W/") for each in known}:
        return response
    unchanged = HttpResponseNotModified(headers={"ETag": tag})
    # Else a middleware would say 0, and RFC 9110 allows no other than that of the body left out.
    unchanged["Content-Length"] = str(len(response.content))
    return unchanged


def _tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
