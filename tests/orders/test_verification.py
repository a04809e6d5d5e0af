"""What `verify` says of orders, refunds and customers that somebody changed or deleted behind the program's back."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection

from tests.orders.till import Till, gbp, line
from tests.refunds.charged import in_cash
from tillbook.common.actor import Actor
from tillbook.common.weighing import Pair, agreeing
from tillbook.credit import services as credit
from tillbook.credit import verification as credit_verification
from tillbook.credit.models import GiveReason
from tillbook.ledger import sums
from tillbook.ledger.steady import EVERYBODY
from tillbook.orders import verification
from tillbook.refunds import services as refunds
from tillbook.refunds import verification as refund_verification


@pytest.fixture
def till(staff_actor: Actor, now) -> Till:
    return Till(staff_actor, now)


def execute(*statements: str) -> None:
    """Behind the program's back, and past foreign keys where the database lets one."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize("change", ["overpaid_minor = 0", "reversed_minor = 100", "overpaid_minor = 5100"])
def test_an_order_that_would_give_its_overpayment_again_is_found(till: Till, change: str) -> None:
    order = till.place(line(10_000))
    till.pay(order, 15_000)
    execute(f"UPDATE orders_order SET {change}")
    problem = "made other credit of what was too much than its transfers say"
    assert (till.customer.pk, f"order {order.number}", problem) in {*verification.findings()}


@pytest.mark.only_on("postgresql")
def test_the_pass_over_the_transfers_adds_up_what_credit_paid_of_each_order(till: Till) -> None:
    overpaid = till.place(line(1_000))
    till.pay(overpaid, 3_000)
    till.spend(till.place(line(2_000)), 1_500)
    used = verification.CreditUsed()
    sums.check(EVERYBODY, "", used.transfers)
    term, total = used.transfers.term, used.transfers.total
    by_itself = term._replace(where=f"({term.where})")
    assert total
    assert agreeing({"the same": Pair(term, by_itself)}, {term: total}) == {"the same"}
    assert [*used.findings()] == []


def test_an_order_that_was_deleted_is_found(till: Till) -> None:
    kept, gone = till.place(line(1_000)), till.place(line(2_000))
    assert [*verification.lost()] == []
    execute(
        f"DELETE FROM orders_orderline WHERE order_id = {gone.pk}",
        f"DELETE FROM orders_order WHERE id = {gone.pk}",
    )
    assert [each.subject for each in verification.lost()] == [f"order {gone.number}"]
    assert kept.number != gone.number


def test_a_refund_that_was_deleted_is_found(till: Till, admin_actor: Actor) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=gbp(9_000), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    kept, gone = in_cash(till, 1_000), in_cash(till, 2_000)
    refunds.complete(gone.pk, actor=admin_actor, now=till.now)
    assert [*refund_verification.findings()] == []
    execute(
        f"DELETE FROM refunds_refundsource WHERE refund_id = {gone.pk}",
        f"DELETE FROM refunds_refund WHERE id = {gone.pk}",
    )
    found = [(each.subject, each.problem) for each in refund_verification.findings()]
    assert found == [(gone.number, "was asked for and is not there any more")]
    assert kept.payment_date == date(2026, 3, 2)


def test_when_a_credit_was_issued_is_bound_by_its_transfer(till: Till) -> None:
    given = credit.give(
        customer_id=till.customer.pk, amount=gbp(9_000), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    assert [*credit_verification.findings()] == []
    execute("UPDATE credit_credit SET issued_at = '2020-01-01 00:00:00+00:00'")
    assert [each.subject for each in credit_verification.findings()] == [given.number]


def test_a_customer_who_was_deleted_is_found(till: Till) -> None:
    till.pay(till.place(line(1_000)), 1_500)
    assert [*credit_verification.ownerless()] == []
    if connection.vendor == "postgresql":
        execute("UPDATE ledger_balance SET customer_id = customer_id + 1000")
    else:
        execute(
            "PRAGMA defer_foreign_keys = ON", "UPDATE ledger_balance SET customer_id = customer_id + 1000"
        )
    missing = [(each.customer_id, each.problem) for each in credit_verification.ownerless()]
    assert missing == [(till.customer.pk + 1000, "has a book and is not there any more")]
