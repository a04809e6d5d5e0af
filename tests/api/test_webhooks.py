"""A program sets up its webhooks, and looks how sending went."""

from __future__ import annotations

import json

import pytest
from jsonschema_rs import validator_for

from tests.api.conftest import gbp
from tillbook.api.urls import api
from tillbook.api.webhook_events import WebhookPayload
from tillbook.common.actor import Actor, Scope
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver_once

pytestmark = pytest.mark.django_db

URL = "https://shop.example/hooks"


def said(answer, status: int = 200):
    assert answer.status_code == status, answer.content
    return json.loads(answer.content)


@pytest.fixture
def added(program):
    return said(program.post("/webhooks", {"url": URL, "description": "Warehouse"}), 201)


def test_a_new_webhook_is_told_with_its_secret_and_never_again(program, added):
    secret = added.pop("secret")
    assert secret.startswith("whsec_") and len(secret) == 50
    endpoint = Endpoint.objects.get()
    assert (endpoint.secret, endpoint.number) == (secret, added["number"])
    assert {name: value for name, value in added.items() if name not in ("number", "created_at")} == {
        "url": URL, "description": "Warehouse", "actions": [], "enabled": True,
    }  # fmt: skip
    assert said(program.get(f"/webhooks/{added['number']}")) == added
    assert said(program.get("/webhooks")) == {"items": [added], "next_cursor": None}


def test_the_same_key_adds_once_and_another_is_told_that_the_address_is_taken(program):
    first = program.post("/webhooks", {"url": URL}, key="once")
    again = program.post("/webhooks", {"url": URL}, key="once")
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert said(program.post("/webhooks", {"url": URL}), 409)["code"] == "webhook_taken"
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "https://127.0.0.1/"}, 409, "target_refused"),
        ({"url": "http://shop.example/"}, 409, "invalid_input"),
        ({"url": URL, "actions": ["everything"]}, 409, "invalid_input"),
        ({"url": URL, "secret": "mine"}, 422, "invalid_input"),
        ({"description": "nowhere"}, 422, "invalid_input"),
    ],
)
def test_what_can_t_be_a_webhook_is_refused(program, body, status, code):
    assert said(program.post("/webhooks", body), status)["code"] == code
    assert not Endpoint.objects.exists()


def test_only_an_admin_s_program_with_that_scope_has_to_do_with_webhooks(
    new_program, program, admin_actor: Actor, staff_actor: Actor, added
):
    number = added["number"]
    for other in (new_program(staff_actor), new_program(admin_actor, Scope.ORDERS, Scope.CREDIT)):
        answers = [
            other.get("/webhooks"),
            other.get(f"/webhooks/{number}"),
            other.get(f"/webhooks/{number}/deliveries"),
            other.post("/webhooks", {"url": "https://other.example/"}),
            other.patch(f"/webhooks/{number}", {"enabled": False}),
            other.post(f"/webhooks/{number}/remove", {}),
        ]
        assert [each.status_code for each in answers] == [403] * 6
    added.pop("secret")
    assert said(program.get("/webhooks")) == {"items": [added], "next_cursor": None}


def test_a_change_leaves_what_it_does_not_name_and_is_refused_to_who_read_another_state(program, added):
    path = f"/webhooks/{added['number']}"
    seen = program.get(path)["ETag"]
    changed = said(program.patch(path, {"actions": ["order.*"], "enabled": False}, **{"If-Match": seen}))
    assert (changed["url"], changed["description"]) == (URL, "Warehouse")
    assert (changed["actions"], changed["enabled"]) == (["order.*"], False)
    stale = program.patch(path, {"enabled": True}, **{"If-Match": seen})
    assert said(stale, 412)["code"] == "changed_meanwhile"
    assert said(program.get(path)) == changed


def test_a_removed_webhook_is_gone(program, added):
    path = f"/webhooks/{added['number']}"
    assert said(program.post(f"{path}/remove", {}))["url"] == URL
    assert said(program.get(path), 404)["code"] == "webhook_not_found"
    assert said(program.post(f"{path}/remove", {}), 404)["code"] == "webhook_not_found"


def test_deliveries_are_listed_the_newest_first_and_one_is_sent_again(
    program,
    receiver,
    clock,
):
    made = said(program.post("/webhooks", {"url": receiver.url + "/", "actions": ["customer.added"]}), 201)
    for name in ("ann", "bob"):
        said(program.post("/customers", {"username": name}), 201)
    receiver.answer_in_turn(204, 500)
    deliver_once(clock)
    path = f"/webhooks/{made['number']}/deliveries"
    first = said(program.get(path, limit=1))
    second = said(program.get(path, limit=1, cursor=first["next_cursor"]))
    newest, oldest = first["items"][0], second["items"][0]
    assert second["next_cursor"] is None
    assert (newest["subject"], newest["state"], newest["status"], newest["answer"]) == (
        "bob", "pending", 500, "told so",
    )  # fmt: skip
    assert (oldest["subject"], oldest["state"], oldest["attempts"], oldest["next_at"]) == (
        "ann", "delivered", 1, None,
    )  # fmt: skip
    assert oldest["webhook_id"] == receiver.got[0].id
    assert said(program.get(path, state="delivered"))["items"] == [oldest]
    again = said(program.post(f"/deliveries/{oldest['number']}/resend", {}))
    assert (again["state"], again["attempts"]) == ("pending", 0)
    clock.later(days=1)
    assert deliver_once(clock) == 2
    assert [each.id for each in receiver.got].count(oldest["webhook_id"]) == 2
    assert Delivery.objects.filter(state="delivered").count() == 2
    assert said(program.post("/deliveries/WD-9999999/resend", {}), 404)["code"] == "delivery_not_found"


def test_what_is_sent_has_the_shape_that_the_description_tells(program, receiver, clock):
    said(program.post("/webhooks", {"url": receiver.url + "/"}), 201)
    said(program.post("/customers", {"username": "jo", "currency": "GBP"}), 201)
    said(program.patch("/customers/jo", {"email": "jo@shop.example"}))
    given = {"customer": "jo", "amount": gbp("5.00"), "reason": "goodwill", "public_note": "Sorry!"}
    said(program.post("/credits", given), 201)
    deliver_once(clock)
    description = api.get_openapi_schema()
    operation = description["webhooks"]["event"]["post"]
    told = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = validator_for({**told, "components": description["components"]})
    bodies = [json.loads(each.body) for each in receiver.got]
    assert {"customer.added", "customer.details_updated", "credit.issued"} <= {
        each["type"] for each in bodies
    }
    for body in bodies:
        validator.validate(body)
        shape = WebhookPayload.model_validate(body)
        assert shape.model_dump(mode="json") == body  # nothing more than is described, either
    headers = {name.lower() for name in receiver.got[0].headers}
    assert {each["name"] for each in operation["parameters"]} <= headers
