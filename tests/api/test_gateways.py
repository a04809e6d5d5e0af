"""A shop's program sends refunds through Stripe, and Stripe posts what came of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from tests.api.conftest import refused, told
from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import SECRET, Stripe
from tests.payouts.test_adapters import WHSEC, signed, stripe_event
from tillbook.api.gateway_events import limiter
from tillbook.common.actor import Scope
from tillbook.events.models import Event
from tillbook.payouts.models import GatewayAccount, Sending
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(staff_actor, admin_actor, now, stripe_server: Stripe) -> Gate:
    return Gate(staff_actor, admin_actor, now)


@pytest.fixture
def account(program, gate: Gate, stripe_server: Stripe) -> dict:
    body = {"gateway": "stripe", "secret": SECRET, "webhook_secret": WHSEC, "api_base": stripe_server.url}
    return told(program.post("/gateways", body), 201)


@pytest.fixture
def refund(gate: Gate, account: dict, stripe_server: Stripe) -> Refund:
    return gate.refund(stripe_server.pay()[0])


def test_an_account_is_kept_checked_and_forgotten_and_its_secrets_are_told_to_nobody(
    program, account, stripe_server: Stripe
):
    assert account["api_base"] == stripe_server.url
    assert account["hears_events"]
    listed = program.get("/gateways")
    assert told(listed)["items"] == [account]
    assert told(program.get("/gateways/stripe/check")) == {"gateway": "stripe", "works": True}
    told(program.post("/gateways", {"gateway": "stripe", "secret": "pk_wrong"}), 201)
    assert refused(program.get("/gateways/stripe/check")) == (409, "gateway_refuses")
    for answer in (listed, program.get("/events"), program.get("/gateways/paypal/check")):
        assert SECRET not in answer.content.decode() and WHSEC not in answer.content.decode()
    assert refused(program.get("/gateways/paypal/check")) == (404, "gateway_not_found")
    assert refused(program.post("/gateways", {"gateway": "square", "secret": "s"})) == (
        404,
        "gateway_not_found",
    )
    assert refused(program.post("/gateways", {"gateway": "paypal", "secret": "s"})) == (409, "invalid_input")
    told(program.post("/gateways/stripe/remove", {}), 200)
    assert not GatewayAccount.objects.exists()


@pytest.mark.parametrize("base", ["https://127.0.0.1", "https://169.254.169.254"])
def test_a_gateway_inside_the_network_is_refused(program, settings, base: str):
    settings.TILLBOOK_GATEWAY_PRIVATE_TARGETS = False
    answer = program.post("/gateways", {"gateway": "stripe", "secret": "s", "api_base": base})
    assert refused(answer) == (409, "target_refused")
    assert not GatewayAccount.objects.exists()


def test_a_refund_is_sent_once_whatever_is_repeated(
    program, refund: Refund, stripe_server: Stripe, django_capture_on_commit_callbacks
):
    path = f"/refunds/{refund.number}/send"
    with django_capture_on_commit_callbacks(execute=True):
        first = program.post(path, {}, key="k1")
        again = program.post(path, {}, key="k1")
    assert told(first, 202)["sending"]["state"] == "unknown"
    assert again["Idempotency-Replayed"] == "true"
    assert refused(program.post(path, {})) == (409, "wrong_state")
    now = told(program.get(f"/refunds/{refund.number}"))
    assert (now["status"], now["sending"]["state"]) == ("completed", "succeeded")
    assert now["sending"]["reference"] == stripe_server.refunds()[0]["id"]
    assert len(stripe_server.refunds()) == 1


def test_only_what_stands_as_it_was_read_is_sent(
    program, refund: Refund, gate: Gate, stripe_server: Stripe, django_capture_on_commit_callbacks
):
    path = f"/refunds/{refund.number}"
    tag = program.get(path)["ETag"]
    told(program.post(f"{path}/redirect", {
        "method": "gateway", "payee": {"name": "Somebody Else"}, "gateway": refund.gateway,
        "charge": refund.charge, "payment_date": gate.now.date().isoformat(),
    }))  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        assert refused(program.post(f"{path}/send", {}, **{"If-Match": tag})) == (412, "changed_meanwhile")
    assert not Sending.objects.exists() and stripe_server.refunds() == []
    tag = program.get(path)["ETag"]
    with django_capture_on_commit_callbacks(execute=True):
        told(program.post(f"{path}/send", {}, **{"If-Match": tag}), 202)
    assert states(refund) == ("completed", "succeeded")


def test_what_is_under_way_is_locked_and_can_be_asked_about(
    program, refund: Refund, gate: Gate, stripe_server: Stripe, django_capture_on_commit_callbacks
):
    path = f"/refunds/{refund.number}"
    assert refused(program.post(f"{path}/ask", {})) == (404, "not_sent")
    stripe_server.next = ["late"]
    with django_capture_on_commit_callbacks(execute=True):
        told(program.post(f"{path}/send", {}), 202)
    for verb, body in {
        "send": {},
        "complete": {},
        "decline": {"reason": "x"},
        "fail": {"reason": "x"},
        "cancel": {},
        "redirect": {
            "method": "cash",
            "payee": {"name": "Jo"},
            "payment_date": gate.now.date().isoformat(),
        },
    }.items():
        assert refused(program.post(f"{path}/{verb}", body)) == (409, "in_sending")
    assert told(program.get(path))["sending"]["problem"]
    with django_capture_on_commit_callbacks(execute=True):
        told(program.post(f"{path}/ask", {}), 202)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_what_has_no_answer_for_a_month_is_ended_by_hand(
    program, refund: Refund, gate: Gate, stripe_server: Stripe
):
    path = f"/refunds/{refund.number}/end"
    body = {"paid": False, "reason": "Stripe shows none"}
    assert refused(program.post(path, body)) == (404, "not_sent")
    stripe_server.next = ["silent"]
    gate.send(refund)
    sending = Sending.objects.get()
    Sending.objects.update(sent_at=datetime.now(UTC) - timedelta(days=29))
    assert refused(program.post(path, body)) == (409, "too_early")
    assert refused(program.post(path, {"paid": False, "reason": ""})) == (422, "invalid_input")
    assert refused(program.post(path, {"paid": "off", "reason": "x"})) == (422, "invalid_input")
    Sending.objects.update(sent_at=datetime.now(UTC) - timedelta(days=31))
    ended = told(program.post(path, body))
    assert (ended["status"], ended["sending"]["state"]) == ("failed", "failed")
    assert ended["fail_reason"] == "Stripe: Stripe shows none"
    assert refused(program.post(path, body)) == (409, "wrong_state")
    assert stripe_server.refunds() == [] and sending.key in stripe_server.sent


def test_who_may_not_complete_may_not_send(new_program, refund: Refund, gate: Gate, stripe_server: Stripe):
    for program in (new_program(gate.staff), new_program(gate.admin, Scope.ORDERS)):
        for path in (
            f"/refunds/{refund.number}/send",
            f"/refunds/{refund.number}/ask",
            "/gateways/stripe/remove",
        ):
            assert refused(program.post(path, {})) == (403, "permission_denied")
        assert refused(program.post("/gateways", {"gateway": "stripe"})) == (403, "permission_denied")
        assert refused(program.get("/gateways")) == (403, "permission_denied")
        assert refused(program.get("/gateways/stripe/check")) == (403, "permission_denied")
    assert not Sending.objects.exists()
    assert stripe_server.sent == []


# Where Stripe posts


@pytest.fixture
def post(account: dict):
    """POST an event to where Stripe does."""
    limiter.cache_clear()

    def posted(body: bytes, gateway: str = "stripe", **headers: str):
        return Client(enforce_csrf_checks=True).generic(
            "POST", f"/gateways/{gateway}/events", body, content_type="application/json", headers=headers
        )

    yield posted
    limiter.cache_clear()


def fresh(body: bytes) -> dict[str, str]:
    return {"Stripe-Signature": signed(body)["stripe-signature"]}


def test_a_signed_event_completes_what_was_unknown_once(
    post, program, refund: Refund, stripe_server: Stripe, django_capture_on_commit_callbacks
):
    stripe_server.next = ["late"]
    with django_capture_on_commit_callbacks(execute=True):
        told(program.post(f"/refunds/{refund.number}/send", {}), 202)
    body = stripe_event(id="re_9", metadata={"tillbook_key": Sending.objects.get().key})
    for _ in range(3):
        answer = post(body, **fresh(body))
        assert (answer.status_code, answer.content) == (200, b"")
    assert states(refund) == ("completed", "succeeded")
    assert Event.objects.filter(action="refund.completed").count() == 1


def test_an_event_that_stripe_did_not_sign_is_refused_and_told_nothing(post):
    body = stripe_event()
    forged = {"Stripe-Signature": "t=1,v1=00"}
    for headers in ({}, forged):
        answer = post(body, **headers)
        assert (answer.status_code, answer.content) == (400, b"")
    GatewayAccount.objects.update(webhook_secret="")
    assert post(body, **fresh(body)).status_code == 400


def test_events_of_other_gateways_other_things_and_other_shapes(post):
    body = json.dumps(
        {"id": "evt_1", "object": "event", "type": "charge.refunded", "data": {"object": {}}}
    ).encode()
    assert post(body, **fresh(body)).status_code == 200
    unknown = stripe_event()
    assert post(unknown, **fresh(unknown)).status_code == 200
    assert post(body, gateway="paypal").status_code == 404
    assert post(body, gateway="square").status_code == 404
    assert post(b"x" * (256 * 1024 + 1), **fresh(body)).status_code == 413
    assert post(b"\xff\xfe", **fresh(b"\xff\xfe")).status_code == 400
    assert Client().get("/gateways/stripe/events").status_code == 405


def test_who_posts_without_end_is_slowed_down(post):
    for _ in range(600):
        limiter().take("127.0.0.1")
    assert post(stripe_event()).status_code == 429
