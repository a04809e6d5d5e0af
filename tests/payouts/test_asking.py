"""The rounds that ask: one that runs beside the server, one that a command runs."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from tests.conftest import _user_actor
from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import Stripe
from tillbook.common.actor import Actor, Role
from tillbook.payouts import asking, gateway_accounts
from tillbook.payouts.models import GatewayAccount, Sending


@pytest.fixture
def gate(own_database: None, now, stripe_server: Stripe):
    system = Actor.system("test")
    people = [_user_actor(role.value, role, system, now) for role in (Role.STAFF, Role.ADMIN)]
    gate = Gate(*people, now)
    gate.use_stripe(stripe_server)
    yield gate
    gate.check_book()


def test_the_round_beside_the_server_asks_until_it_is_stopped(
    gate: Gate, stripe_server: Stripe, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "_PAUSE", 0.05)
    refunds = [gate.refund(stripe_server.pay()[0], 1_00 + place) for place in range(3)]
    stripe_server.next = ["cut after", "cut before", "500", "500"]  # and once more when it is asked
    for refund in refunds:
        gate.send(refund)
    at = gate.now + timedelta(minutes=5)
    stop = threading.Event()

    def run() -> None:
        asking.keep_asking(lambda: at, stop)
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(1200):
        if Sending.objects.filter(state="succeeded").count() == 3:
            break
        if Sending.objects.filter(state="unknown", asks__gte=2).exists():
            at += timedelta(minutes=5)
        time.sleep(0.05)
    stop.set()
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert {states(refund) for refund in refunds} == {("completed", "succeeded")}
    assert len(stripe_server.refunds()) == 3


def test_one_that_can_not_be_asked_stops_no_other(gate: Gate, stripe_server: Stripe):
    """The account at the other gateway is gone, by a hand that went past the program."""
    gateway_accounts.set_account("paypal", secret="s", client_id="c", actor=gate.admin, now=gate.now)
    GatewayAccount.objects.filter(gateway="paypal").update(api_base="http://127.0.0.1:1")
    other, mine = gate.refund("CAP1", gateway="paypal"), gate.refund(stripe_server.pay()[0])
    stripe_server.next = ["late"]
    for refund in (other, mine):
        gate.send(refund)
    GatewayAccount.objects.filter(gateway="paypal").delete()
    assert [each.refund_id for each in gate.ask(minutes=1)] == [mine.pk]
    assert states(mine) == ("completed", "succeeded")
    assert states(other) == ("requested", "unknown")
    gateway_accounts.set_account(
        "paypal", secret="s", client_id="c", api_base="http://127.0.0.1:1", actor=gate.admin, now=gate.now
    )
    assert [each.refund_id for each in gate.ask(minutes=9)] == [other.pk]


def test_two_rounds_at_once_ask_about_each_once(gate: Gate, stripe_server: Stripe):
    from tests.databases import at_once

    refunds = [gate.refund(stripe_server.pay()[0], 1_00 + place) for place in range(4)]
    stripe_server.next = ["500"] * 4
    for refund in refunds:
        gate.send(refund)
    told = at_once([lambda: gate.ask(minutes=1)] * 3)
    assert not [each for each in told if isinstance(each, Exception)], told
    assert sorted(each.refund_id for round_ in told for each in round_) == [each.pk for each in refunds]
    assert {states(refund) for refund in refunds} == {("completed", "succeeded")}
    assert len(stripe_server.sent) == 8
    assert len(stripe_server.refunds()) == 4
