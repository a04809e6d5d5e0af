"""Refunds through a gateway end right, after at most one payout, however the gateway answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, transaction

from tests.payouts.gate import Gate, states
from tests.payouts.paypal_server import PayPal, signed_by_paypal
from tests.payouts.stripe_server import Stripe
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, PermissionDenied, WrongState
from tillbook.common.sealing import new_key
from tillbook.credit.basis import View, basis_at
from tillbook.events.models import Event
from tillbook.orders import services as orders
from tillbook.orders.models import Payment
from tillbook.payouts import gateway_accounts, sendings
from tillbook.payouts.gateway_accounts import GatewayInUse, GatewayNotFound
from tillbook.payouts.gateways.adapter import GatewayRefuses, WrongSignature
from tillbook.payouts.models import Sending
from tillbook.payouts.sendings import NotSent, TooEarly
from tillbook.refunds import ageing, approvals, payees, unclaimed
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import ApprovalMissing, approve
from tillbook.refunds.in_gateway import NotForGateway
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee, SelfCompletion
from tillbook.refunds.state import InSending
from tillbook.shop.details import ApprovalRule


@pytest.fixture
def gate(staff_actor: Actor, admin_actor: Actor, now, stripe_server: Stripe):
    gate = Gate(staff_actor, admin_actor, now)
    gate.use_stripe(stripe_server)
    yield gate
    gate.check_book()


@pytest.fixture
def refund(gate: Gate, stripe_server: Stripe) -> Refund:
    return gate.refund(stripe_server.pay()[0])


# Stripe answers


def test_what_stripe_pays_is_complete(gate: Gate, refund: Refund, stripe_server: Stripe, now):
    sending = gate.send(refund)
    assert states(refund) == ("completed", "succeeded")
    (paid,) = stripe_server.refunds()
    assert (paid["amount"], paid["id"]) == (12_34, sending.reference)
    done = Refund.objects.get(pk=refund.pk)
    assert (done.resolved_by, done.sending) == ("admin", sending.number)
    assert (sending.next_ask_at, sending.ended_at, sending.asks) == (None, now, 1)
    assert gate.figures == (49_00 - 12_34, 0)
    told = Event.objects.filter(subject=refund.number, action__startswith="refund.").order_by("pk")
    assert [(each.action, each.origin) for each in told] == [
        ("refund.requested", "test"),
        ("refund.sent", "test"),
        ("refund.completed", "gateway stripe"),
    ]


def test_what_went_back_in_another_currency_is_not_taken_for_it(gate: Gate, stripe_server: Stripe):
    refund = gate.refund(stripe_server.pay(currency="aud")[0])
    sending = gate.send(refund)
    assert states(refund) == ("requested", "unknown")
    (paid,) = stripe_server.refunds()
    assert sending.problem == f"It says 12.34 AUD by {paid['id']}, which is another amount."
    assert gate.figures == (49_00 - 12_34, 12_34)
    gate.ask(minutes=1)
    assert states(refund) == ("requested", "unknown")
    assert len(stripe_server.refunds()) == 1


@pytest.mark.parametrize("how", ["late", "cut before", "cut after", "500", "500 after", "silent", "401"])
@pytest.mark.parametrize("later", [timedelta(minutes=1), timedelta(days=2)], ids=["soon", "after two days"])
def test_what_is_unknown_is_asked_and_paid_once(
    gate: Gate, refund: Refund, stripe_server: Stripe, how: str, later: timedelta
):
    stripe_server.next = [how]
    gate.send(refund)
    assert states(refund) == ("requested", "unknown")
    assert gate.figures == (49_00 - 12_34, 12_34)
    assert gate.ask(seconds=14) == []  # not yet
    if later > timedelta(days=1):
        stripe_server.known.clear()
    (asked,) = gate.ask(seconds=int(later.total_seconds()))
    assert states(refund) == ("completed", "succeeded")
    assert [each["id"] for each in stripe_server.refunds()] == [asked.reference]
    assert gate.ask(days=30) == []
    assert len(stripe_server.refunds()) == 1
    assert gate.figures == (49_00 - 12_34, 0)


def test_a_gateway_that_stays_silent_is_asked_with_growing_pauses(
    gate: Gate, refund: Refund, stripe_server: Stripe, now
):
    stripe_server.next = ["500"] * 9
    pauses = [gate.send(refund).next_ask_at - now]
    for _ in range(8):
        due = Sending.objects.get().next_ask_at
        (asked,) = gate.ask(seconds=int((due - now).total_seconds()))
        pauses.append(asked.next_ask_at - due)
    assert [each.total_seconds() for each in pauses] == [
        15, 60, 300, 1800, 7200, 28800, 86400, 86400, 86400
    ]  # fmt: skip
    assert states(refund) == ("requested", "unknown")
    assert Sending.objects.get().problem == "Something went wrong."
    assert stripe_server.refunds() == []
    assert len(set(stripe_server.sent)) == 1


def test_a_network_that_sends_it_twice_pays_once(gate: Gate, refund: Refund, stripe_server: Stripe):
    stripe_server.next = ["twice"]
    gate.send(refund)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_a_request_that_arrives_after_we_asked_pays_nothing_more(
    gate: Gate, refund: Refund, stripe_server: Stripe
):
    stripe_server.next = ["passed on late"]
    gate.send(refund)
    gate.ask(minutes=1)
    stripe_server.passed.clear()
    stripe_server.hold.set()
    assert stripe_server.passed.wait(10)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_what_stripe_refuses_is_credit_again(gate: Gate, refund: Refund, stripe_server: Stripe):
    stripe_server.next = ["402"]
    gate.send(refund)
    assert states(refund) == ("failed", "failed")
    assert Refund.objects.get(pk=refund.pk).fail_reason == "Stripe: Your balance is too low."
    assert gate.figures == (49_00, 0)
    assert stripe_server.refunds() == []
    assert gate.ask(days=9) == []
    with pytest.raises(WrongState):
        gate.send(refund)


# Stripe tells by itself


def test_an_event_before_the_answer_and_again_after_it_completes_once(
    gate: Gate, refund: Refund, stripe_server: Stripe
):
    stripe_server.next = ["late"]
    gate.send(refund)
    for _ in range(3):
        gate.hear(refund, "succeeded")
    gate.ask(minutes=1)
    assert states(refund) == ("completed", "succeeded")
    assert Event.objects.filter(action="refund.completed").count() == 1
    assert len(stripe_server.refunds()) == 1
    assert gate.figures == (49_00 - 12_34, 0)


def test_pending_after_succeeded_changes_nothing(gate: Gate, refund: Refund):
    gate.send(refund)
    gate.hear(refund, "pending")
    assert states(refund) == ("completed", "succeeded")
    assert Sending.objects.get().next_ask_at is None


def test_pending_is_asked_about_until_it_ends(gate: Gate, refund: Refund, stripe_server: Stripe):
    stripe_server.next = ["500 after"]
    gate.send(refund)
    gate.hear(refund, "pending")
    assert states(refund) == ("requested", "pending")
    with pytest.raises(InSending):
        gate.send(refund)
    gate.ask(hours=1)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_what_was_paid_and_fails_later_is_credit_again(gate: Gate, refund: Refund):
    gate.send(refund)
    for _ in range(2):
        gate.hear(refund, "failed", failure_reason="expired_or_canceled_card")
    assert states(refund) == ("failed", "failed")
    assert Refund.objects.get(pk=refund.pk).fail_reason == "Stripe: expired_or_canceled_card"
    assert gate.figures == (49_00, 0)
    gate.hear(refund, "succeeded")  # it was told before, and arrives now
    assert states(refund) == ("failed", "failed")
    assert Event.objects.filter(action="refund.failed").count() == 1


def test_an_event_about_a_refund_of_somebody_else_moves_nothing(
    gate: Gate, refund: Refund, stripe_server: Stripe
):
    stripe_server.next = ["silent"]
    gate.send(refund)
    assert gate.hear(refund, "succeeded", metadata={"tillbook_key": "RF-9999-other"}) is None
    assert gate.hear(refund, "succeeded", metadata={"tillbook_key": "an\0other"}) is None
    assert gate.hear(refund, "succeeded", metadata={}) is None
    with pytest.raises(WrongSignature):
        sendings.hear("stripe", {"stripe-signature": "t=1,v1=0"}, b"{}", now=gate.now)
    assert states(refund) == ("requested", "unknown")


# Meanwhile


def test_while_nobody_knows_the_refund_is_locked(gate: Gate, refund: Refund, stripe_server: Stripe):
    stripe_server.next = ["silent"]
    gate.send(refund)
    by: dict[str, Any] = {"actor": gate.admin, "now": gate.now}
    for attempted in (
        lambda: refunds.decline(refund.pk, reason="No", **by),
        lambda: refunds.complete(refund.pk, **by),
        lambda: refunds.complete(refund.pk, sending="GS-9999", **by),
        lambda: refunds.fail(refund.pk, reason="No", **by),
        lambda: payees.change(
            refund.pk, method="cash", payee=Payee("Jo"), payment_date=gate.now.date(), note="", **by
        ),
        lambda: gate.send(refund),
    ):
        with pytest.raises(InSending):
            attempted()
    with pytest.raises(GatewayInUse):
        gateway_accounts.remove_account("stripe", **by)
    assert states(refund) == ("requested", "unknown")
    assert gate.figures == (49_00 - 12_34, 12_34)
    assert stripe_server.refunds() == []


def test_what_was_sent_is_not_stale_however_long_its_gateway_is_silent(
    gate: Gate, refund: Refund, stripe_server: Stripe
):
    """Listed as stale, each attempt to cancel it would be refused."""
    late = gate.now + timedelta(days=200)
    assert [each.refund for each in ageing.page_of_stale(late)] == [refund]
    assert unclaimed.is_stale(refund, late)
    stripe_server.next = ["silent"]
    gate.send(refund)
    refund.refresh_from_db()
    assert not unclaimed.is_stale(refund, late)
    assert (ageing.stale(late), ageing.page_of_stale(late)) == ([], [])
    with pytest.raises(InSending):
        unclaimed.cancel(refund.pk, actor=gate.admin, now=late)
    basis = basis_at(late, view=View.RECORDED, recorded_by=late, now=late)
    assert [each.state for each in ageing.as_of(basis)] == [ageing.State.AT_BANK]


def test_the_database_itself_lets_no_second_sending_stand(gate: Gate, refund: Refund):
    sending = gate.send(refund)
    values = {
        name: getattr(sending, name)
        for name in ("refund_id", "gateway", "charge", "currency", "amount_minor")
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Sending.objects.create(**values, key="other", sent_by="x", sent_at=gate.now)
    Sending.objects.create(**values, key="other", sent_by="x", sent_at=gate.now, state="failed").delete()


def test_a_payment_voided_meanwhile_does_not_hide_what_was_paid(
    gate: Gate, refund: Refund, stripe_server: Stripe
):
    stripe_server.next = ["late"]
    gate.send(refund)
    by: dict[str, Any] = {"actor": gate.admin, "now": gate.now}
    orders.void_payment(Payment.objects.get().pk, reason="Disputed", key="v", **by)
    gate.ask(minutes=1)
    assert states(refund) == ("completed", "succeeded")


def test_ask_again_now(gate: Gate, refund: Refund, stripe_server: Stripe):
    with pytest.raises(NotSent):
        sendings.ask_soon(refund.pk, actor=gate.admin, now=gate.now)
    stripe_server.next = ["late"]
    gate.send(refund)
    with pytest.raises(PermissionDenied):
        sendings.ask_soon(refund.pk, actor=gate.staff, now=gate.now)
    sendings.speak(sendings.ask_soon(refund.pk, actor=gate.admin, now=gate.now).pk, now=gate.now)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


@pytest.mark.parametrize("paid", [True, False])
def test_what_has_no_answer_for_a_month_is_ended_as_somebody_saw_it(
    gate: Gate, refund: Refund, stripe_server: Stripe, paid: bool
):
    late, soon = gate.now + timedelta(days=30), gate.now + timedelta(days=29)
    seen: dict[str, Any] = {"paid": paid, "reason": "Seen at Stripe", "actor": gate.admin, "now": late}
    with pytest.raises(NotSent):
        sendings.end_by_hand(refund.pk, **seen)
    stripe_server.next = ["silent"]
    gate.send(refund)
    for wrong, refusal in (
        ({"now": soon}, TooEarly),
        ({"reason": " "}, InvalidInput),
        ({"actor": gate.staff}, PermissionDenied),
    ):
        with pytest.raises(refusal):
            sendings.end_by_hand(refund.pk, **(seen | wrong))
    assert states(refund) == ("requested", "unknown")
    sendings.end_by_hand(refund.pk, **seen)
    assert states(refund) == (("completed", "succeeded") if paid else ("failed", "failed"))
    assert gate.figures == (49_00 - 12_34 if paid else 49_00, 0)
    told = Event.objects.get(action="refund.ended_by_hand")
    assert (told.note, told.data["paid"], told.actor_name) == ("Seen at Stripe", paid, "admin")
    with pytest.raises(WrongState):
        sendings.end_by_hand(refund.pk, **seen)
    assert gate.ask(days=60) == []
    assert stripe_server.refunds() == []


# Who and what


@pytest.mark.parametrize("who", ["staff", "viewer"])
def test_who_may_not_complete_may_not_send(gate: Gate, refund: Refund, who: str, viewer_actor: Actor):
    actor = {"staff": gate.staff, "viewer": viewer_actor}[who]
    events = Event.objects.count()
    with pytest.raises(PermissionDenied):
        gate.send(refund, actor=actor)
    for attempted in (
        lambda: gateway_accounts.set_account("stripe", secret="sk_2", actor=actor, now=gate.now),
        lambda: gateway_accounts.remove_account("stripe", actor=actor, now=gate.now),
        lambda: gateway_accounts.check_account("stripe", actor=actor),
    ):
        with pytest.raises(PermissionDenied):
            attempted()
    assert (Sending.objects.count(), Event.objects.count()) == (0, events)


def test_an_admin_does_not_send_their_own_above_the_limit_in_pieces(
    gate: Gate, stripe_server: Stripe, settings
):
    """The limit is 1,000 pounds a day and customer: what is under way counts as well as what is done."""
    stripe_server.next = ["silent"]
    first, second = [
        gate.refund(stripe_server.pay(700_00)[0], 600_00, paid=700_00, actor=gate.admin) for _ in range(2)
    ]
    gate.send(first)
    with pytest.raises(SelfCompletion):
        gate.send(second)
    with pytest.raises(SelfCompletion):
        refunds.complete(second.pk, actor=gate.admin, now=gate.now)
    gate.ask(minutes=1)
    assert states(first) == ("completed", "succeeded")
    with pytest.raises(SelfCompletion):
        gate.send(second)
    assert len(stripe_server.refunds()) == 1


def test_a_refund_is_approved_before_it_is_sent(gate: Gate, refund: Refund, stripe_server: Stripe, settings):
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    with pytest.raises(ApprovalMissing):
        gate.send(refund)
    assert not Sending.objects.exists()
    approve(refund.pk, acknowledged=approvals.flags(refund), actor=gate.admin, now=gate.now)
    gate.send(refund)
    assert states(refund) == ("completed", "succeeded")
    assert len(stripe_server.refunds()) == 1


def test_what_does_not_go_back_to_a_charge_is_not_sent(gate: Gate, refund: Refund):
    by: dict[str, Any] = {"actor": gate.admin, "now": gate.now}
    payees.change(refund.pk, method="cash", payee=Payee("Jo"), payment_date=gate.now.date(), note="", **by)
    with pytest.raises(NotForGateway):
        gate.send(refund)
    assert not Sending.objects.exists()


def test_without_an_account_nothing_is_kept_as_sent(gate: Gate, refund: Refund, stripe_server: Stripe):
    other = gate.refund("CAPTURE1", gateway="paypal")
    with pytest.raises(GatewayNotFound, match="no account at PayPal"):
        gate.send(other)
    unheard = gate.refund("x1", gateway="square")
    with pytest.raises(GatewayNotFound, match="no gateway 'square'"):
        gate.send(unheard)
    settings_keys = django_settings.TILLBOOK_ACCOUNT_KEYS
    lost = new_key()
    try:
        django_settings.TILLBOOK_ACCOUNT_KEYS = lambda: [lost]
        with pytest.raises(GatewayRefuses, match="None of the account keys"):
            gate.send(refund)
    finally:
        django_settings.TILLBOOK_ACCOUNT_KEYS = settings_keys
    assert not Sending.objects.exists()
    assert stripe_server.sent == []


# PayPal


@pytest.mark.parametrize("how", ["late", "cut before", "cut after", "503"])
def test_paypal_pays_once_too(gate: Gate, paypal_server: PayPal, how: str):
    gate.use_paypal(paypal_server)
    paypal_server.captures["CAP1"] = {"value": "50.00", "currency_code": "GBP"}
    refund = gate.refund("CAP1", gateway="paypal")
    paypal_server.next = [how]
    gate.send(refund)
    assert states(refund) == ("requested", "unknown")
    gate.ask(minutes=1)
    assert states(refund) == ("completed", "succeeded")
    assert len(paypal_server.refunds) == 1


def test_paypal_tells_by_itself(gate: Gate, paypal_server: PayPal):
    gate.use_paypal(paypal_server)
    paypal_server.captures["CAP1"] = {"value": "50.00", "currency_code": "GBP"}
    paypal_server.status = "PENDING"
    refund = gate.refund("CAP1", gateway="paypal")
    sending = gate.send(refund)
    assert states(refund) == ("requested", "pending")
    paypal_server.refunds[sending.reference]["status"] = "COMPLETED"
    body = paypal_server.event(sending.reference)
    for _ in range(2):
        sendings.hear("paypal", signed_by_paypal(body), body, now=gate.now)
    assert states(refund) == ("completed", "succeeded")
    assert len(paypal_server.refunds) == 1
