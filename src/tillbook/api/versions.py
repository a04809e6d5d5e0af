"""ETag and If-Match: a change is refused if somebody else changed the thing since it was read (RFC 9110)."""

from __future__ import annotations

import hashlib

from django.http import HttpResponse
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


def _tag(text: str) -> str:
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
