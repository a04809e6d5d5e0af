"""The shop's accounts at gateways: their secrets are sealed, told to nobody, and sent nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from tests.payouts.gate import Gate
from tests.payouts.paypal_server import PayPal
from tests.payouts.stripe_server import SECRET, Stripe
from tests.payouts.test_adapters import WHSEC
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.events.models import Event
from tillbook.payouts import gateway_accounts
from tillbook.payouts.gateway_accounts import GatewayInUse
from tillbook.payouts.models import GatewayAccount


@pytest.fixture
def gate(staff_actor: Actor, admin_actor: Actor, now, stripe_server: Stripe):
    gate = Gate(staff_actor, admin_actor, now)
    gate.use_stripe(stripe_server)
    yield gate
    gate.check_book()


def test_secrets_are_sealed_and_told_to_nobody(gate: Gate, stripe_server: Stripe, now):
    gate.send(gate.refund(stripe_server.pay()[0]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, webhook_secret FROM payouts_gatewayaccount")
        assert all(text.startswith("gAAAA") for text in cursor.fetchone())
    told = repr(list(Event.objects.values()))
    assert SECRET not in told and WHSEC not in told
    account = GatewayAccount.objects.get()
    gateway_accounts.set_account("stripe", webhook_secret="whsec_new", actor=gate.admin, now=now)
    again = GatewayAccount.objects.get()
    assert (again.secret, again.webhook_secret, again.api_base) == (SECRET, "whsec_new", account.api_base)
    with pytest.raises(InvalidInput):
        gateway_accounts.set_account("stripe", secret="sk with space", actor=gate.admin, now=now)
    with pytest.raises(InvalidInput, match="client ID"):
        gateway_accounts.set_account("paypal", secret="s", actor=gate.admin, now=now)
    gateway_accounts.remove_account("stripe", actor=gate.admin, now=now)
    assert not GatewayAccount.objects.exists()


def test_a_kept_secret_is_sent_to_no_address_that_was_named_without_it(
    gate: Gate, stripe_server: Stripe, now
):
    """Else who manages settings would learn it, by naming a server of their own."""
    by: dict[str, Any] = {"actor": gate.admin, "now": now}
    for more in ({}, {"webhook_secret": "whsec_new"}, {"secret": " "}):
        with pytest.raises(InvalidInput, match="Enter the secret again") as refused:
            gateway_accounts.set_account("stripe", api_base="http://127.0.0.1:1", **more, **by)
        assert refused.value.field == "secret"
    account = GatewayAccount.objects.get()
    assert (account.api_base, account.webhook_secret) == (stripe_server.url, WHSEC)
    gateway_accounts.set_account("stripe", api_base=stripe_server.url + "/", webhook_secret=" ", **by)
    assert GatewayAccount.objects.get().webhook_secret == WHSEC
    gateway_accounts.set_account("stripe", api_base="http://127.0.0.1:1", secret="sk_2", **by)
    assert GatewayAccount.objects.get().api_base == "http://127.0.0.1:1"


def test_no_other_paypal_app_takes_over_while_a_refund_is_on_its_way(gate: Gate, paypal_server: PayPal, now):
    """PayPal may know a request by the app that made it: another one, asking again, could pay once more."""
    by: dict[str, Any] = {"actor": gate.admin, "now": now}
    gate.use_paypal(paypal_server)
    paypal_server.captures["CAP1"] = {"value": "50.00", "currency_code": "GBP"}
    paypal_server.status = "PENDING"
    gate.send(gate.refund("CAP1", gateway="paypal"))
    with pytest.raises(GatewayInUse):
        gateway_accounts.set_account("paypal", client_id="another", secret="s", **by)
    account = GatewayAccount.objects.get(gateway="paypal")
    gateway_accounts.set_account("paypal", client_id=account.client_id, secret="rolled", **by)
    kept = GatewayAccount.objects.get(gateway="paypal")
    assert (kept.client_id, kept.secret) == (account.client_id, "rolled")
