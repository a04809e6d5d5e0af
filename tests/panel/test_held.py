"""What credit is held for stands where the figure does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.test import Client

from tests.panel.test_customers import text, words_of
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.orders import checkout
from tillbook.orders import services as orders


def test_of_many_documents_the_latest_are_named(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    for place in range(6):
        checkout.hold(
            customer_id=maria.pk, amount=Money(100, "GBP"), reference=f"WEB-{place}", key=f"{place}",
            actor=staff_actor, now=now + timedelta(minutes=place),
        )  # fmt: skip
    held = words_of(text(as_staff, "/customers/maria/").partition("Held for")[2].partition("</p>")[0])
    assert "WEB-5" in held and "WEB-0" not in held and held.endswith("and others")


def test_the_account_says_what_its_credit_is_held_for(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime, request_refund
):
    assert "Held for" not in text(as_staff, "/customers/maria/")
    refund = request_refund(5_000)
    for reference, minor in (("WEB-7", 1_000), ("WEB-8", 2_000), ("WEB-8", 500)):
        checkout.hold(
            customer_id=maria.pk, amount=Money(minor, "GBP"), reference=reference, key=f"{minor}",
            actor=staff_actor, now=now + timedelta(minutes=minor),
        )  # fmt: skip
    checkout.release(customer_id=maria.pk, hold_key="500", key="r", actor=staff_actor, now=now)
    page = text(as_staff, "/customers/maria/")
    held = words_of(page.partition("Held for")[2].partition("</p>")[0])
    assert held.replace(" )", ")").replace("( ", "(").replace(" ,", ",") == (
        f"WEB-8 (£20.00), WEB-7 (£10.00), {refund.number} (£50.00)"
    )
    assert f'<a href="/refunds/{refund.number}/">{refund.number}</a> (' in page
    history = page.split('id="history"')[1]
    assert "<strong>Credit held</strong> WEB-7" in history


def test_what_is_named_like_an_order_leads_to_that_customer_s_order_only(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    by: dict[str, Any] = {"actor": staff_actor, "now": now}
    other = customers.add(username="kim", currency="GBP", **by)
    for number in ("WEB-1", "WEB-2"):
        checkout.hold(
            customer_id=maria.pk, amount=Money(1_000, "GBP"), reference=number, key=number, **by
        )  # fmt: skip
    for customer, number in ((maria, "WEB-1"), (other, "WEB-2")):
        orders.place(
            customer_id=customer.pk, currency="GBP", lines=[orders.LineInput("CUP", "A cup", 1, 2_000)],
            number=number, key="o", **by,
        )  # fmt: skip
    page = text(as_staff, "/customers/maria/")
    held = page.partition("Held for")[2].partition("</p>")[0]
    assert '<a href="/orders/WEB-1/">WEB-1</a>' in held
    assert "WEB-2 (" in words_of(held)
    assert "/orders/WEB-2/" not in page
