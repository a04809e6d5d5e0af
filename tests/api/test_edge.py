"""What holds for every request: the key, the shape, the errors, the versions, the rate."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.api.conftest import Program, gbp
from tillbook.api import edge
from tillbook.api.edge import limiter
from tillbook.common import rate
from tillbook.common.actor import Scope
from tillbook.common.rate import Limiter
from tillbook.customers.models import Customer
from tillbook.staff import answers, keys
from tillbook.staff.models import Answer

pytestmark = pytest.mark.django_db


def code(answer):
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    return answer.status_code, json.loads(answer.content)["code"]


@pytest.mark.parametrize("secret", ["", "tb_", "tb_0000_x", "x" * 500, "tb_é_é"])
def test_without_a_valid_key_nothing_is_answered(customer, secret):
    answer = Program(secret).get("/customers/jo")
    assert code(answer) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_key_works_until_it_is_revoked(program, customer, system_actor, now):
    assert program.get("/customers/jo").status_code == 200
    (key,) = keys.all_keys()
    assert key.last_used_at is not None
    assert program.secret not in (key.secret_hash, str(key)) and len(key.secret_hash) == 64
    keys.revoke_key(key.pk, actor=system_actor, now=now)
    assert code(program.get("/customers/jo")) == (401, "unauthenticated")


def test_who_reads_is_answered_though_the_use_of_the_key_can_t_be_noted(
    program, customer, monkeypatch, caplog
):
    def full(*_: object, **__: object) -> int:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", full)
    assert program.get("/customers/jo").status_code == 200
    assert "could not be noted" in caplog.text


def test_a_key_ends_with_its_owner(program, customer):
    from tillbook.staff.models import User

    User.objects.update(is_active=False)
    assert code(program.get("/customers/jo")) == (401, "unauthenticated")


def test_a_scope_adds_nothing_to_its_owners_role(new_program, staff_actor, customer):
    program = new_program(staff_actor, *Scope)
    body = {"customer": "jo", "amount": gbp("100.01"), "reason": "goodwill"}
    assert code(program.post("/credits", body)) == (403, "limit_exceeded")


def test_only_an_admin_makes_keys(staff_actor, admin_actor, now):
    from tillbook.common.errors import PermissionDenied
    from tillbook.staff.models import ApiKey, User

    owner = User.objects.get(username="staff")
    with pytest.raises(PermissionDenied):
        keys.add_key(owner=owner, name="x", scopes=[Scope.READ], actor=staff_actor, now=now)
    assert not ApiKey.objects.exists()
    assert keys.add_key(owner=owner, name="x", scopes=[Scope.READ], actor=admin_actor, now=now)


def test_requests_are_counted_and_told(program, customer):
    limiter.cache_clear()
    first, second = program.get("/customers/jo"), program.get("/customers/jo")
    assert first["RateLimit-Policy"] == '"key";q=1000;w=60'
    assert first["RateLimit"].startswith('"key";r=999;t=')
    assert second["RateLimit"].startswith('"key";r=998;t=')


def test_a_change_is_not_made_with_parameters_that_it_does_not_have(program, customer):
    for answer in (
        program.post("/customers?dry_run=true", {"username": "al", "currency": "GBP"}),
        program.patch("/customers/jo?dry_run=true", {"phone": "1"}),
        program.post("/credits:batch?dry_run=true", {"items": []}),
    ):
        assert code(answer) == (422, "invalid_input")
    assert list(Customer.objects.values_list("username", "phone")) == [("jo", "")]


def test_a_key_without_requests_left_waits(program, customer, settings):
    settings.TILLBOOK_API_RATE = 1
    limiter.cache_clear()
    assert program.get("/customers/jo").status_code == 200
    answer = program.get("/customers/jo")
    limiter.cache_clear()
    assert code(answer) == (429, "too_many_requests")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert answer["RateLimit"].startswith('"key";r=0;t=')


def test_an_allowance_begins_anew_with_each_minute(monkeypatch):
    limited = Limiter(2)
    taken = []
    for at in (60.0, 61.0, 119.9, 120.0, 121.5, 300.0):
        monkeypatch.setattr(rate, "time", SimpleNamespace(monotonic=lambda at=at: at))
        taken.append(limited.take("a")[1:])
    assert taken == [(1, 60), (0, 59), (-1, 1), (1, 60), (0, 59), (1, 60)]


def test_each_caller_has_an_allowance_of_its_own():
    limited = Limiter(2)
    assert [limited.take(each).remaining for each in "aab"] == [1, 0, 1]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        (b"{", "application/json", (400, "malformed_request")),
        (b"[]", "application/json", (400, "malformed_request")),
        (b'{"username": NaN}', "application/json", (400, "malformed_request")),
        (b'{"username": "\\ud800"}', "application/json", (400, "malformed_request")),
        (b'{"username": "\xff"}', "application/json", (400, "malformed_request")),
        (b'{"username": "a", "username": "b"}', "application/json", (400, "malformed_request")),
        (b'{"username": "a", "x": [{"y": 1, "y": 1}]}', "application/json", (400, "malformed_request")),
        (b"[" * 100_000, "application/json", (400, "malformed_request")),
        (b"username=a", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
    ],
)
def test_what_is_no_json_object_is_refused(program, text, kind, expected):
    headers = {"Authorization": f"Bearer {program.secret}", "Idempotency-Key": "a"}
    answer = Client().post("/api/v1/customers", text, content_type=kind, headers=headers)
    assert code(answer) == expected
    assert not Customer.objects.exists()


def test_why_a_body_cannot_be_read_is_said(program):
    headers = {"Authorization": f"Bearer {program.secret}", "Idempotency-Key": "a"}
    for text, why in (
        (b"[]", "it must be an object."),
        (b'{"a": 1,}', "trailing comma at line 1 column 9."),
        (b'{"a": {"b": 1, "b": 2}}', "'b' stands twice in one object."),
    ):
        answer = Client().post("/api/v1/customers", text, content_type="application/json", headers=headers)
        assert json.loads(answer.content)["detail"] == f"The body is no JSON as it is taken here: {why}"
    packed = {"content_type": "application/json", "headers": headers | {"Content-Encoding": "gzip"}}
    assert code(Client().post("/api/v1/customers", b"{}", **packed)) == (415, "unsupported_media_type")
    assert Client().get("/api/v1/customers", headers=packed["headers"]).status_code == 200


@pytest.mark.parametrize("address", ["/api/v1/customers", "/api/v1/openapi.json"])
def test_a_host_that_is_not_this_server_s_is_a_problem_too(address):
    answer = Client().get(address, headers={"Host": "elsewhere.example"})
    assert code(answer) == (400, "malformed_request")
    assert "TILLBOOK_ALLOWED_HOSTS" in json.loads(answer.content)["detail"]


def test_who_is_unknown_is_named_where_the_request_named_them(program):
    def errors(answer):
        assert answer.status_code == 404
        ((detail, where),) = (each.items() for each in json.loads(answer.content)["errors"])
        assert detail == ("detail", "There is no customer 'nobody'.")
        return where

    taking = {"customer": "nobody", "amount": gbp("1.00"), "reference": "R"}
    assert errors(program.post("/spends", taking)) == ("pointer", "#/customer")
    assert errors(program.get("/orders", customer="nobody")) == ("parameter", "customer")
    assert errors(program.get("/customers/nobody")) == ("parameter", "username")


def test_a_request_that_is_too_large_is_refused_unread(program, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    answer = program.post("/customers", {"username": "a" * 2**20})
    assert code(answer) == (413, "too_large")
    assert not Customer.objects.exists()


@pytest.mark.parametrize("key", ["", "a b", "é", 'a"b', "x" * 151, '"', "same,same"])
def test_a_change_needs_a_key(program, key):
    answer = program.send("POST", "/customers", {"username": "a"}, **{"Idempotency-Key": key})
    assert code(answer) == (400, "key_missing")
    assert not Customer.objects.exists()


def test_a_key_may_stand_in_quotes(program):
    first = program.post("/customers", {"username": "a"}, key='"k"')
    again = program.post("/customers", {"username": "a"}, key="k")
    assert (first.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"


def test_answers_are_cleared_after_a_week_and_not_before(program, now):
    program.post("/customers", {"username": "a"}, key="k")
    (answer,) = Answer.objects.all()
    assert answers.clear(answer.answered_at + answers.KEPT) == 0
    assert answers.clear(answer.answered_at + answers.KEPT + timedelta(seconds=1)) == 1
    assert not Answer.objects.exists()


def test_two_programs_may_choose_the_same_key(new_program, admin_actor):
    for name in ("a", "b"):
        answer = new_program(admin_actor).post("/customers", {"username": name}, key="1")
        assert answer.status_code == 201
    assert sorted(Customer.objects.values_list("username", flat=True)) == ["a", "b"]


def test_addresses_that_are_none_are_problems(program):
    assert code(program.get("/nothing")) == (404, "not_found")
    assert code(program.get("/customers/a%00b")) == (404, "not_found")
    answer = program.send("DELETE", "/customers", {})
    assert code(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("address", ["/api", "/api/", "/api/v1", "/api/v1/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_above_all_addresses_is_none(address, method):
    answer = Client(enforce_csrf_checks=True).generic(method, address)
    assert code(answer) == (404, "not_found")


def test_unknown_parameters_are_refused(program):
    answer = program.get("/customers", colour="red")
    assert code(answer) == (422, "invalid_input")
    assert json.loads(answer.content)["errors"][0]["parameter"] == "colour"


def test_of_very_many_wrong_fields_the_first_hundred_are_told(program):
    answer = program.post("/customers", {"username": "jo"} | {f"x{number}": 1 for number in range(150)})
    assert code(answer) == (422, "invalid_input")
    assert [each["pointer"] for each in json.loads(answer.content)["errors"]] == [
        f"#/x{n}" for n in range(100)
    ]


def test_a_change_from_an_old_state_is_refused(program, customer):
    tag = program.get("/customers/jo")["ETag"]
    changed = program.patch("/customers/jo", {"company": "Jo Ltd"}, **{"If-Match": tag})
    assert changed.status_code == 200
    answer = program.patch("/customers/jo", {"company": "Other"}, **{"If-Match": tag})
    assert code(answer) == (412, "changed_meanwhile")
    customer.refresh_from_db()
    assert customer.company == "Jo Ltd"
    again = program.patch("/customers/jo", {"phone": "1"}, **{"If-Match": changed["ETag"]})
    assert (again.status_code, json.loads(again.content)["company"]) == (200, "Jo Ltd")


def _read(program, known, path="/customers/jo", method="GET"):
    return program.send(method, path, b"", **{"If-None-Match": known})


@pytest.mark.parametrize("path", ["/customers/jo", "/customers"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', 'W/"other",W/{}', "*"])
def test_what_was_not_changed_since_it_was_read_is_not_told_again(program, customer, path, method, known):
    first = program.get(path)
    answer = _read(program, known.format(first["ETag"]), path, method)
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", first["ETag"])
    assert answer["Content-Length"] == first["Content-Length"]  # that of what is left out; no 0
    assert "Content-Type" not in answer and answer["Cache-Control"] == "no-store" and "RateLimit" in answer


@pytest.mark.parametrize("known", ["", '"other"', 'W/"other", "more"', "no tag", '"*"'])
def test_whoever_knows_another_state_is_told(program, customer, known):
    assert json.loads(_read(program, known).content)["username"] == "jo"


def test_what_was_changed_since_is_told(program, customer):
    known = program.get("/customers/jo")["ETag"]
    changed = program.patch("/customers/jo", {"company": "Jo Ltd"}, **{"If-None-Match": "*"})
    assert changed.status_code == 200  # it is about reading
    answer = _read(program, known)
    assert (answer.status_code, answer["ETag"]) == (200, changed["ETag"])


def test_a_refusal_is_told_whatever_is_known(program, customer):
    assert code(_read(program, "*", "/customers/nobody")) == (404, "customer_not_found")


def test_a_list_is_read_page_by_page(program):
    for name in "abcde":
        program.post("/customers", {"username": name})
    seen, cursor = [], None
    while True:
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        part = json.loads(program.get("/customers", **parameters).content)
        seen += [each["username"] for each in part["items"]]
        cursor = part["next_cursor"]
        if cursor is None:
            break
    assert seen == list("abcde")


@pytest.mark.parametrize(
    "path",
    [
        "/asks", "/credits?customer=jo&", "/customers", "/events", "/mails", "/orders", "/overpayments",
        "/payouts", "/refunds", "/rmas", "/statements", "/transfers?customer=jo&", "/unclaimed",
        "/verifications", "/webhooks",
    ],
)  # fmt: skip
def test_a_cursor_that_is_none_of_a_list_is_told_alike_everywhere(program, customer, path):
    answer = program.get(f"{path}{'' if '?' in path else '?'}cursor=elsewhere")
    # Where cursors are numbers it has not even their shape.
    shape = path in ("/events", "/verifications")
    assert code(answer) == (422 if shape else 409, "invalid_input")
    assert json.loads(answer.content)["errors"][0]["parameter"] == "cursor"


def test_a_method_that_an_address_does_not_take_is_told_whatever_the_body(program):
    headers = {"Authorization": f"Bearer {program.secret}"}
    answer = Client().post("/api/v1/transfers", b"a=1", content_type="text/plain", headers=headers)
    assert code(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/customers/jo", 200),
        ("/customers?limit=1", 200),
        ("/customers/jo/statement/GBP", 200),  # a document
        ("/openapi.json", 200),
        ("/reference", 200),
        ("/customers/nobody", 404),
        ("/nothing", 404),
        ("/customers?colour=red", 422),
        ("/credits:expire", 405),  # takes POST alone
    ],
)
def test_head_answers_as_get_does_without_a_body(program, customer, path, status):
    got, head = program.get(path), program.send("HEAD", path, b"")
    assert (got.status_code, head.status_code, head.content) == (status, status, b"")
    assert int(head["Content-Length"]) == len(got.content) > 0
    differs = {"RateLimit", "Content-Length"}  # one is used up, the other some answers get of the server
    told = [{k: v for k, v in each.items() if k not in differs} for each in (got, head)]
    assert told[0] == told[1]


def test_the_edge_itself_leaves_the_body_of_a_head_out():
    """Not the test's client, nor a server."""
    answer = edge.answers(lambda asked: HttpResponse(f"{asked.method} it"))(RequestFactory().head("/api/v1/"))
    assert (answer.content, answer["Content-Length"]) == (b"", "6")


def test_who_has_no_key_learns_nothing_by_head():
    answer = Client().head("/api/v1/customers/jo")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_nul_in_a_parameter_is_the_parameter_s_fault(program):
    answer = program.get("/customers", q="a\0b")
    assert code(answer) == (422, "invalid_input")
    assert json.loads(answer.content)["errors"][0]["parameter"] == "q"


def test_every_link_of_the_description_leads_to_an_operation_that_takes_its_parameters(program):
    paths = json.loads(program.get("/openapi.json").content)["paths"]
    operations = {each["operationId"]: each for methods in paths.values() for each in methods.values()}
    assert len(operations) == sum(map(len, paths.values()))
    links = [
        (link["operationId"], parameter)
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
        for parameter in link["parameters"]
    ]
    assert len(links) > 20
    for target, parameter in links:
        assert parameter in {each["name"] for each in operations[target]["parameters"]}, target


@pytest.mark.parametrize(
    ("method", "address", "more", "status"),
    [
        ("get", "/api/v1/nothing", {}, 404),
        ("get", "/api/v1/customers/%00", {}, 404),
        ("delete", "/api/v1/customers", {}, 405),
        ("get", "/api/v1/customers", {"CONTENT_LENGTH": "99999999"}, 413),
        ("get", "/api/v1/customers", {}, 401),
        ("get", "/do/WS/NetoAPI", {}, 200),
    ],
)
def test_what_the_edge_answers_itself_has_the_headers_of_every_answer(method, address, more, status):
    answer = getattr(Client(), method)(address, **more)
    assert answer.status_code == status
    missing = {
        "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
    } - set(answer.headers)  # fmt: skip
    assert missing == set()
