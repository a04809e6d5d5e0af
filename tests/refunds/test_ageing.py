"""Unclaimed money as of any moment: what was out, at the bank or unpaid then, and the same whenever asked."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.plans import plan_by
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.basis import View, basis_at, day_end
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.refunds import in_payout, payees
from tillbook.refunds import services as refunds
from tillbook.refunds.ageing import as_of, stale_out
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.receipt import receive
from tillbook.refunds.unclaimed import cancel

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
BANK = "20-00-00 55779911"


@pytest.fixture
def seen(now):
    """What was unclaimed `days` later, as it is known `known` days later: (number, state, method, days)."""

    def look(days, *, known=300, view=View.EFFECTIVE, currency=None):
        basis = basis_at(
            day_end((now + days * DAY).date()), view=view, recorded_by=now + known * DAY, now=now + 400 * DAY
        )
        found = as_of(basis, currency=currency)
        return [(each.refund.number, each.state.value, each.method, each.days) for each in found]

    return look


@pytest.fixture
def at(admin_actor, now):
    def by(days):
        return {"actor": admin_actor, "now": now + days * DAY}

    return by


def test_a_refund_waits_then_is_out_then_received(ask, at, seen, now):
    refund = ask()
    refunds.complete(refund.pk, **at(10))
    receive(refund.pk, received_on=(now + 20 * DAY).date(), **at(25))
    number = refund.number
    assert seen(-1) == []
    assert seen(5) == [(number, "waiting", "cash", 5)]
    assert seen(10) == [(number, "out", "cash", 0)]
    assert seen(19) == [(number, "out", "cash", 9)]
    assert seen(20) == []


def test_what_is_told_late_counts_by_the_view_that_asks(ask, at, seen, now):
    refund = ask()
    refunds.complete(refund.pk, **at(1))
    receive(refund.pk, received_on=(now + 20 * DAY).date(), **at(25))
    out = [(refund.number, "out", "cash", 21)]
    assert seen(22) == []  # it was received by then, and we know it now
    assert seen(22, known=23) == out  # nobody knew it yet
    assert seen(22, view=View.RECORDED) == out
    assert seen(25, view=View.RECORDED) == []


def test_what_was_cancelled_declined_or_failed_was_there_before(ask, at, seen):
    paid, unpaid, declined, failed = (ask(1_000 + each, str(each)) for each in range(4))
    refunds.complete(paid.pk, **at(1))
    refunds.decline(declined.pk, reason="No", **at(5))
    refunds.fail(failed.pk, reason="Closed", **at(6))
    for each in paid, unpaid:
        cancel(each.pk, **at(100))
    states = {
        each.number: state for each, state in zip((paid, unpaid, declined, failed), "owww", strict=True)
    }
    assert {number: state[0] for number, state, _, _ in seen(4)} == states
    assert [row[0] for row in seen(5)] == [unpaid.number, failed.number, paid.number]
    assert [row[0] for row in seen(99)] == [unpaid.number, paid.number]
    assert seen(100) == []


def test_in_a_payout_it_waits_for_the_bank(ask, at, seen):
    refund = ask(account=BANK)
    number = refund.number
    in_payout.enter_payout([refund], "PO-1001", **at(2))
    in_payout.leave_payout([refund], **at(4))
    in_payout.enter_payout([refund], "PO-1002", **at(6))
    refunds.complete(refund.pk, **at(8))
    states = {day: [row[1] for row in seen(day)] for day in (1, 2, 4, 6, 8)}
    assert states == {1: ["waiting"], 2: ["at_bank"], 4: ["waiting"], 6: ["at_bank"], 8: []}
    assert seen(6) == [(number, "at_bank", "bank_transfer", 6)]


def test_a_transfer_that_was_made_is_never_out(ask, at, seen):
    refunds.complete(ask(account=BANK).pk, **at(1))
    assert [row[1] for row in seen(0)] == ["waiting"]
    assert seen(1) == []


def test_the_method_is_the_one_of_that_day(ask, at, seen, staff_actor, now):
    refund = ask()
    for days, method in ((3, "cheque"), (6, "cash")):
        payees.change(
            refund.pk, method=method, payee=Payee("Jo", postal_address="1 Mill Lane"),
            payment_date=date(2026, 1, 2), note="", actor=staff_actor, now=now + days * DAY,
        )  # fmt: skip
    assert [seen(day)[0][2] for day in (2, 3, 5, 6)] == ["cash", "cheque", "cheque", "cash"]


def test_currencies_stand_apart(ask, at, seen, credit, admin_actor, staff_actor, now):
    pounds = ask()
    customer = Customer.objects.create(username="yo", currency="JPY", created_at=now)
    credits.give(
        customer_id=customer.pk, amount=Money(500, "JPY"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=admin_actor, now=now,
    )  # fmt: skip
    yen = refunds.request(
        customer_id=customer.pk, amount=Money(500, "JPY"), method="cash", payee=Payee("Yo"),
        payment_date=date(2026, 1, 2), key="y", actor=staff_actor, now=now,
    )  # fmt: skip
    assert [row[0] for row in seen(1)] == [pounds.number, yen.number]
    assert [row[0] for row in seen(1, currency="JPY")] == [yen.number]
    assert seen(1, currency="EUR") == []


def test_a_bank_that_was_slow_to_be_told_does_not_make_it_out_before_it_was_paid(ask, at, seen, now):
    """Its hold stood in the book until then, and so it does in the liability."""
    refund = ask()
    refunds.complete(refund.pk, received_on=(now + 2 * DAY).date(), **at(9))
    assert seen(5) == [(refund.number, "waiting", "cash", 5)]
    assert seen(9) == []
    assert Refund.objects.get().received_at == now + 9 * DAY


def test_home_finds_what_is_stale_by_an_index_of_what_is_out(ask, now):
    """Among a million refunds that arrived: SQLite takes a partial index only if no bound value must prove it."""
    statement = stale_out(now).query.sql_with_params()
    assert "refund_out" in plan_by("refund_out", "refunds_refund", *statement)
