"""What gateways post, in every wrong shape: signed as theirs it never fails the server and never moves a refund."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.payouts.gate import Gate, states
from tests.payouts.paypal_server import PayPal, signed_by_paypal
from tests.payouts.stripe_server import Stripe
from tests.payouts.test_adapters import signed
from tillbook.api.gateway_events import limiter
from tillbook.common.actor import Actor
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.payouts.models import GatewayAccount, Sending
from tillbook.refunds.models import Refund

GONE = object()  # the field is left out
HUGE = 10**400
_NOT_TEXT = [GONE, None, [], ["re_1"], {}, 0, 1.5, True, HUGE, "", "\0", "\ud800", "x" * 5_000]
_NOT_OBJECT = [GONE, None, [], [{}], "{}", 1, True, HUGE]
_NOT_WHOLE = [GONE, None, [], {}, "1234", 1234.0, 12.34, True, HUGE, -1234, 0, "\ud800"]
_NOT_DECIMAL = [*_NOT_TEXT, 12.34, 1234, "-12.34", "12,34", "1e3", "12.", "12.34000", "٣", str(HUGE)]
_OTHERS = ["EUR", "GB", "GBPX", "no currency"]

#: where in the event -> what is wrong there of a refund of ours
STRIPE: dict[str, list[Any]] = {
    "data": _NOT_OBJECT,
    "data.object": _NOT_OBJECT,
    "data.object.id": _NOT_TEXT,
    "data.object.status": _NOT_TEXT,
    "data.object.amount": [*_NOT_WHOLE, 1235, 123_400],
    "data.object.currency": [*_NOT_TEXT, *_OTHERS, "GBP", "Gbp", "eur"],
}
PAYPAL: dict[str, list[Any]] = {
    "resource": _NOT_OBJECT,
    "resource.id": _NOT_TEXT,
    "resource.status": _NOT_TEXT,
    "resource.amount": _NOT_OBJECT,
    "resource.amount.value": [*_NOT_DECIMAL, "12.35", "1234"],
    "resource.amount.currency_code": [*_NOT_TEXT, *_OTHERS, "gbp", "Gbp"],
}
#: where -> what makes it an event about no refund of ours
NOT_OURS: dict[str, dict[str, list[Any]]] = {
    "stripe": {
        "type": [*_NOT_TEXT, "charge.refunded", "payout.paid"],
        "data.object.object": [*_NOT_TEXT, "charge"],
        "data.object.metadata": _NOT_OBJECT,
        "data.object.metadata.tillbook_key": [*_NOT_TEXT, "RF-1-other"],
    },
    "paypal": {
        "resource_type": [*_NOT_TEXT, "capture"],
        "resource.custom_id": [*_NOT_TEXT, "RF-1-other"],
    },
}
WHERE = [*(("stripe", each) for each in STRIPE), *(("paypal", each) for each in PAYPAL)]
NO_EVENTS = [
    b"", b"null", b"[]", b"1", b'"event"', b"NaN", b"{", b"\xff\xfe", b"\0", b"[" * 100_000,
    b'{"a":' * 30_000, b'{"type": ' + b"9" * 5_000 + b"}", "{}".encode("utf-16"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    limiter.cache_clear()
    yield
    limiter.cache_clear()


@pytest.fixture
def gate(staff_actor: Actor, admin_actor: Actor, now: datetime) -> Iterator[Gate]:
    gate = Gate(staff_actor, admin_actor, now)
    yield gate
    gate.check_book()


def _at_stripe(gate: Gate, server: Stripe) -> Refund:
    gate.use_stripe(server)
    refund = gate.refund(server.pay()[0])
    server.next = ["cut before"]
    gate.send(refund)
    return refund


def _at_paypal(gate: Gate, server: PayPal) -> Refund:
    gate.use_paypal(server)
    server.captures["CAP1"] = {"value": "50.00", "currency_code": "GBP"}
    refund = gate.refund("CAP1", gateway="paypal")
    server.next = ["cut before"]
    gate.send(refund)
    return refund


@pytest.fixture
def sent(gate: Gate, stripe_server: Stripe, paypal_server: PayPal) -> dict[str, Refund]:
    """A refund at each gateway, of which nobody knows what became."""
    found = {"stripe": _at_stripe(gate, stripe_server), "paypal": _at_paypal(gate, paypal_server)}
    assert [states(each) for each in found.values()] == [("requested", "unknown")] * 2
    return found


def _true(gateway: str, refund: Refund) -> dict[str, Any]:
    """What the gateway would post once it has paid the refund."""
    key = Sending.objects.get(refund=refund).key
    if gateway == "paypal":
        about = {
            "id": "1JU0", "status": "COMPLETED", "custom_id": key,
            "amount": {"value": "12.34", "currency_code": "GBP"},
        }  # fmt: skip
        return {"id": "WH-1", "event_version": "1.0", "resource_type": "refund", "resource": about}
    about = {
        "id": "re_1", "object": "refund", "status": "succeeded", "amount": 1234, "currency": "gbp",
        "metadata": {"tillbook_key": key},
    }  # fmt: skip
    return {"id": "evt_1", "object": "event", "type": "refund.updated", "data": {"object": about}}


def _with(event: dict[str, Any], where: str, wrong: Any) -> dict[str, Any]:
    """The event with something else at a place of it."""
    changed = deepcopy(event)
    *parts, last = where.split(".")
    place = changed
    for part in parts:
        place = place[part]
    if wrong is GONE:
        del place[last]
    else:
        place[last] = wrong
    return changed


def _posted(gateway: str, body: bytes) -> HttpResponse:
    """As the gateway posts it: signed, without a cookie."""
    headers = signed_by_paypal(body) if gateway == "paypal" else signed(body)
    return Client(enforce_csrf_checks=True).generic(
        "POST", f"/gateways/{gateway}/events", body, content_type="application/json", headers=headers
    )


def _everything() -> list[list[dict[str, Any]]]:
    return [list(table.objects.order_by("pk").values()) for table in (Refund, Sending, Event, Transfer)]


def _nothing_happens(gateway: str, bodies: list[bytes], status: int) -> None:
    """Each is answered with that status, and no row of refunds, sendings, events or the book is another."""
    before = _everything()
    for body in bodies:
        answer = _posted(gateway, body)
        assert (answer.status_code, answer.content) == (status, b""), body[:500]
        assert _everything() == before, body[:500]


def _written(event: Any) -> bytes:
    return json.dumps(event).encode()


@pytest.mark.parametrize(("gateway", "where"), WHERE, ids=[": ".join(each) for each in WHERE])
def test_a_refund_of_ours_in_a_wrong_shape_is_refused_and_its_true_event_still_counts(
    sent: dict[str, Refund], gateway: str, where: str
) -> None:
    true = _true(gateway, sent[gateway])
    wrong = (STRIPE if gateway == "stripe" else PAYPAL)[where]
    _nothing_happens(gateway, [_written(_with(true, where, each)) for each in wrong], 400)
    assert _posted(gateway, _written(true)).status_code == 200
    assert states(sent[gateway]) == ("completed", "succeeded")


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_what_is_about_no_refund_of_ours_is_let_pass_however_it_looks(
    sent: dict[str, Refund], gateway: str
) -> None:
    true = _true(gateway, sent[gateway])
    for where, others in NOT_OURS[gateway].items():
        _nothing_happens(gateway, [_written(_with(true, where, each)) for each in others], 200)
    key = "data.object.metadata.tillbook_key" if gateway == "stripe" else "resource.custom_id"
    theirs = _with(true, key, "another program's")
    for where, wrong in (STRIPE if gateway == "stripe" else PAYPAL).items():
        if where not in key:  # without the object around it nobody knows whose it is
            _nothing_happens(gateway, [_written(_with(theirs, where, each)) for each in wrong], 200)
    _nothing_happens(gateway, [_written({"event_version": "1.0", "id": None, "x": [[[]]]})], 200)
    assert _posted(gateway, _written(true)).status_code == 200
    assert states(sent[gateway]) == ("completed", "succeeded")


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_what_is_no_event_is_refused(sent: dict[str, Refund], gateway: str) -> None:
    _nothing_happens(gateway, NO_EVENTS, 400)


def test_an_event_waits_while_paypal_can_not_be_asked_whether_it_is_true(
    sent: dict[str, Refund], paypal_server: PayPal
) -> None:
    """A forged one is told apart: it is refused for good, as soon as PayPal can be asked."""
    body = _written(_true("paypal", sent["paypal"]))
    there = paypal_server.url
    GatewayAccount.objects.filter(gateway="paypal").update(api_base="http://127.0.0.1:9")  # nobody listens
    _nothing_happens("paypal", [body], 503)
    GatewayAccount.objects.filter(gateway="paypal").update(api_base=there)
    paypal_server.verifying = ["cut", "500"]
    _nothing_happens("paypal", [body, body], 503)
    forged = Client().generic(
        "POST", "/gateways/paypal/events", body.replace(b"12.34", b"12.35"), content_type="application/json",
        headers=signed_by_paypal(body),
    )  # fmt: skip
    assert (forged.status_code, states(sent["paypal"])) == (400, ("requested", "unknown"))
    assert _posted("paypal", body).status_code == 200
    assert states(sent["paypal"]) == ("completed", "succeeded")


@pytest.mark.parametrize("gateway", ["stripe", "paypal"])
def test_a_wrong_event_after_the_end_takes_nothing_back(sent: dict[str, Refund], gateway: str) -> None:
    failed = "data.object.status" if gateway == "stripe" else "resource.status"
    amount, other = (
        ("data.object.amount", 1235) if gateway == "stripe" else ("resource.amount.value", "12.35")
    )
    true = _true(gateway, sent[gateway])
    assert _posted(gateway, _written(true)).status_code == 200
    later = _with(true, failed, "failed" if gateway == "stripe" else "FAILED")
    _nothing_happens(gateway, [_written(_with(later, amount, other))], 400)
    assert states(sent[gateway]) == ("completed", "succeeded")
    assert _posted(gateway, _written(later)).status_code == 200
    assert states(sent[gateway]) == ("failed", "failed")


@pytest.mark.parametrize(
    ("gateway", "place"),
    [("stripe", "data.object.failure_reason"), ("paypal", "resource.status_details")],
)
@pytest.mark.parametrize("why", [None, [], {"reason": [1]}, {"reason": "\ud800\0"}, "\ud800", HUGE])
def test_a_reason_that_is_none_keeps_no_failure_from_being_heard(
    sent: dict[str, Refund], gateway: str, place: str, why: Any
) -> None:
    """It is for people, and decides nothing."""
    status = "data.object.status" if gateway == "stripe" else "resource.status"
    failed = _with(_true(gateway, sent[gateway]), status, "failed" if gateway == "stripe" else "FAILED")
    assert _posted(gateway, _written(_with(failed, place, why))).status_code == 200
    assert states(sent[gateway]) == ("failed", "failed")
    Refund.objects.get(pk=sent[gateway].pk).fail_reason.encode()


@pytest.mark.parametrize("header", ["", "t=1", "v1=00", "é", "t=x,v1=é", "t=1=1,v1=\ud7ff"])
def test_a_signature_that_is_none_is_refused(sent: dict[str, Refund], header: str, client: Client) -> None:
    before = _everything()
    body = _written(_true("stripe", sent["stripe"]))
    told: Callable[..., HttpResponse] = client.generic
    answer = told(
        "POST", "/gateways/stripe/events", body, content_type="application/json",
        headers={"Stripe-Signature": header},
    )  # fmt: skip
    assert (answer.status_code, _everything()) == (400, before)
