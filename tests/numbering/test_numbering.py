"""Series of numbers begin where the shop says: upward only, and none is given twice."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.events.models import Event
from tillbook.numbering.services import HIGHEST, NumberGiven, SeriesClash, keep, next_numbers, start
from tillbook.orders.models import Order
from tillbook.refunds import services as refunds


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    return Till(staff_actor, now)


def given(till: Till, admin: Actor, key: str) -> Any:
    return credit.give(
        customer_id=till.customer.pk, amount=Money(500, "GBP"), reason="deposit", refundable=True,
        expires_at=None, key=key, actor=admin, now=till.now,
    )  # fmt: skip


def asked(till: Till, key: str) -> Any:
    return refunds.request(
        customer_id=till.customer.pk, amount=Money(100, "GBP"), method="cash",
        payee=refunds.Payee("Jo"), payment_date=date(2026, 3, 3), key=key, actor=till.staff, now=till.now,
    )  # fmt: skip


def test_each_series_goes_on_where_it_was_begun(till: Till, admin_actor: Actor, now: datetime) -> None:
    first = next_numbers()
    wanted = {name: 20_001 + place for place, name in enumerate(first)}
    assert all(wanted[name] > digits for name, digits in first.items())
    assert start(wanted, actor=admin_actor, now=now) == wanted == next_numbers()
    assert [given(till, admin_actor, key).number for key in ("g1", "g2")] == ["CR-20001", "CR-20002"]
    assert [asked(till, key).number for key in ("r1", "r2")] == ["RF-20002", "RF-20003"]
    order = till.place(line(1_000))
    payment = till.pay(order, 1_000)
    rma = till.close(till.open_rma(order, till.back(order, 1, 100)))
    assert (rma.number, rma.adjustment_note, payment.number) == ("RMA-20003", "AN-20003", "PAY-20004")
    assert (order.number, next_numbers()["payout"]) == ("SO-20005", 20_006)
    event = Event.objects.get(action="settings.changed")
    assert event.data["section"] == "numbering"
    assert event.data["changed"]["numbering.RF"] == [f"RF-{first['refund']}", "RF-20002"]


def test_numbers_only_count_up(till: Till, admin_actor: Actor, now: datetime) -> None:
    start({"refund": 3_000}, actor=admin_actor, now=now)
    given(till, admin_actor, "g")
    asked(till, "r1")
    for digits in (3_000, 2_999, 1_001):
        with pytest.raises(NumberGiven, match="RF-3001 comes next") as refused:
            start({"refund": digits}, actor=admin_actor, now=now)
        assert refused.value.field == "refund"
    assert (next_numbers()["refund"], Event.objects.filter(action="settings.changed").count()) == (3_001, 1)
    assert start({"refund": 3_001}, actor=admin_actor, now=now)["refund"] == 3_001
    assert Event.objects.filter(action="settings.changed").count() == 1, "nothing was changed"
    assert asked(till, "r2").number == "RF-3001"


@pytest.mark.parametrize("digits", [-1, 0, 1, 1_000, HIGHEST + 1, 10**30])
def test_what_is_no_number_of_a_series_is_refused(digits: int, admin_actor: Actor, now: datetime) -> None:
    before = next_numbers()
    with pytest.raises(InvalidInput, match="from 1001 to 999999999"):
        start({"credit": 5_000, "rma": digits}, actor=admin_actor, now=now)
    assert next_numbers() == before, "all are moved, or none"


def test_the_highest_number_works(till: Till, admin_actor: Actor, now: datetime) -> None:
    start({"credit": HIGHEST}, actor=admin_actor, now=now)
    assert given(till, admin_actor, "g").number == f"CR-{HIGHEST}"


def test_a_series_that_would_come_to_an_order_s_number_is_refused(
    till: Till, admin_actor: Actor, now: datetime
) -> None:
    """As of orders that were numbered so before such numbers were refused."""
    Order.objects.filter(pk=till.place(line(100)).pk).update(number="RF-7000")
    with pytest.raises(SeriesClash, match="RF-7000") as refused:
        start({"refund": 6_000}, actor=admin_actor, now=now)
    assert refused.value.field == "refund"
    assert start({"refund": 7_001}, actor=admin_actor, now=now)["refund"] == 7_001


def test_only_who_manages_settings_begins_a_series(staff_actor: Actor, now: datetime) -> None:
    before = next_numbers()
    with pytest.raises(PermissionDenied):
        start({"refund": 20_001}, actor=staff_actor, now=now)
    with pytest.raises(PermissionDenied):
        start({"nothing": 1}, actor=staff_actor, now=now)
    assert next_numbers() == before


@pytest.mark.django_db
def test_an_unknown_series_is_refused_by_name(admin_actor: Actor, now: datetime) -> None:
    with pytest.raises(InvalidInput, match="invoice"):
        start({"invoice": 20_001}, actor=admin_actor, now=now)


def test_what_a_copied_table_forgot_is_begun_again(till: Till, admin_actor: Actor, now: datetime) -> None:
    start({"refund": 20_001, "credit": 30_001}, actor=admin_actor, now=now)
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name IN ('refunds_refund', 'ledger_account')")
        assert next_numbers()["refund"] < 20_001
    keep()
    given(till, admin_actor, "g")
    asked(till, "r")
    keep()
    assert (next_numbers()["refund"], next_numbers()["credit"]) == (20_002, 30_002)
