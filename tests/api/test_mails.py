"""A program reads what was mailed, sends again, and chooses what a customer is mailed."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.api.test_webhooks import said
from tillbook.common.actor import Actor
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery.models import Mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def mary(system_actor: Actor, now: datetime) -> Customer:
    return customers.add(username="mary", email="mary@example.com", actor=system_actor, now=now)


@pytest.fixture
def told(mary: Customer, now: datetime) -> Mail:
    return Mail.objects.create(
        kind="credit_issued", event_id=1, customer=mary, about="CR-1001", state="unknown", created_at=now,
        next_at=now, last_at=now, to="mary@example.com", title="You have credit", attempts=1,
    )  # fmt: skip


def test_mails_are_listed_by_customer_and_state(program, told: Mail):
    page = said(program.get("/mails", customer="mary", state="unknown"))
    [listed] = page["items"]
    assert (listed["number"], listed["customer"], listed["state"]) == (told.number, "mary", "unknown")
    assert (listed["subject"], listed["to"], listed["next_at"]) == (
        "You have credit",
        "mary@example.com",
        None,
    )
    assert said(program.get("/mails", state="sent"))["items"] == []
    assert said(program.get("/mails", customer="nobody"), 404)["code"] == "customer_not_found"
    assert said(program.get("/mails", state="lost"), 422)["code"] == "invalid_input"


def test_a_mail_is_sent_again_once_for_its_key(program, told: Mail):
    address = f"/mails/{told.number}/send-again"
    first = said(program.post(address, {}, key="again"))
    assert first["state"] == "waiting" and first["next_at"]
    assert said(program.post(address, {}, key="again")) == first
    Mail.objects.update(state="sent")
    assert said(program.post(address, {}), 409)["code"] == "wrong_state"
    assert said(program.post("/mails/ML-9999/send-again", {}), 404)["code"] == "mail_not_found"


def test_a_mail_is_left(program, told: Mail):
    left = said(program.post(f"/mails/{told.number}/leave", {}))
    assert (left["state"], left["why"]) == ("dropped", "left")


def test_what_a_customer_does_without_is_a_field_of_theirs(program, mary: Customer):
    assert said(program.get("/customers/mary"))["no_mails"] == []
    changed = said(program.patch("/customers/mary", {"no_mails": ["credit_expiring"]}))
    assert changed["no_mails"] == ["credit_expiring"]
    assert said(program.patch("/customers/mary", {"first_name": "Mary"}))["no_mails"] == ["credit_expiring"]
    refused = program.patch("/customers/mary", {"no_mails": ["refund_paid"]})
    assert said(refused, 422)["code"] == "invalid_input"
    assert said(program.patch("/customers/mary", {"no_mails": []}))["no_mails"] == []


def test_a_preview_says_what_would_be_sent(program, mary: Customer):
    shown = said(program.get("/mails/preview", kind="refund_paid"))
    assert shown["subject"] == "Your refund RF-1042 is paid" and "Dear Jo Marsh," in shown["body"]
    assert (
        said(program.get("/mails/preview", kind="refund_paid", customer="mary"), 409)["code"] == "wrong_state"
    )
    assert said(program.get("/mails/preview", kind="approval_waiting"), 422)["code"] == "invalid_input"


def test_the_settings_tell_which_mails_are_sent(program):
    told = said(program.get("/settings"))
    assert told["expiring_days"] == 14
    assert {each["kind"]: each["on"] for each in told["mails"]}["refund_paid"] is False
    assert "{amount}" in told["mails"][0]["body"]
    assert told["mails"][-1] == {"kind": "approval_waiting", "on": False, "subject": None, "body": None}
