"""`verify` compares sendings with refunds: what was changed behind the program's back is found, and only that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.payouts.gate import Gate, states
from tests.payouts.stripe_server import Stripe
from tillbook.common.actor import Actor
from tillbook.ledger.models import Verification
from tillbook.payouts import sendings
from tillbook.payouts.models import Sending
from tillbook.payouts.verification import findings
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.verifying.services import _documents

OTHER = "has another amount, currency, charge or refund than the one that it was sent for"
PAID = "says that it was paid, and its refund was never completed"
UNSENT = "did not go through its gateway as its history says"


@pytest.fixture
def gate(staff_actor: Actor, admin_actor: Actor, now: datetime, stripe_server: Stripe) -> Gate:
    gate = Gate(staff_actor, admin_actor, now)
    gate.use_stripe(stripe_server)
    return gate


@pytest.fixture
def refund(gate: Gate, stripe_server: Stripe) -> Refund:
    return gate.refund(stripe_server.pay()[0])


def found() -> list[tuple[str, str]]:
    return [(each.subject, each.problem) for each in findings()]


def by_hand(gate: Gate, refund: Refund, **more: Any) -> None:
    refunds.complete(refund.pk, actor=gate.admin, now=gate.now, **more)


# What may be


def test_each_stage_of_the_way_through_a_gateway_is_sound(
    gate: Gate, refund: Refund, stripe_server: Stripe
) -> None:
    assert found() == []  # asked for
    stripe_server.next = ["late"]
    gate.send(refund)
    assert (states(refund), found()) == (("requested", "unknown"), [])
    gate.hear(refund, "pending")
    assert (states(refund), found()) == (("requested", "pending"), [])
    gate.hear(refund, "succeeded")
    assert (states(refund), found()) == (("completed", "succeeded"), [])
    gate.hear(refund, "failed")
    assert (states(refund), found()) == (("failed", "failed"), [])


def test_what_was_paid_and_came_back_by_hand_is_sound(gate: Gate, refund: Refund) -> None:
    gate.send(refund)
    refunds.fail(refund.pk, reason="The card was closed", actor=gate.admin, now=gate.now)
    assert (states(refund), found()) == (("failed", "succeeded"), [])


@pytest.mark.parametrize("paid", [True, False])
def test_what_was_ended_by_hand_is_sound(
    gate: Gate, refund: Refund, stripe_server: Stripe, paid: bool
) -> None:
    stripe_server.next = ["silent"]
    gate.send(refund)
    late = gate.now + timedelta(days=30)
    sendings.end_by_hand(refund.pk, paid=paid, reason="Seen at Stripe", actor=gate.admin, now=late)
    assert found() == []


def test_what_was_completed_or_declined_by_hand_and_never_sent_is_sound(
    gate: Gate, refund: Refund, stripe_server: Stripe
) -> None:
    by_hand(gate, refund)
    other = gate.refund(stripe_server.pay()[0])
    refunds.decline(other.pk, reason="No", actor=gate.admin, now=gate.now)
    assert found() == []


# What may not


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_minor": 12_35},
        {"currency": "EUR"},
        {"gateway": "paypal"},
        {"charge": "ch_other"},
        {"key": "RF-9999-abc"},
        {"key": "RF-100"},
    ],
)
@pytest.mark.parametrize("how", ["late", ""], ids=["under way", "paid"])
def test_a_sending_that_says_otherwise_is_found(
    gate: Gate, refund: Refund, stripe_server: Stripe, how: str, changed: dict[str, Any]
) -> None:
    stripe_server.next = [how] if how else []
    sending = gate.send(refund)
    assert found() == []
    Sending.objects.update(**changed)
    assert found() == [(sending.number, OTHER)]


def test_a_sending_that_was_given_to_another_refund_is_found(
    gate: Gate, refund: Refund, stripe_server: Stripe
) -> None:
    sending = gate.send(refund)
    other = gate.refund(stripe_server.pay()[0])
    Sending.objects.update(refund=other)
    assert found() == [(sending.number, OTHER), (refund.number, UNSENT), (other.number, UNSENT)]


@pytest.mark.parametrize(
    ("how", "state", "problem"),
    [
        ("late", "succeeded", PAID),
        ("late", "failed", "says that it failed, and its refund does not"),
        ("", "failed", "says that it failed, and its refund does not"),
        ("", "pending", "waits for its gateway, and its refund has ended"),
        ("402", "succeeded", PAID),
        ("402", "unknown", "waits for its gateway, and its refund has ended"),
    ],
)
def test_a_sending_in_a_state_that_its_refund_does_not_give_is_found(
    gate: Gate, refund: Refund, stripe_server: Stripe, how: str, state: str, problem: str
) -> None:
    stripe_server.next = [how] if how else []
    sending = gate.send(refund)
    Sending.objects.update(state=state)
    assert found() == [(sending.number, problem)]


@pytest.mark.parametrize("status", ["requested", "declined"])
def test_a_refund_that_was_paid_and_does_not_say_so_is_found(gate: Gate, refund: Refund, status: str) -> None:
    sending = gate.send(refund)
    Refund.objects.update(
        status=status, completed_at=None, resolved_at=None if status == "requested" else gate.now
    )
    assert found() == [(sending.number, PAID)]


def _lost(_refund: Refund) -> None:
    Sending.objects.all().delete()


def _lost_and_forgotten(refund: Refund) -> None:
    Sending.objects.all().delete()
    Refund.objects.filter(pk=refund.pk).update(sending="")


@pytest.mark.parametrize("how", ["late", "", "402"], ids=["under way", "paid", "failed"])
@pytest.mark.parametrize("lose", [_lost, _lost_and_forgotten])
def test_a_refund_that_was_sent_and_whose_sending_is_gone_is_found(
    gate: Gate, refund: Refund, stripe_server: Stripe, how: str, lose: Callable[[Refund], None]
) -> None:
    stripe_server.next = [how] if how else []
    gate.send(refund)
    lose(refund)
    assert found() == [(refund.number, UNSENT)]


def test_a_refund_that_was_completed_by_hand_and_says_that_it_was_sent_is_found(
    gate: Gate, refund: Refund
) -> None:
    by_hand(gate, refund)
    Refund.objects.update(sending="GS-1001")
    assert found() == [(refund.number, UNSENT)]


@pytest.mark.parametrize("depth", [Verification.Depth.FULL, Verification.Depth.SUMS])
def test_a_check_of_the_whole_book_says_it_at_either_depth(gate: Gate, refund: Refund, depth: str) -> None:
    sending = gate.send(refund)
    assert list(_documents(depth)) == []
    Sending.objects.update(amount_minor=1)
    assert [(each.subject, each.customer_id) for each in _documents(depth)] == [
        (sending.number, refund.customer_id)
    ]
