"""The reference page: every operation is on it, its examples are right, and it needs nothing from outside."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from jsonschema_rs import validator_for
from typer.main import get_command

from tillbook.api.endpoints import operations as declared
from tillbook.api.problem_responses import codes_of
from tillbook.api.problems import status_of
from tillbook.api.reference import Described, described, refusals, sent_by_itself
from tillbook.api.urls import api
from tillbook.api.wording import PARAMETERS
from tillbook.cli import operations as commands
from tillbook.cli.operations import command_line

pytestmark = pytest.mark.alike

ADDRESS = "/api/v1/reference"
ROOT = Path(__file__).parent.parent.parent


def operations() -> list[Described]:
    return [each for found in described(command_line).values() for each in found]


@cache
def document() -> dict[str, Any]:
    return dict(api.get_openapi_schema())


def by_name() -> dict[str, Any]:
    """The operations as the document has them."""
    return {
        each["operationId"]: each for methods in document()["paths"].values() for each in methods.values()
    }


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for; what is none, as it is."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    return document()["components"][kind][name]


def described_codes(response: dict[str, Any]) -> list[str]:
    """The codes of a problem's schema, which begins as all problems do."""
    common, own = resolved(response["content"]["application/problem+json"]["schema"])["allOf"]
    assert common == {"$ref": "#/components/schemas/Problem"}
    return own["properties"]["code"]["enum"]


class Page(HTMLParser):
    """What a page has, by its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name in {"href", "src"}:
                self.links.append(value or "")


@pytest.fixture
def answer(db: None):
    return Client().get(ADDRESS)


@pytest.fixture
def page(answer) -> Page:
    return Page(answer.content.decode())


def test_it_needs_no_key_and_tells_every_operation(answer, page):
    assert answer.status_code == 200
    assert set(by_name()) <= set(page.ids)
    assert {each.name for each in operations()} == set(by_name())


def test_what_webhooks_send_is_told_with_all_its_fields_and_an_example(answer, page):
    (sent,) = sent_by_itself(command_line)["Webhooks"]
    assert sent.name in page.ids
    payload = document()["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    _, example = sent.sample.split("\n\n", 1)
    validator_for({**document(), **payload}).validate(json.loads(example))
    event = set(document()["components"]["schemas"]["WebhookEvent"]["properties"])
    assert {each.name for each in sent.body if each.above == "data."} == event
    assert not [each for each in (*sent.headers, *sent.body) if each.is_required]


def test_it_is_only_read(db: None):
    assert Client().head(ADDRESS).status_code == 200
    assert Client().post(ADDRESS).status_code == 405


def test_it_has_no_script_and_no_style_of_its_own(answer, page):
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not {"script", "style"} & page.tags
    assert not {name for name in page.attributes if name == "style" or name.startswith("on")}


def test_its_links_lead_somewhere(page):
    assert len(page.ids) == len(set(page.ids))
    assert page.links
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        elif link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link
        else:
            assert Client().get(link.removeprefix("http://testserver")).status_code == 200, link


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_each_body_is_as_its_schema_has_it(operation):
    shown = by_name()[operation.name]
    if operation.sent is None:
        assert "requestBody" not in shown
        return
    schema = shown["requestBody"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document()["components"]}
    validator_for(whole).validate(operation.sent)
    data = operation.curl("").partition("-d '")[2].removesuffix("'")
    assert json.loads(data) == operation.sent


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_each_answer_is_as_its_schema_has_it(operation):
    if not operation.sample:
        assert operation.name in {"get_slip", "get_note", "get_file", "get_customer_statement"}
        return
    shown = by_name()[operation.name]
    told = next(each for status, each in shown["responses"].items() if status < "300")
    schema = {**told["content"]["application/json"]["schema"], "components": document()["components"]}
    validator_for(schema).validate(json.loads(operation.sample))


def test_each_field_of_a_body_is_told():
    told = {field.name for each in operations() if each.name == "request_refund" for field in each.body}
    properties = document()["components"]["schemas"]
    assert told == set(properties["RefundSent"]["properties"]) | set(properties["PayeeSent"]["properties"])
    assert not re.search(r"\{\w+\}", " ".join(each.called for each in operations()))


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.name)
def test_each_command_sends_the_same_as_the_request(operation):
    program, noun, verb, *words = shlex.split(operation.command.replace("\\\n", ""))
    command = commands.NOUNS[noun]
    assert program == "tillbook"
    context = get_command(command).commands[verb].make_context(verb, words)
    # Typer hands lists to its functions where click has tuples.
    given = {name: list(each) if isinstance(each, tuple) else each for name, each in context.params.items()}
    made = commands._Command(declared[operation.name])
    if "file" in given:
        return
    asked = dict(parse_qsl(urlsplit(operation.called).query))
    assert made._body(given) == (asked if operation.sent is None else operation.sent)
    path = [str(given[each.name]) for each in made.path]
    assert all(each in operation.called.split("?")[0].split("/") for each in path)


def test_every_problem_that_may_come_is_told(page):
    codes = {
        code
        for each in by_name().values()
        for status, response in each["responses"].items()
        if "400" <= status < "600"
        for code in described_codes(resolved(response))
    }
    assert codes == {code for code, _, _ in refusals()}
    assert {f"#code-{code}" for code in codes} == {link for link in page.links if link.startswith("#code-")}
    assert all("rules do not allow" not in says for _, _, says in refusals())  # each says what it is


def test_what_an_operation_may_refuse_is_told_by_references_that_say_its_own_codes():
    """Written out at each, they were 1,450 files of a client that openapi-python-client makes."""
    for name, operation in by_name().items():
        refused = {status: each for status, each in operation["responses"].items() if "400" <= status < "600"}
        told = {int(status): described_codes(resolved(each)) for status, each in refused.items()}
        assert told == {status: codes_of(name, status) for status in told}
        assert set(told) == {status_of(each) for each in declared[name].refusals}
        assert all(set(each) == {"$ref"} for each in refused.values())


def test_each_operation_says_what_any_other_answer_is():
    others = [each["responses"]["default"] for each in by_name().values()]
    assert all(each == {"$ref": "#/components/responses/Problem"} for each in others)
    content = resolved(others[0])["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_answers_that_say_the_same_are_told_once():
    told = [json.dumps(each, sort_keys=True) for each in document()["components"]["responses"].values()]
    assert len(told) == len(set(told))


def test_the_headers_of_requests_and_answers_are_described():
    headers = document()["components"]["headers"]
    for each in by_name().values():
        wants_version = "412" in each["responses"]
        assert wants_version == any(one["name"] == "If-Match" for one in each["parameters"])
        knows_it = "304" in each["responses"]
        assert knows_it == any(one["name"] == "If-None-Match" for one in each["parameters"])
        for response in each["responses"].values():
            assert set(resolved(response)["headers"]) <= set(headers)
    responses = {status: resolved(each) for status, each in by_name()["give_credit"]["responses"].items()}
    assert "Idempotency-Replayed" in responses["201"]["headers"]
    assert "Idempotency-Replayed" in responses["403"]["headers"]
    assert "Idempotency-Replayed" not in resolved(by_name()["get_credit"]["responses"]["403"])["headers"]
    assert "Retry-After" in responses["429"]["headers"]
    reading = by_name()["get_customer"]["responses"]
    assert all("ETag" in reading[status]["headers"] for status in ("200", "304"))
    assert "304" not in by_name()["get_slip"]["responses"]  # a file has no ETag


def test_parameters_and_keys_are_described_as_the_standard_has_it():
    """OpenAPI 3.1: examples of a parameter are no list, and a scheme of HTTP has no name."""
    described = api.get_openapi_schema()
    operations = [each for methods in described["paths"].values() for each in methods.values()]
    assert [each for one in operations for each in one["parameters"] if "examples" in each] == []
    assert described["components"]["securitySchemes"] == {"Bearer": {"type": "http", "scheme": "bearer"}}


def test_the_groups_of_operations_are_told_in_their_order_with_a_sentence_each():
    tags = document()["tags"]
    assert [each["name"] for each in tags] == list(described(command_line))
    assert all(re.fullmatch(r"[A-Z].*\.", each["description"]) for each in tags)


def test_the_license_is_that_of_the_project_and_the_server_the_one_that_is_asked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert document()["info"]["license"]["identifier"] == project["license"]
    assert [each["url"] for each in document()["servers"]] == ["/"]


def test_every_parameter_says_what_it_is_and_every_wording_is_of_one():
    parameters = [parameter for each in by_name().values() for parameter in each["parameters"]]
    assert [each["name"] for each in parameters if not each.get("description")] == []
    said = {(each["name"], each["description"]) for each in parameters}
    assert [name for name, says in PARAMETERS.items() if (name, says) not in said] == []


def test_no_shape_is_told_that_nothing_uses():
    text = json.dumps(api.get_openapi_schema(), default=str)
    shapes = api.get_openapi_schema()["components"]["schemas"]
    assert [name for name in shapes if f'"#/components/schemas/{name}"' not in text] == []
