"""Gateways by commands: an account, a refund that is sent, one that is asked about."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from django.conf import settings

from tests.conftest import _user_actor
from tests.databases import database_url
from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import SECRET, Stripe
from tillbook.common.actor import Actor, Role
from tillbook.payouts.models import GatewayAccount, Sending


@pytest.fixture
def gate(staff_actor, admin_actor, now, stripe_server: Stripe) -> Gate:
    return Gate(staff_actor, admin_actor, now)


@pytest.fixture
def account(run, gate: Gate, stripe_server: Stripe) -> None:
    asked = ("gateway", "add", "stripe", "--secret", "-", "--api-base", stripe_server.url)
    code, shown, _ = run(*asked, stdin=SECRET + "\n")
    assert code == 0
    assert SECRET not in shown


def test_an_account_is_added_checked_listed_and_removed(run, account: None, stripe_server: Stripe):
    assert GatewayAccount.objects.get().secret == SECRET
    assert run("gateway", "check", "stripe") == (0, "gateway: stripe\nworks: yes\n", "")
    code, shown, _ = run("gateway", "list")
    assert code == 0 and stripe_server.url in shown and SECRET not in shown
    run("gateway", "add", "stripe", "--secret", "pk_wrong")
    assert run("gateway", "check", "stripe") == (1, "", "Stripe does not know the secret key.\n")
    assert run("gateway", "remove", "stripe")[0] == 0
    code, _, wrong = run("gateway", "check", "stripe")
    assert (code, wrong) == (
        1,
        "The shop has no account at Stripe. Add it under Settings > Shop settings > Gateways.\n",
    )


def test_a_refund_is_sent_and_what_is_unknown_asked_about(
    run, gate: Gate, account: None, stripe_server: Stripe, django_capture_on_commit_callbacks
):
    first, second = gate.refund(stripe_server.pay()[0]), gate.refund(stripe_server.pay()[0], 5_00)
    with django_capture_on_commit_callbacks(execute=True):
        assert run("refund", "send", first.number, "--by", "admin")[0] == 0
    assert states(first) == ("completed", "succeeded")
    stripe_server.next = ["late"]
    with django_capture_on_commit_callbacks(execute=True):
        run("refund", "send", second.number)
    code, _, wrong = run("refund", "send", second.number)
    assert code == 1 and "sent through its gateway" in wrong
    assert run("gateway", "ask") == (0, "0 asked.\n", "")  # not yet
    Sending.objects.filter(refund=second).update(next_ask_at=gate.now)
    assert run("gateway", "ask") == (0, "1 asked: 1 succeeded.\n", "")
    assert states(second) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 2


def test_the_command_shows_how_it_ended(own_database, run, now, stripe_server: Stripe):
    system = Actor.system("test")
    gate = Gate(*[_user_actor(role.value, role, system, now) for role in (Role.STAFF, Role.ADMIN)], now)
    gate.use_stripe(stripe_server)
    refund = gate.refund(stripe_server.pay()[0])
    code, shown, _ = run("refund", "send", refund.number)
    assert code == 0
    assert "status: completed" in shown and "sending.state: succeeded" in shown


def test_deliver_asks_about_what_is_due_until_it_is_stopped(
    own_database, now, stripe_server: Stripe, tmp_path
):
    system = Actor.system("test")
    gate = Gate(*[_user_actor(role.value, role, system, now) for role in (Role.STAFF, Role.ADMIN)], now)
    gate.use_stripe(stripe_server)
    refund = gate.refund(stripe_server.pay()[0])
    stripe_server.next = ["cut after"]
    gate.send(refund)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
        "TILLBOOK_DATABASE_URL": database_url(),
        "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
        "TILLBOOK_ACCOUNT_KEYS": ",".join(settings.TILLBOOK_ACCOUNT_KEYS()),
        "TILLBOOK_GATEWAY_PRIVATE_TARGETS": "true",
    }
    command = [sys.executable, "-c", "from tillbook.cli.main import app; app()", "deliver"]
    process = subprocess.Popen(command, env=environment)
    try:
        for _ in range(300):
            if states(refund) == ("completed", "succeeded"):
                break
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        process.terminate()
    assert process.wait(timeout=30) == 0
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1
