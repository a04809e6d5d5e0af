"""What ninja can't know of an operation and the API's description shall say: headers and statuses."""

from __future__ import annotations

from typing import Any

from tillbook.api import problem_responses, webhook_events
from tillbook.api.endpoints import Kind, operations
from tillbook.api.wording import PARAMETERS, TAGS

#: header -> what it says; those of every answer's components
_HEADERS = {
    "Allow": "With 405, the methods that the address takes.",
    "ETag": "Stands for exactly this content: send it as If-Match, or If-None-Match.",
    "Idempotency-Replayed": "`true` where this is the first answer to that key, told again.",
    "RateLimit": "What the key has left in this minute: `r` requests, and `t` seconds until there are more.",
    "RateLimit-Policy": "How many requests, `q`, the key may make in `w` seconds.",
    "Retry-After": "Seconds to wait before the request is sent again.",
    "WWW-Authenticate": "`Bearer`: a key is asked for.",
}
_LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
#: The server that tells the description: a shop's own, at an address that only its visitors know.
_SERVERS = [{"url": "/", "description": "This server."}]
_SHAPES = "#/components/schemas/"
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": False,
    "description": "The ETag of what was read: refused with 412 if somebody changed it since.",
    "schema": {"type": "string"},
}

_IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "required": False,
    "description": "The ETag of what was read: 304 without a body if that is still so.",
    "schema": {"type": "string"},
}

#: status -> what it says, whatever the operation
MEANINGS = {
    200: "Done.",
    201: "It is made.",
    202: "It is begun.",
    304: "It is as you read it: there is no body.",
    400: "The request can't be read, its body is no JSON object, or the key is missing.",
    401: "The API key is unknown or has ended.",
    403: "The API key may not do this.",
    404: "There is no such thing.",
    409: "The request is well formed, and a rule refuses it.",
    412: "It was changed since you read it.",
    413: "The request is larger than 32 MB.",
    415: "The body is not said to be JSON, or is packed.",
    422: "The request does not have the documented shape, or its key stands for something else.",
    429: "No requests left in this minute.",
    502: "Another server, such as that for mails, failed: try again with the same key.",
}


def complete(schema: dict[str, Any]) -> None:
    """Add it to every operation of the description, and what holds for all of them."""
    schema["info"]["license"] = _LICENSE
    schema["servers"] = _SERVERS
    schema["tags"] = [{"name": name, "description": says} for name, says in TAGS.items()]
    components = schema["components"]
    components["headers"] = {
        name: {"description": says, "schema": {"type": "string"}} for name, says in _HEADERS.items()
    }
    components["responses"] = {}
    for methods in schema["paths"].values():
        for operation in methods.values():
            _complete(operation, components)
    webhook_events.add_to(schema)
    _forget_unused(schema)


def _complete(operation: dict[str, Any], components: dict[str, Any]) -> None:
    declared = operations[operation["operationId"]]
    operation["summary"] = operation["summary"].capitalize().replace(" rma", " RMA")
    statuses = problem_responses.statuses_of(declared)
    if declared.kind is Kind.READ:
        operation["responses"][304] = {}
        operation["parameters"].append(_IF_NONE_MATCH)
    for parameter in operation["parameters"]:
        parameter.pop("examples", None)  # they stand in its schema, and are no list here
        if parameter["in"] in {"path", "query"} and not parameter.get("description"):
            parameter["description"] = PARAMETERS[parameter["name"]]
    if 412 in statuses:
        operation["parameters"].append(_IF_MATCH)
    responses = {}
    for status, response in operation["responses"].items():
        described = {"description": MEANINGS[status], "headers": _headers(declared.kind, status)}
        responses[str(status)] = response | described
    for status in statuses:
        responses[str(status)] = problem_responses.reference_to(
            components, declared.name, status, MEANINGS[status], _headers(declared.kind, status)
        )
    operation["responses"] = {**responses, "default": problem_responses.reference_to_any(components)}


def _forget_unused(schema: dict[str, Any]) -> None:
    """Leave out the shapes that nothing names: ninja tells those of parameters a second time."""
    shapes = schema["components"]["schemas"]
    named, left = set(), _named([schema["paths"], schema["webhooks"], schema["components"]["responses"]])
    while left:
        name = left.pop()
        named.add(name)
        left |= _named(shapes[name]) - named
    for name in shapes.keys() - named:
        del shapes[name]


def _named(part: Any) -> set[str]:
    """The names of the shapes that a part of the description refers to."""
    if isinstance(part, list):
        return set().union(*map(_named, part))
    if not isinstance(part, dict):
        return set()
    reference = str(part.get("$ref", ""))
    own = {reference.removeprefix(_SHAPES)} if reference.startswith(_SHAPES) else set()
    return own.union(*map(_named, part.values()))


def _headers(kind: Kind, status: int) -> dict[str, Any]:
    """The headers that an answer of that status may carry."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _names_of_headers(kind, status)}


def _names_of_headers(kind: Kind, status: int) -> list[str]:
    if status == 401:
        return ["WWW-Authenticate"]
    found = ["RateLimit", "RateLimit-Policy"]
    if status in {200, 304} and kind in {Kind.READ, Kind.UPDATE}:
        found.append("ETag")
    if kind is Kind.CHANGE and status not in {400, 413, 415, 429}:
        found.append("Idempotency-Replayed")
    if status == 429 or (kind is Kind.CHANGE and status == 409):
        found.append("Retry-After")
    return found
