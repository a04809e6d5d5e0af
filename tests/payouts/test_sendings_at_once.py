"""Many send at once, or one is killed while it does: a refund is paid once all the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from tests.conftest import _user_actor
from tests.databases import at_once, database_url
from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import Stripe
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import WrongState
from tillbook.events.models import Event
from tillbook.payouts import gateway_accounts, sendings
from tillbook.payouts.gateway_accounts import GatewayInUse
from tillbook.payouts.models import Sending
from tillbook.refunds.state import InSending


@pytest.fixture
def own_gate(own_database: None, now, stripe_server: Stripe):
    system = Actor.system("test")
    people = [_user_actor(role.value, role, system, now) for role in (Role.STAFF, Role.ADMIN)]
    gate = Gate(*people, now)
    gate.use_stripe(stripe_server)
    yield gate
    gate.check_book()


def test_twenty_sends_of_one_refund_at_once_pay_once(own_gate: Gate, stripe_server: Stripe):
    refund = own_gate.refund(stripe_server.pay()[0])
    outcomes = at_once([lambda: own_gate.send(refund)] * 20)
    kinds = Counter(map(type, outcomes))
    assert kinds[Sending] == 1
    assert kinds[InSending] + kinds[WrongState] == 19, kinds
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == len(stripe_server.sent) == 1


def test_what_a_selection_has_no_time_for_is_sent_by_the_round(own_gate: Gate, stripe_server: Stripe):
    chosen = [own_gate.refund(stripe_server.pay()[0], 1_00 + place) for place in range(3)]
    ids = [refund.pk for refund in chosen]
    by = {"actor": own_gate.admin, "now": own_gate.now}
    outcomes = sendings.send_many(dict.fromkeys(ids), seconds=0, **by)
    assert [type(each) for each in outcomes.values()] == [Sending] * 3
    assert stripe_server.sent == []
    again = sendings.send_many(dict.fromkeys(ids), seconds=0, **by)
    assert [type(each) for each in again.values()] == [InSending] * 3
    own_gate.ask(seconds=0)
    assert {states(refund) for refund in chosen} == {("completed", "succeeded")}
    assert len(stripe_server.refunds()) == len(stripe_server.sent) == 3


def test_answer_event_and_round_at_once_complete_once(own_gate: Gate, stripe_server: Stripe):
    refund = own_gate.refund(stripe_server.pay()[0])
    stripe_server.next = ["500 after"]
    own_gate.send(refund)
    told = [lambda: own_gate.hear(refund, "succeeded")] * 4
    outcomes = at_once([*told, *[lambda: own_gate.ask(minutes=1)] * 4])
    assert not [each for each in outcomes if isinstance(each, Exception)], outcomes
    assert states(refund) == ("completed", "succeeded")
    assert Event.objects.filter(action="refund.completed").count() == 1
    assert len(stripe_server.refunds()) == 1


def test_an_account_is_not_forgotten_while_a_refund_is_put_under_way(own_gate: Gate, stripe_server: Stripe):
    """Else nobody could ask what became of it."""
    refund = own_gate.refund(stripe_server.pay()[0])
    by = {"actor": own_gate.admin, "now": own_gate.now}
    begun = threading.Event()

    def begins() -> None:
        with transaction.atomic():
            sendings.begin(refund.pk, **by)
            begun.set()
            time.sleep(1)

    def removes() -> None:
        assert begun.wait(30)
        gateway_accounts.remove_account("stripe", **by)

    begins_told, removes_told = at_once([begins, removes])
    assert begins_told is None
    assert isinstance(removes_told, GatewayInUse)
    own_gate.ask(minutes=4)
    assert states(refund) == ("completed", "succeeded")


_SENDS = """
import sys, django; django.setup()
from datetime import datetime
from tillbook.common.actor import Actor, Role
from tillbook.payouts import sendings
sendings.send(int(sys.argv[1]), actor=Actor("admin", Role.ADMIN, "test", 2), now=datetime.fromisoformat(sys.argv[2]))
"""


@pytest.mark.parametrize("how", ["late", "silent"])
def test_a_process_killed_before_the_answer_leaves_a_refund_that_is_asked_about(
    own_gate: Gate, stripe_server: Stripe, how: str, tmp_path: Path
):
    refund = own_gate.refund(stripe_server.pay()[0])
    stripe_server.next = [how]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
        "TILLBOOK_DATABASE_URL": database_url(),
        "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
        "TILLBOOK_ACCOUNT_KEYS": ",".join(django_settings.TILLBOOK_ACCOUNT_KEYS()),
        "TILLBOOK_GATEWAY_PRIVATE_TARGETS": "true",
    }
    command = [sys.executable, "-c", _SENDS, str(refund.pk), own_gate.now.isoformat()]
    process = subprocess.Popen(command, env=environment)
    for _ in range(300):
        if stripe_server.sent and (how == "silent" or stripe_server.passed.is_set()):
            break
        assert process.poll() is None
        time.sleep(0.1)
    process.kill()
    assert process.wait() == -9
    stripe_server.hold.set()
    assert states(refund) == ("requested", "unknown")
    assert len(stripe_server.refunds()) == (how == "late")
    with pytest.raises(InSending):
        own_gate.send(refund)
    assert own_gate.ask(minutes=2) == []  # it may still be at work
    own_gate.ask(minutes=4)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1
