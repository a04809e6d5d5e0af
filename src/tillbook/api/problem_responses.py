"""The answers that refuse, as the API's description has them: each set of codes once, under a name.

Written out at each operation they would be a third of the description, and a generator of clients would make
a class of every one.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from tillbook.api.endpoints import Operation, operations
from tillbook.api.problems import CONTENT_TYPE, Problem, status_of

_SCHEMAS = "#/components/schemas/"
_RESPONSES = "#/components/responses/"
_ANY = (
    "Any other problem: 405 where the address does not take the method, 500 for a fault of the server, "
    "503 for one of the database."
)
#: Sets of so many codes are named by them; a longer one is its operation's own, and so is its name.
_FEW = 3


def codes_of(name: str, status: int) -> list[str]:
    """The codes of the problems of that status that the operation may answer."""
    return sorted({each.code for each in operations[name].refusals if status_of(each) == status})


def statuses_of(operation: Operation) -> list[int]:
    """The statuses of the problems that the operation may answer."""
    return sorted({status_of(each) for each in operation.refusals})


def reference_to(
    components: dict[str, Any], operation: str, status: int, description: str, headers: dict[str, Any]
) -> dict[str, str]:
    """What stands at the operation for its problems of that status; `components` get what it refers to."""
    codes = codes_of(operation, status)
    name = _name(operation, status, codes)
    components["schemas"].setdefault(f"{name}Problem", _schema(codes))
    # Of two answers of the same codes and status, one may be told again to the same key.
    response = f"{name}{status}{'Replayable' if 'Idempotency-Replayed' in headers else ''}"
    components["responses"].setdefault(response, _response(description, headers, f"{name}Problem"))
    return {"$ref": f"{_RESPONSES}{response}"}


def reference_to_any(components: dict[str, Any]) -> dict[str, str]:
    """What stands at each operation for the problems that any address may answer."""
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in ("Allow", "Retry-After")}
    components["responses"].setdefault("Problem", _response(_ANY, headers, Problem.__name__))
    return {"$ref": f"{_RESPONSES}Problem"}


def _name(operation: str, status: int, codes: Sequence[str]) -> str:
    """Made of what it says and of nothing else, so that it stays when other operations come or go."""
    if len(codes) <= _FEW:
        return "Or".join(map(_camel, codes))
    return _camel(operation) + HTTPStatus(status).phrase.replace(" ", "")


def _camel(name: str) -> str:
    return "".join(each.capitalize() for each in name.split("_"))


def _schema(codes: Sequence[str]) -> dict[str, Any]:
    code = {"properties": {"code": {"type": "string", "enum": list(codes)}}}
    return {"allOf": [{"$ref": f"{_SCHEMAS}{Problem.__name__}"}, code]}


def _response(description: str, headers: dict[str, Any], schema: str) -> dict[str, Any]:
    content = {CONTENT_TYPE: {"schema": {"$ref": f"{_SCHEMAS}{schema}"}}}
    return {"description": description, "headers": headers, "content": content}
