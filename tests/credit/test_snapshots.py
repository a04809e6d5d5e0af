"""What was owed at month-ends, as the daily round counts it, beside the report that derives the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.common.errors import PermissionDenied
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit import snapshots
from tillbook.credit.basis import View, basis_at
from tillbook.credit.models import GiveReason, Snapshot
from tillbook.credit.reporting import liability

NOW = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
FEBRUARY_ENDS = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def till(staff_actor: Actor) -> Till:
    return Till(staff_actor, datetime(2026, 1, 10, tzinfo=UTC))


def give(till: Till, minor: int, at: datetime) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=Money(minor, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key=f"gift-{at}-{minor}", actor=till.staff, now=at,
    )  # fmt: skip


def counted() -> dict[datetime, dict[str, dict[str, int]]]:
    return {each.at: each.owed for each in snapshots.history(NOW)}


def test_month_ends_and_now_are_counted_by_source(till: Till, system_actor: Actor) -> None:
    give(till, 5_000, till.now)
    order = till.place(line(1_000))
    till.pay(order, 1_700)  # 7.00 too much
    spent = till.place(line(2_000))
    till.spend(spent, 2_000, now=FEBRUARY_ENDS - timedelta(seconds=1))
    give(till, 300, FEBRUARY_ENDS)  # March already
    snapshots.count_owed(actor=system_actor, now=NOW)
    found = counted()
    assert list(found) == [*snapshots.month_ends(NOW), NOW]
    assert found[datetime(2026, 1, 1, tzinfo=UTC)] == {}
    assert sum(found[datetime(2026, 2, 1, tzinfo=UTC)]["GBP"].values()) == 5_700
    assert sum(found[FEBRUARY_ENDS]["GBP"].values()) == 3_700
    assert sum(found[NOW]["GBP"].values()) == 4_000


def test_a_month_end_says_what_the_report_as_the_book_said_does(
    till: Till, admin_actor: Actor, system_actor: Actor
) -> None:
    order = till.place(line(1_000))
    till.pay(order, 1_700)
    give(till, 5_000, till.now)
    snapshots.count_owed(actor=system_actor, now=NOW)
    basis = basis_at(FEBRUARY_ENDS, view=View.RECORDED, recorded_by=None, now=NOW)
    owed = {row.source: row.posted for row in liability(basis, actor=admin_actor)}
    assert owed == {"overpayment": 700, "manual": 5_000}
    assert counted()[FEBRUARY_ENDS] == {"GBP": owed}


def test_an_open_month_end_is_counted_again_and_a_settled_one_never(till: Till, system_actor: Actor) -> None:
    first_round = FEBRUARY_ENDS + timedelta(hours=3)
    snapshots.count_owed(actor=system_actor, now=first_round)
    give(till, 100, FEBRUARY_ENDS - timedelta(minutes=1))  # what began before midnight and commits late
    snapshots.count_owed(actor=system_actor, now=FEBRUARY_ENDS + timedelta(days=7))
    assert counted()[FEBRUARY_ENDS] == {"GBP": {"manual": 100}}
    give(till, 200, FEBRUARY_ENDS - timedelta(minutes=1))
    snapshots.count_owed(actor=system_actor, now=NOW)
    assert counted()[FEBRUARY_ENDS] == {"GBP": {"manual": 100}}
    assert counted()[NOW] == {"GBP": {"manual": 300}}


def test_the_next_month_goes_on_from_the_last_settled_one(till: Till, system_actor: Actor) -> None:
    give(till, 5_000, till.now)
    snapshots.count_owed(actor=system_actor, now=NOW)
    give(till, 700, NOW + timedelta(days=1))
    april = datetime(2026, 4, 2, tzinfo=UTC)
    snapshots.count_owed(actor=system_actor, now=april)
    ends = snapshots.month_ends(april)
    owed = {each.at: each.owed for each in snapshots.history(april)}
    assert owed[ends[-2]] == {"GBP": {"manual": 5_000}}
    assert owed[ends[-1]] == owed[april] == {"GBP": {"manual": 5_700}}
    assert Snapshot.objects.count() == snapshots.MONTHS + 1  # the round before it is gone


def test_only_the_system_counts(staff_actor: Actor, admin_actor: Actor) -> None:
    for actor in (staff_actor, admin_actor):
        with pytest.raises(PermissionDenied):
            snapshots.count_owed(actor=actor, now=NOW)
    assert not Snapshot.objects.exists()
