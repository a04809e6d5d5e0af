"""History: what changed, page by page, each document its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record
from tillbook.orders import services as orders
from tillbook.orders.lines import LineInput
from tillbook.orders.models import Order
from tillbook.refunds import payees
from tillbook.refunds.models import Refund
from tillbook.returns import services as returns


@pytest.fixture
def order(maria: Customer, staff_actor: Actor, now: datetime) -> Order:
    """N100 over 60.00 GBP."""
    return orders.place(
        customer_id=maria.pk, currency="GBP", number="N100", lines=[LineInput("MUG", "Mug", 1, 6000)],
        key="place", actor=staff_actor, now=now,
    )  # fmt: skip


def history_of(client: Client, path: str) -> str:
    return client.get(path).content.decode().split('id="history"')[1]


def test_an_edited_order_says_its_total_before_and_after(
    as_staff: Client, order: Order, staff_actor: Actor, now: datetime
):
    orders.edit(
        order.pk, lines=[LineInput("MUG", "Mug", 1, 1000)], shipping_minor=0, surcharge_minor=0, note="",
        key="edit", actor=staff_actor, now=now,
    )  # fmt: skip
    assert "total: 60.00 GBP → 10.00 GBP" in history_of(as_staff, "/orders/N100/")


def test_changed_details_say_what_they_were_and_are(as_staff: Client, maria: Customer):
    sent = {"kind": "prospect", "first_name": "Mary", "last_name": "Holt", "company": "Holt & Co"}
    as_staff.post("/customers/maria/edit/", sent)
    shown = history_of(as_staff, "/customers/maria/")
    for change in (
        "first name: Maria → Mary",
        "company: none → Holt &amp; Co",
        "email: maria@example.com → none",
        "kind: customer → prospect",
    ):
        assert change in shown
    assert "last name" not in shown


def test_a_changed_account_says_its_limit_as_money_of_the_customer(
    as_staff: Client, staff_actor: Actor, now: datetime
):
    customers.add(username="yuki", currency="JPY", actor=staff_actor, now=now)
    as_staff.post("/customers/yuki/account/", {"credit_limit": "1500", "on_credit_hold": "on"})
    as_staff.post("/customers/yuki/account/", {"credit_limit": "2000"})
    shown = history_of(as_staff, "/customers/yuki/")
    assert "credit limit: none → 1500 JPY" in shown
    assert "credit limit: 1500 JPY → 2000 JPY" in shown
    assert "on credit hold: no → yes" in shown
    assert "on credit hold: yes → no" in shown


def test_what_somebody_typed_stays_as_it_is(as_staff: Client, maria: Customer, staff_actor: Actor, now):
    data = {"charge": "ch_fake_2", "reference": "return", "method": "bank_transfer"}
    told = NewEvent("payment.received", "N100", maria.pk, reason="duplicate", data=data)
    record(told, actor=staff_actor, now=now)
    shown = history_of(as_staff, "/customers/maria/")
    for part in ("Given twice · ", "charge: ch_fake_2", "reference: return", "method: bank transfer"):
        assert part in shown


def test_a_voided_payment_says_what_was_taken_back_as_money(
    as_staff: Client, order: Order, staff_actor: Actor, now: datetime
):
    payment = orders.receive_payment(
        order.pk,
        amount=Money(7000, "GBP"),
        method="card",
        received_at=now,
        key="pay",
        actor=staff_actor,
        now=now,
    )
    orders.void_payment(payment.pk, reason="Bounced", key="void", actor=staff_actor, now=now)
    shown = history_of(as_staff, "/orders/N100/")
    assert "taken back: 10.00 GBP" in shown
    assert "missing: 0.00 GBP" in shown
    assert "minor" not in shown


def tell(customer: Customer, subject: str, actor: Actor, now: datetime, count: int) -> list[Event]:
    for each in range(count):
        told = NewEvent("order.noted", subject, customer.pk, data={"mark": f"mark-{each:03}-"})
        record(told, actor=actor, now=now + timedelta(seconds=each))
    return list(Event.objects.filter(action="order.noted", subject=subject).order_by("id"))


@pytest.mark.parametrize("path", ["/customers/maria/", "/orders/N100/"])
def test_older_events_are_a_page_further(
    as_staff: Client, maria: Customer, order: Order, staff_actor: Actor, now: datetime, path: str
):
    events = tell(maria, "N100", staff_actor, now, 150)
    first = history_of(as_staff, path)
    assert "mark-149-" in first
    assert "mark-050-" in first
    assert "mark-049-" not in first
    older = f"?history_before={events[50].pk}"
    assert f'href="{older}#history"' in first
    second = history_of(as_staff, path + older)
    assert "mark-049-" in second
    assert "mark-000-" in second
    assert "mark-050-" not in second
    assert "Order placed" in second
    assert "Newest" in second
    assert "Older" not in second


@pytest.mark.parametrize("wrong", ["zz", "-1", "9" * 30, "²"])
def test_a_page_of_history_that_does_not_exist_is_the_first(as_staff: Client, order: Order, wrong: str):
    assert "Order placed" in history_of(as_staff, f"/orders/N100/?history_before={wrong}")


def test_credits_refunds_and_rmas_have_older_pages_too(
    as_staff: Client,
    maria: Customer,
    request_refund: Callable[..., Refund],
    staff_actor: Actor,
    now: datetime,
):
    refund = request_refund(1_000)
    rma = returns.open_rma(
        customer_id=maria.pk, currency="GBP", order_id=None, lines=[returns.RmaLineInput(None, "MUG", "", 1, 9)],
        reason="faulty", key="rma", actor=staff_actor, now=now,
    )  # fmt: skip
    pages = {
        refund.number: "/refunds/RF-1001/",
        "CR-1001": "/credits/CR-1001/",
        rma.number: "/rmas/RMA-1001/",
    }
    for subject, path in pages.items():
        tell(maria, subject, staff_actor, now, 120)
        assert "mark-000-" not in history_of(as_staff, path)
        assert "Older" in history_of(as_staff, path)


def test_a_customer_named_like_a_refund_does_not_appear_in_its_history(
    as_staff: Client, request_refund: Callable[..., Refund], staff_actor: Actor, now: datetime
):
    refund = request_refund(1_000)
    namesake = customers.add(username=refund.number, actor=staff_actor, now=now)
    assert "Customer added" not in history_of(as_staff, "/refunds/RF-1001/")
    assert "Refund requested" not in history_of(as_staff, f"/customers/{namesake.username}/")
    assert "/refunds/RF-1001/" not in history_of(as_staff, f"/customers/{namesake.username}/")


def test_another_customer_s_events_under_the_same_number_do_not_appear(
    as_staff: Client, request_refund: Callable[..., Refund], staff_actor: Actor, now: datetime
):
    """As of an order that was numbered like a refund before such numbers were refused."""
    refund = request_refund(1_000)
    other = customers.add(username="mario", actor=staff_actor, now=now)
    tell(other, refund.number, staff_actor, now, 1)
    assert "mark-000-" not in history_of(as_staff, "/refunds/RF-1001/")
    assert "mark-000-" in history_of(as_staff, "/customers/mario/")


@pytest.fixture
def in_berlin(settings: Any) -> None:
    """A shop whose zone is two hours ahead in summer, and whose locale writes the month as a word."""
    shop = settings.TILLBOOK_SHOP
    settings.TILLBOOK_SHOP = replace(shop, locale="de_DE", time_zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.usefixtures("in_berlin")
def test_moments_and_days_are_written_in_the_shop_s_zone_and_locale(
    as_staff: Client, maria: Customer, order: Order, staff_actor: Actor, now: datetime
):
    data = {
        "placed_at": "2026-06-30T22:30:00+00:00",
        "payment_date": "2026-12-01",
        "changed": {"expires_at": ["", "2026-06-30T22:00:00Z"]},
        "reference": "2026-12-02",
        "opened_at": "9999-99-99T99:99:99+00:00",
    }
    record(NewEvent("order.noted", "N100", maria.pk, data=data), actor=staff_actor, now=now)
    shown = history_of(as_staff, "/orders/N100/")
    assert "placed at: 1. Juli 2026, 00:30" in shown
    assert "payment date: 1. Dez. 2026" in shown
    assert "expires at: none → 1. Juli 2026, 00:00" in shown
    assert "reference: 2026-12-02" in shown, "what somebody typed stays as they typed it"
    assert "opened at: 9999-99-99T99:99:99+00:00" in shown, "what is no moment is shown, not hidden"


@pytest.mark.usefixtures("in_berlin")
def test_a_refund_s_changed_payment_date_is_written_as_a_day(
    as_staff: Client, request_refund: Callable[..., Refund], staff_actor: Actor, now: datetime
):
    refund = request_refund(1_000)
    payees.change(
        refund.pk, method=refund.method, payee=payees.Payee("Maria Holt"),
        payment_date=date(2026, 3, 9), note="", actor=staff_actor, now=now,
    )  # fmt: skip
    assert "→ 9. März 2026" in history_of(as_staff, f"/refunds/{refund.number}/")
