"""The API's reference as a page. All of it is read from the API's own description, so it can't drift."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from tillbook.api.endpoints import Operation, operations
from tillbook.api.examples import Examples, Schema
from tillbook.api.problem_responses import codes_of
from tillbook.api.problems import status_of
from tillbook.api.urls import api

#: (operation, the parts of its address, what is sent) -> the line of a shell that does the same
CommandLine = Callable[[Operation, dict[str, Any], dict[str, Any]], str]

_FIRST = "give_credit"  # the operation that the page begins with
_MONEY = {"Money", "MoneySent"}  # explained once
_OF_CHANGES = {"Idempotency-Replayed"}
_OF_ALL = {"RateLimit", "RateLimit-Policy", *_OF_CHANGES}
_CODE = re.compile(r"`([^`]+)`")
_SMALL = re.compile(r"\{\n\s*([^{}\[\]]{1,60}?)\n\s*\}")
_INTO = re.compile(r"\{(\w+)\}")
_RULE = re.compile(r" \(R\d+\)")  # a rule's number says nothing to a shop's developer
_SEVERAL = {"object": "objects", "string": "strings", "integer": "integers"}
_WRITTEN = {"date-time": "time", "date": "date", "binary": "file"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field or parameter: `above` is what it stands in, as `lines[].`."""

    above: str
    name: str
    kind: str
    is_required: bool
    says: SafeString


@dataclass(frozen=True, slots=True)
class Status:
    """An answer that may come; `headers` are those that this one has beside what the page says of all."""

    status: int
    means: SafeString
    headers: list[str]
    codes: list[str]


@dataclass(frozen=True, slots=True)
class Described:
    """An operation as the page shows it."""

    name: str
    title: str
    method: str
    path: SafeString
    says: SafeString
    parameters: list[Field]
    body_says: SafeString
    body: list[Field]
    answer_says: SafeString
    answer: list[Field]
    statuses: list[Status]
    sent: dict[str, Any] | None
    sample: str
    called: str
    options: list[str]
    command: str

    def curl(self, origin: str) -> str:
        """The example as a line of a shell."""
        return " \\\n  ".join([f"curl {shlex.quote(origin + self.called)}", *self.options])


@dataclass(frozen=True, slots=True)
class Sent:
    """What the API sends by itself, as the page shows it."""

    name: str
    title: str
    says: SafeString
    headers: list[Field]
    body: list[Field]
    answers: list[tuple[str, SafeString]]
    sample: str


@require_safe
def page(request: HttpRequest, command_line: CommandLine) -> HttpResponse:
    """The reference. It needs no key, as the description that it shows needs none."""
    origin = request.build_absolute_uri("/").rstrip("/")
    sent = sent_by_itself(command_line)
    groups = [
        (tag, [(each, each.curl(origin)) for each in found], sent.get(tag, []))
        for tag, found in described(command_line).items()
    ]
    first = next(pair for _, pairs, _ in groups for pair in pairs if pair[0].name == _FIRST)
    told = {"groups": groups, "first": first, "origin": origin, "refusals": refusals()}
    return render(request, "api/reference.html", told)


def refusals() -> list[tuple[str, str, SafeString]]:
    """(code, statuses, what it says) of every problem that an operation may answer."""
    found: dict[str, tuple[set[int], str]] = {}
    for each in {kind for operation in operations.values() for kind in operation.refusals}:
        statuses, says = found.get(each.code, (set(), ""))
        first = _RULE.sub("", (inspect.getdoc(each) or "").partition("\n\n")[0])
        # Of two that share a code the more general one says it.
        found[each.code] = {*statuses, status_of(each)}, min(filter(None, [says, first]), key=len)
    return [
        (code, ", ".join(map(str, sorted(statuses))), _marked(says))
        for code, (statuses, says) in sorted(found.items())
    ]


@lru_cache(maxsize=1)
def described(command_line: CommandLine) -> dict[str, list[Described]]:
    """All operations by their tags, in the order in which they are declared."""
    document = dict(api.get_openapi_schema())
    reader = _Reader(document, command_line)
    found: dict[str, list[Described]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append(reader.read(path, method, operation))
    return found


@lru_cache(maxsize=1)
def sent_by_itself(command_line: CommandLine) -> dict[str, list[Sent]]:
    """What webhooks get, by the tags of the operations that it belongs to."""
    document = dict(api.get_openapi_schema())
    reader = _Reader(document, command_line)
    found: dict[str, list[Sent]] = {}
    for webhook in document["webhooks"].values():
        found.setdefault(webhook["post"]["tags"][0], []).append(reader.sent(webhook["post"]))
    return found


class _Reader:
    """Reads operations of a document."""

    def __init__(self, document: Schema, command_line: CommandLine) -> None:
        self._paths = document["paths"]
        self._examples = Examples(document)
        self._command_line = command_line

    def read(self, path: str, method: str, operation: Schema) -> Described:
        body = _json_of(operation.get("requestBody", {}))
        sent = None if body is None else self._examples.request(body)
        told = _told(operation)
        parts, query = self._parts(path, operation), self._query(operation)
        called = _INTO.sub(lambda found: str(parts[found[1]]), path)
        name = operation["operationId"]
        return Described(
            name=name,
            title=operation["summary"],
            method=method.upper(),
            path=mark_safe(_INTO.sub(r"<var>{\1}</var>", escape(path))),  # noqa: S308  our own addresses
            says=_marked(operation["description"]),
            parameters=[self._parameter(each) for each in operation["parameters"]],
            body_says=self._of_shape(body),
            body=[] if body is None else list(self._fields(body)),
            answer_says=self._of_shape(told),
            answer=[] if told is None else list(self._fields(told)),
            statuses=[
                _status(name, int(status), self._examples.response(each))
                for status, each in operation["responses"].items()
                if status != "default"  # it says the same of every operation
            ],
            sent=sent,
            sample="" if told is None else _json(self._examples.answer(told)),
            called=called + "".join(f"?{name}={value}" for name, value in query.items()),
            options=list(_options(method, operation, sent)),
            command=self._command_line(operations[name], parts, query if sent is None else sent),
        )

    def sent(self, operation: Schema) -> Sent:
        """An operation of the receiver's: what comes to it."""
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        headers = [f"{each['name']}: {self._examples.parameter(each)}" for each in operation["parameters"]]
        return Sent(
            name=operation["operationId"],
            title=operation["summary"],
            says=_marked(operation["description"]),
            headers=[_always(self._parameter(each)) for each in operation["parameters"]],
            body=[_always(each) for each in self._fields(body)],
            answers=[
                (status, _marked(each["description"])) for status, each in operation["responses"].items()
            ],
            sample="\n".join([*headers, "", _json(self._examples.answer(body))]),
        )

    def _parts(self, path: str, operation: Schema) -> dict[str, Any]:
        """An example of each part of an address: what the thing at its first part says of itself."""
        thing = self._paths.get(path.partition("}")[0] + "}", {}).get("get", operation)
        answered = _told(thing)
        known = {} if answered is None else self._examples.answer(answered)
        inside = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
        return {name: known[name] for name in inside}

    def _query(self, operation: Schema) -> dict[str, Any]:
        return {
            each["name"]: self._examples.parameter(each)
            for each in operation["parameters"]
            if each["in"] == "query" and each["required"]
        }

    def _parameter(self, parameter: Schema) -> Field:
        schema = {**parameter["schema"], "description": parameter.get("description", "")}
        where = {"path": "part of the address", "query": "query", "header": "header"}[parameter["in"]]
        required = parameter["required"]
        return Field("", parameter["name"], f"{where}, {self._kind(schema)}", required, self._says(schema))

    def _of_shape(self, schema: Schema | None) -> SafeString:
        """What a shape says of itself."""
        return _marked("" if schema is None else self._examples.resolved(schema).get("description", ""))

    def _fields(self, schema: Schema, above: str = "") -> Iterator[Field]:
        """The fields of a shape and of the shapes in it, those of money apart."""
        whole = self._examples.resolved(schema)
        for name, inner in whole.get("properties", {}).items():
            required = name in whole.get("required", [])
            yield Field(above, name, self._kind(inner), required, self._says(inner))
            inside = self._examples.resolved(inner)
            many = inside.get("type") == "array"
            each = inside["items"] if many else inner
            if "properties" in self._examples.resolved(each) and not _is_money(each):
                yield from self._fields(each, f"{above}{name}[]." if many else f"{above}{name}.")

    def _kind(self, schema: Schema) -> str:
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self._kind(each) for each in schema["anyOf"]))
        if _is_money(schema):
            return "money"
        whole = self._examples.resolved(schema)
        if whole.get("type") == "array":
            return f"list of {_SEVERAL.get(each := self._kind(whole['items']), each)}"
        return _WRITTEN.get(whole.get("format", ""), str(whole.get("type", "string")))

    def _says(self, schema: Schema) -> SafeString:
        whole = self._examples.resolved(schema)
        inner = self._examples.resolved(whole["items"]) if whole.get("type") == "array" else whole
        is_shape = "properties" in inner and not _is_money(schema)
        told = schema.get("description") or (inner.get("description", "") if is_shape else "")
        choices = inner.get("enum") or ([inner["const"]] if "const" in inner else [])
        limits = [
            " or ".join(f"`{each}`" for each in choices) + "." if choices else "",
            f"At most {inner['maxLength']:,} characters." if "maxLength" in inner else "",
            f"At most {whole['maxItems']:,}." if "maxItems" in whole else "",
            f"From {whole['minimum']:,} to {whole['maximum']:,}." if "maximum" in whole else "",
            f"Without it `{json.dumps(schema['default'])}`."
            if schema.get("default") not in (None, "", [])
            else "",
        ]
        return _marked(" ".join(filter(None, [told, *limits])))


def _always(field: Field) -> Field:
    """A field as a receiver has it: what comes always is nothing that anybody must send."""
    return replace(field, is_required=False, kind=field.kind.removeprefix("header, "))


def _is_money(schema: Schema) -> bool:
    kinds = [schema, *schema.get("anyOf", [])]
    return any(each.get("$ref", "").rpartition("/")[2] in _MONEY for each in kinds)


def _told(operation: Schema) -> Schema | None:
    """The schema of what the operation answers when all went well, if that is JSON."""
    return _json_of(next(each for status, each in operation["responses"].items() if int(status) < 300))


def _json_of(message: Schema) -> Schema | None:
    """The schema of a body or an answer that is JSON."""
    content = message.get("content", {})
    return content["application/json"]["schema"] if "application/json" in content else None


def _status(name: str, status: int, response: Schema) -> Status:
    return Status(
        status,
        _marked(response["description"]),
        [
            each
            for each in response["headers"]
            if each not in _OF_ALL or (each in _OF_CHANGES and status < 400)
        ],
        codes_of(name, status),
    )


def _options(method: str, operation: Schema, sent: Any) -> Iterator[str]:
    """What curl is told beside the address."""
    if method == "patch":
        yield "-X PATCH"
    yield '-H "Authorization: Bearer $TILLBOOK_KEY"'
    if any(each["name"] == "Idempotency-Key" for each in operation["parameters"]):
        yield f'-H "Idempotency-Key: {example_key(operation["operationId"])}"'
    if sent is not None:
        yield '-H "Content-Type: application/json"'
        yield f"-d {shlex.quote(_json(sent))}"


def example_key(name: str) -> str:
    """A key of the caller's own for a change."""
    return f"{name.replace('_', '-')}-1042"


def _json(value: Any) -> str:
    """The value as JSON; an object of few plain values, as money is, on one line."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _SMALL.sub(lambda found: f"{{{' '.join(found[1].split())}}}", text)


def _marked(text: str) -> SafeString:
    """The text of a docstring: its paragraphs, and what stands in backticks as code."""
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n") if each.strip()]
    marked = _CODE.sub(r"<code>\1</code>", "".join(f"<p>{escape(each)}</p>" for each in paragraphs))
    return mark_safe(marked)  # noqa: S308  escaped just before
