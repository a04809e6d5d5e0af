"""Verify finds what was changed behind the program's back, in any record that money hangs on (R8)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection

from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason, ReverseReason
from tillbook.refunds import approvals
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.services import Payee

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def till(staff_actor, admin_actor, now) -> Till:
    """Jo with an overpaid order, an order part-paid with credit, goodwill, and refunds in each state."""
    till = Till(staff_actor, now)
    first, second = till.place(line(1000, quantity=2)), till.place(line(700))
    till.pay(first, 9000)
    till.spend(second, 300)
    till.close(till.open_rma(first, till.back(first, 1, None)))
    credit.give(
        customer_id=till.customer.pk, amount=gbp(500), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, **till.by,
    )  # fmt: skip
    asked = [_ask(till) for _ in range(4)]
    approvals.approve(asked[3].pk, actor=admin_actor, now=now)
    refunds.complete(asked[0].pk, actor=admin_actor, now=now)
    refunds.decline(asked[1].pk, reason="No", actor=admin_actor, now=now)
    return till


def _ask(till: Till) -> Refund:
    return refunds.request(
        customer_id=till.customer.pk, amount=gbp(1000), method=Refund.Method.BANK_TRANSFER,
        payee=Payee(" Jo ", "12 34 56 12345678"), payment_date=date(2026, 3, 2), **till.by,
    )  # fmt: skip


def test_a_busy_shop_agrees(run: Run, till: Till) -> None:
    code, shown, _ = run("verify")
    assert (code, shown.splitlines()[-1].partition(": ")[2]) == (0, "all agree.")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE ledger_balance SET owing_minor = owing_minor + 1", "has a GBP owing"),
        ("UPDATE credit_credit SET refundable = TRUE WHERE source = 'manual'", "is not what was issued"),
        ("UPDATE credit_credit SET issued_minor = issued_minor + 1", "is not what was issued"),
        ("UPDATE credit_credit SET expires_at = '2030-01-01 00:00:00+00:00'", "is not what was issued"),
        ("UPDATE credit_credit SET public_note = 'x'", "is not what was issued"),
        ("UPDATE refunds_refund SET amount_minor = 999", "has a state or amount"),
        ("UPDATE refunds_refund SET bank_account = '99 99 99 99999999'", "is not what was asked for"),
        ("UPDATE refunds_refund SET payee_name = 'Mallory'", "is not what was asked for"),
        (
            (
                "UPDATE refunds_refund SET status = 'completed', resolved_at = requested_at "
                "WHERE status = 'requested'"
            ),
            "has a state or amount",
        ),
        ("UPDATE refunds_refund SET requested_by = 'mallory'", "was asked for by somebody else"),
        ("UPDATE refunds_refund SET requested_by_user_id = 0", "was asked for by somebody else"),
        ("UPDATE refunds_refund SET requested_at = '2020-01-01 00:00:00+00:00'", "was asked for by somebody"),
        ("UPDATE refunds_refund SET resolved_by = 'mallory' WHERE status = 'completed'", "did not end as"),
        ("UPDATE refunds_refund SET decline_reason = 'x' WHERE status = 'declined'", "did not end as its"),
        (
            "UPDATE refunds_refund SET completed_at = '2020-01-01 00:00:00+00:00'",
            "did not end as its history",
        ),
        ("UPDATE refunds_refund SET cheque_number = '7'", "has another cheque number"),
        (
            "UPDATE refunds_refund SET status = 'approved' WHERE status = 'requested'",
            "is in another state",
        ),
        (
            "UPDATE refunds_refund SET status = 'requested' WHERE status = 'approved'",
            "is in another state",
        ),
        ("UPDATE refunds_refund SET payout = 'PO-1' WHERE status = 'requested'", "is in another payout"),
        ("UPDATE refunds_refund SET sending = 'GS-1' WHERE status = 'requested'", "did not go through its"),
        ("UPDATE refunds_refund SET account_mark = 'x'", "is not what was asked for"),
        ("UPDATE refunds_refund SET account_mark = ''", "is not what was asked for"),
        ("UPDATE refunds_refund SET reverse_reason = 'other'", "is not what was asked for"),
        ("UPDATE refunds_refund SET failed_at = requested_at", "did not end as its history says"),
        ("UPDATE refunds_refund SET fail_reason = 'No', decline_reason = ''", "did not end as its history"),
        ("UPDATE refunds_approval SET \"by\" = 'mallory'", "was approved otherwise than its history says"),
        ("UPDATE refunds_approval SET at = '2020-01-01 00:00:00+00:00'", "was approved otherwise than its"),
        ("UPDATE refunds_approval SET content = 'x'", "was approved otherwise than its history says"),
        ("UPDATE refunds_approval SET acknowledged = '[\"new_payee\"]'", "was approved otherwise than its"),
        ("UPDATE refunds_approval SET voided_at = at", "was approved otherwise than its history says"),
        ("DELETE FROM refunds_approval", "was approved otherwise than its history says"),
        (
            (
                'INSERT INTO refunds_approval (refund_id, "by", at, content, acknowledged) '
                "SELECT id, 'mallory', requested_at, 'x', '[]' FROM refunds_refund WHERE status = 'requested'"
            ),
            "was approved otherwise than its history says",
        ),
        ("DELETE FROM refunds_refundsource", "has sources"),
        ("UPDATE orders_order SET received_minor = received_minor + 1", "has received something else"),
        ("UPDATE orders_order SET credit_used_minor = credit_used_minor + 1", "was paid with other credit"),
        ("UPDATE orders_order SET total_minor = total_minor + 1", "has a total"),
        ("UPDATE orders_payment SET amount_minor = amount_minor + 1", "has received something else"),
    ],
)
def test_a_changed_record_is_named(run: Run, till: Till, statement: str, named: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
    code, shown, _ = run("verify")
    assert code == 1
    assert any(named in each and each.startswith("customer jo") for each in shown.splitlines())


@pytest.fixture
def seldom(till: Till, admin_actor: Actor, now: datetime) -> Till:
    """Besides: a credit extended after its expiry, a refund of one credit and a reversal."""
    own = {"customer_id": till.customer.pk, "actor": admin_actor}
    credits = [
        credit.give(
            amount=gbp(500), reason=GiveReason.DEPOSIT, refundable=True, expires_at=ends, key=key, now=now,
            note="é", **own,
        )
        for key, ends in (("soon", now + timedelta(days=1)), ("one", None), ("wrong", None))
    ]  # fmt: skip
    credit.hold(amount=gbp(200), reference="N9", key="kept", now=now, **own)  # of what expires first
    later = now + timedelta(days=3)
    credit.release(hold_key="kept", key="back", now=later, **own)
    refunds.request(
        amount=gbp(100), method=Refund.Method.CASH, payee=Payee("Jo"), payment_date=date(2026, 3, 2),
        credit_id=credits[1].id, key="r1", now=later, **own,
    )  # fmt: skip
    refunds.request_reversal(
        credit_id=credits[2].id, reason=ReverseReason.DUPLICATE, note="Twice", key="r2", now=later, **own
    )
    assert Credit.objects.get(key="soon").expires_at > later
    return till


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE credit_credit SET note = '' WHERE key = 'one'", "is not what was issued"),
        ("UPDATE credit_credit SET source = 'elsewhere' WHERE key = 'one'", "is not what was issued"),
        ("UPDATE credit_credit SET house = 'elsewhere' WHERE key = 'one'", "is not what was issued"),
        (
            "UPDATE credit_credit SET expires_at = '2031-01-01 00:00:00+00:00' WHERE key = 'soon'",
            "is not what was issued",
        ),
        (
            (
                "UPDATE refunds_refundsource SET credit_id = credit_id + 1 "
                "WHERE refund_id IN (SELECT id FROM refunds_refund WHERE method = 'cash')"
            ),
            "is not what was asked for",
        ),
        ("UPDATE refunds_refund SET note = '' WHERE kind = 'reversal'", "is not what was asked for"),
        (
            "UPDATE refunds_refund SET reverse_reason = 'other' WHERE kind = 'reversal'",
            "is not what was asked for",
        ),
        (
            (
                "DELETE FROM refunds_refundsource "
                "WHERE refund_id IN (SELECT id FROM refunds_refund WHERE kind = 'reversal')"
            ),
            "is not what was asked for",
        ),
    ],
)
def test_what_is_seldom_agrees_too_and_is_named_when_changed(
    run: Run, seldom: Till, statement: str, named: str
) -> None:
    assert run("verify")[0] == 0
    with connection.cursor() as cursor:
        cursor.execute(statement)
    code, shown, _ = run("verify")
    assert code == 1
    assert [each for each in shown.splitlines() if named in each and each.startswith("customer jo")]
