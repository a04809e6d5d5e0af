"""Webhooks, sent to a real receiver: signed, in order, again and again until it takes them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.delivery.receiver import Clock, Receiver
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied, WrongState
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery import sending, webhooks
from tillbook.delivery.finding import Settled, find
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver_once
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(receiver: Receiver, system_actor: Actor, clock: Clock) -> Endpoint:
    return add(receiver, system_actor, clock)


def add(receiver: Receiver, actor: Actor, clock: Clock, path: str = "/hooks", **wanted: Any) -> Endpoint:
    return webhooks.add_endpoint(url=receiver.url + path, actor=actor, now=clock(), **wanted)


def tell(subject: str, action: str = "order.edited", **data: Any) -> Event:
    """An event as a service writes it."""
    now = datetime.fromisoformat("2026-03-02T10:30:00+00:00")
    record(NewEvent(action, subject, data=data), actor=Actor.system("test"), now=now)
    return Event.objects.latest("pk")


def ids(receiver: Receiver) -> list[str]:
    return [got.id for got in receiver.got]


def states() -> list[tuple[str, int]]:
    return [(each.state, each.attempts) for each in Delivery.objects.order_by("event_id")]


def test_an_event_arrives_signed_so_that_the_scheme_s_own_verifier_takes_it(
    endpoint: Endpoint, receiver: Receiver, clock: Clock, admin_actor: Actor, now: datetime
):
    jo = customers.add(username="jo", currency="GBP", actor=admin_actor, now=now)
    give(jo, admin_actor, now)
    assert deliver_once(clock) == 3  # the user `admin`, the customer, the credit
    got = receiver.got[-1]
    said = Webhook(endpoint.secret).verify(got.body, got.headers)
    event = Event.objects.latest("pk")
    number = event.subject
    assert got.id == f"evt_{event.pk}_{endpoint.pk}"
    assert (got.path, got.headers["content-type"]) == ("/hooks", "application/json")
    assert said == {
        "type": "credit.issued",
        "timestamp": "2026-03-02T10:30:00.000000Z",
        "data": {
            "id": f"EV-{event.pk + 1000}",
            "action": "credit.issued",
            "subject": number,
            "customer": "jo",
            "actor": "admin",
            "reason": "goodwill",
            "public_note": "",
            "details": {"amount": {"amount": "12.34", "currency": "GBP"}, "reference": ""},
            "changed": [],
            "recorded_at": "2026-03-02T10:30:00.000000Z",
        },
    }
    assert states() == [("delivered", 1)] * 3
    assert deliver_once(clock) == 0


def give(customer: Customer, actor: Actor, now: datetime) -> None:
    credit.give(
        customer_id=customer.pk, amount=Money(1234, "GBP"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, note="for us alone", key="given", actor=actor, now=now,
    )  # fmt: skip


def test_nothing_that_staff_wrote_for_themselves_or_of_a_customer_s_address_is_sent(
    endpoint: Endpoint, receiver: Receiver, clock: Clock
):
    tell(
        "jo", "customer.details_updated", changed={"postal_address": ["1 Old Rd", "2 New Rd"]}, id=7, bank="1"
    )
    deliver_once(clock)
    data = receiver.got[0].said["data"]
    assert (data["details"], data["changed"]) == ({}, [{"name": "postal_address"}])


def test_what_was_not_taken_is_sent_again_after_a_pause_with_the_same_id(
    endpoint: Endpoint, receiver: Receiver, clock: Clock
):
    receiver.answer_in_turn(500)
    event = tell("SO-1")
    assert deliver_once(clock) == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.last_status, delivery.last_answer) == ("pending", 500, "told so")
    clock.later(seconds=9)
    assert deliver_once(clock) == 0
    clock.later(seconds=1)
    assert deliver_once(clock) == 1
    assert states() == [("delivered", 2)]
    assert ids(receiver) == [f"evt_{event.pk}_{endpoint.pk}"] * 2
    first, second = receiver.got
    assert first.body == second.body
    Webhook(endpoint.secret).verify(second.body, second.headers)
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_a_later_event_of_a_subject_waits_and_others_do_not(
    endpoint: Endpoint, receiver: Receiver, clock: Clock
):
    receiver.answer = lambda got: (500 if got.said["data"]["subject"] == "SO-1" else 204, b"")
    tell("SO-1", n=1), tell("SO-1", n=2), tell("SO-2", n=3)
    deliver_once(clock)
    assert [got.said["data"]["subject"] for got in receiver.got] == ["SO-1", "SO-2"]
    assert states() == [("pending", 1), ("pending", 0), ("delivered", 1)]
    receiver.answer_in_turn()
    clock.later(minutes=1)
    deliver_once(clock)
    first, second, _ = Event.objects.order_by("pk").filter(subject__startswith="SO")
    assert ids(receiver)[2:] == [f"evt_{first.pk}_{endpoint.pk}", f"evt_{second.pk}_{endpoint.pk}"]


def test_a_subject_goes_on_when_an_event_is_given_up_after_three_days(
    endpoint: Endpoint, receiver: Receiver, clock: Clock
):
    receiver.answer = lambda _: (503, b"")
    begun = clock()
    tell("SO-1"), tell("SO-1")
    at = []
    while Delivery.objects.filter(state="given_up").count() == 0:
        if deliver_once(clock):
            at.append(clock() - begun)
        clock.at = max(clock.at, Delivery.objects.earliest("event_id").next_at)
    assert at[:5] == [timedelta(seconds=each) for each in (0, 10, 70, 370, 2170)]
    assert (at[-1], len(at)) == (timedelta(days=3), 17)
    assert states() == [("given_up", 17), ("given_up", 1)]  # it had waited as long, and got its one attempt


def test_a_process_killed_after_sending_leaves_a_claim_that_runs_out(
    endpoint: Endpoint, receiver: Receiver, clock: Clock
):
    tell("SO-1")
    find(Settled(), clock())
    [claimed] = sending.claim(endpoint.pk, clock())
    with sending.Sender() as sender:
        assert sender.send(sending.request_of(claimed, clock())).status == 204
    clock.later(seconds=119)
    assert deliver_once(clock) == 0  # the claim still stands
    clock.later(seconds=1)
    assert deliver_once(clock) == 1
    assert ids(receiver) == [claimed.webhook_id] * 2
    assert states() == [("delivered", 1)]


def test_no_redirect_is_followed(endpoint: Endpoint, receiver: Receiver, clock: Clock):
    receiver.answer_in_turn(302)
    tell("SO-1")
    deliver_once(clock)
    assert [got.path for got in receiver.got] == ["/hooks"]
    assert Delivery.objects.get().last_status == 302
    assert states() == [("pending", 1)]


def test_of_an_answer_the_first_2000_bytes_are_kept(endpoint: Endpoint, receiver: Receiver, clock: Clock):
    receiver.answer = lambda _: (200, b"\0" + b"a" * 10_000_000)
    tell("SO-1")
    deliver_once(clock)
    assert Delivery.objects.get().last_answer == "\N{REPLACEMENT CHARACTER}" + "a" * 1999
    assert states() == [("delivered", 1)]


def test_resending_sends_the_same_once_more(
    endpoint: Endpoint, receiver: Receiver, clock: Clock, admin_actor: Actor
):
    deliver_once(clock)
    receiver.got.clear()
    tell("SO-1")
    deliver_once(clock)
    sent = Delivery.objects.get(subject="SO-1")
    webhooks.resend(sent.pk, actor=admin_actor, now=clock())
    assert deliver_once(clock) == 2  # it, and that it was asked for
    assert [got.id for got in receiver.got if got.said["type"] == "order.edited"] == [sent.webhook_id] * 2
    assert Event.objects.latest("pk").action == "webhook.resent"


def test_an_endpoint_gets_the_actions_that_it_wants_and_of_those_what_came_after_it(
    receiver: Receiver, clock: Clock, system_actor: Actor
):
    tell("RF-1", "refund.requested")
    add(receiver, system_actor, clock, actions=["refund.completed", "order.*"])
    tell("RF-1", "refund.requested"), tell("RF-1", "refund.completed"), tell("SO-1", "order.placed")
    deliver_once(clock)
    assert [got.said["type"] for got in receiver.got] == ["refund.completed", "order.placed"]


def test_a_disabled_webhook_gets_nothing_of_that_time(
    endpoint: Endpoint, receiver: Receiver, clock: Clock, system_actor: Actor
):
    same = {"url": endpoint.url, "description": "", "actions": (), "actor": system_actor, "now": clock()}
    webhooks.update_endpoint(endpoint.pk, enabled=False, **same)
    tell("SO-1")
    assert deliver_once(clock) == 0
    webhooks.update_endpoint(endpoint.pk, enabled=True, **same)
    event = tell("SO-1")
    assert deliver_once(clock) == 1
    assert ids(receiver) == [f"evt_{event.pk}_{endpoint.pk}"]


def test_what_waits_for_a_disabled_webhook_is_not_sent_and_can_t_be_resent(
    endpoint: Endpoint, receiver: Receiver, clock: Clock, system_actor: Actor
):
    tell("SO-1")
    find(Settled(), clock())
    webhooks.update_endpoint(
        endpoint.pk,
        url=endpoint.url,
        description="",
        actions=(),
        enabled=False,
        actor=system_actor,
        now=clock(),
    )
    assert deliver_once(clock) == 0
    with pytest.raises(WrongState):
        webhooks.resend(Delivery.objects.get().pk, actor=system_actor, now=clock())
    assert receiver.got == []


def test_a_removed_webhook_leaves_nothing_behind_but_its_history(
    endpoint: Endpoint, receiver: Receiver, clock: Clock, system_actor: Actor
):
    tell("SO-1")
    find(Settled(), clock())
    webhooks.remove_endpoint(endpoint.pk, actor=system_actor, now=clock())
    assert deliver_once(clock) == 0
    assert (Endpoint.objects.count(), Delivery.objects.count()) == (0, 0)
    assert Event.objects.filter(subject=endpoint.number).count() == 2
    told = "".join(str(each.data) for each in Event.objects.all())
    assert endpoint.secret not in told and "/hooks" not in told


def test_staff_may_not_manage_webhooks(endpoint: Endpoint, clock: Clock, staff_actor: Actor):
    calls = [
        lambda: webhooks.add_endpoint(url="https://a.example/", actor=staff_actor, now=clock()),
        lambda: webhooks.remove_endpoint(endpoint.pk, actor=staff_actor, now=clock()),
        lambda: webhooks.resend(1, actor=staff_actor, now=clock()),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied):
            call()
    assert [each.url for each in Endpoint.objects.all()] == [endpoint.url]


def test_what_ended_a_month_ago_is_cleared_away(endpoint: Endpoint, receiver: Receiver, clock: Clock):
    receiver.answer_in_turn(204, 500)
    tell("SO-1"), tell("SO-2")
    deliver_once(clock)
    clock.later(days=31)
    assert webhooks.clear(clock()) == 1
    assert [each.subject for each in Delivery.objects.all()] == ["SO-2"]
    receiver.got.clear()
    assert deliver_once(clock) == 1  # and SO-1 is not found anew
