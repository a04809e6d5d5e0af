"""The way of the money on the pages of credits, refunds and orders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.panel.test_customers import text, words_of
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.lines import LineInput
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund


def way(client: Client, path: str) -> str:
    return words_of(text(client, path).split('id="way"')[1].split("</section>")[0])


def place(customer: Customer, number: str, minor: int, actor: Actor, now: datetime) -> None:
    orders.place(
        customer_id=customer.pk, currency="GBP", number=number, lines=[LineInput("MUG", "Mug", 1, minor)],
        key=f"place-{number}", actor=actor, now=now,
    )  # fmt: skip


def pay(number: str, minor: int, actor: Actor, now: datetime) -> None:
    order = orders.Order.objects.get(number=number)
    orders.receive_payment(
        order.pk, amount=Money(minor, "GBP"), method="card", received_at=now, key=f"pay-{number}-{minor}",
        actor=actor, now=now,
    )  # fmt: skip


def spend(customer: Customer, number: str, minor: int, actor: Actor, now: datetime) -> None:
    order = orders.Order.objects.get(number=number)
    orders.pay_with_credit(order.pk, amount=Money(minor, "GBP"), key=f"spend-{number}", actor=actor, now=now)


def test_a_credit_says_where_each_cent_of_it_is(
    as_staff: Client,
    maria: Customer,
    deposit: Credit,
    request_refund: Callable[..., Refund],
    admin_actor: Actor,
    staff_actor: Actor,
    now: datetime,
):
    place(maria, "N100", 4_000, staff_actor, now)
    spend(maria, "N100", 1_500, staff_actor, now)
    waiting, declined = request_refund(2_000), request_refund(1_000, key="second")
    refunds.decline(declined.pk, reason="No", actor=admin_actor, now=now)
    shown = way(as_staff, f"/credits/{deposit.number}/")
    day = "2 Mar 2026"
    assert shown.endswith(
        f"Given by hand by admin Deposit or money received without an order {day} admin £120.00 "
        f"Paid N100 {day} staff £15.00 "
        f"Refund {waiting.number} Requested to Maria Holt by cash {day} staff £20.00 "
        f"Refund {declined.number} Declined to Maria Holt by cash £10.00 went, £10.00 came back "
        f"{day} staff £0.00 Available now £85.00 Together £120.00"
    )


def test_a_book_that_does_not_add_up_is_said_so(as_staff: Client, deposit: Credit):
    assert "adds up to" not in way(as_staff, f"/credits/{deposit.number}/")
    deposit.account.__class__.objects.filter(id=deposit.id).update(posted_minor=12_001)
    shown = way(as_staff, f"/credits/{deposit.number}/")
    assert "This adds up to £120.01, but £120.00 was issued." in shown


def test_a_refund_says_which_payments_are_behind_it(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    place(maria, "N100", 4_000, staff_actor, now)
    pay("N100", 3_500, staff_actor, now)
    pay("N100", 2_500, staff_actor, now + timedelta(hours=1))
    overpaid = Credit.objects.get(source="overpayment")
    asked = refunds.request(
        customer_id=maria.pk, amount=Money(14_000, "GBP"), method=Refund.Method.CASH,
        payee=refunds.Payee("Maria"), payment_date=now.date(), key="ask", actor=staff_actor, now=now,
    )  # fmt: skip
    shown = way(as_staff, f"/refunds/{asked.number}/")
    assert f"{deposit.number} Given by hand by admin" in shown
    assert (
        f"{overpaid.number} Overpayment of order N100 £20.00 of PAY-1002: £25.00, Card, 2 Mar 2026 "
        "2 Mar 2026 £20.00 £20.00 Together £140.00"
    ) in shown


def test_an_order_says_what_paid_it_and_what_came_back(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    place(maria, "N100", 4_000, staff_actor, now)
    spend(maria, "N100", 1_500, staff_actor, now)
    order = orders.Order.objects.get(number="N100")
    assert way(as_staff, "/orders/N100/").endswith(
        f"{deposit.number} Given by hand by admin Deposit or money received without an order £15.00"
    )
    orders.cancel(order.pk, reason="No stock", key="cancel", actor=staff_actor, now=now)
    assert way(as_staff, "/orders/N100/").endswith("£0.00 £15.00 came back")


def test_the_page_of_a_credit_takes_no_more_queries_for_more_goals(
    as_staff: Client, maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
):
    def queries() -> int:
        with CaptureQueriesContext(connection) as made:
            as_staff.get(f"/credits/{deposit.number}/")
        return len(made)

    place(maria, "N0", 100, staff_actor, now)
    spend(maria, "N0", 100, staff_actor, now)
    queries()
    few = queries()
    for number in range(1, 9):
        place(maria, f"N{number}", 100, staff_actor, now)
        spend(maria, f"N{number}", 100, staff_actor, now)
        credit.spend(
            customer_id=maria.pk, amount=Money(10, "GBP"), reference=f"W-{number}", key=f"w{number}",
            actor=staff_actor, now=now,
        )  # fmt: skip
    assert queries() == few


def test_very_many_goals_are_one_line_and_the_page_still_adds_up(
    as_staff: Client,
    maria: Customer,
    deposit: Credit,
    staff_actor: Actor,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("tillbook.panel.ways._MOST", 2)
    monkeypatch.setattr("tillbook.panel.credit_views._NEWEST", 3)
    for number in range(5):
        credit.spend(
            customer_id=maria.pk, amount=Money(100, "GBP"), reference=f"W-{number}", key=f"w{number}",
            actor=staff_actor, now=now,
        )  # fmt: skip
    path = f"/credits/{deposit.number}/"
    assert way(as_staff, path).endswith(
        "£120.00 3 earlier ones together 2 Mar 2026 £3.00 Paid W-3 2 Mar 2026 staff £1.00 "
        "Paid W-4 2 Mar 2026 staff £1.00 Available now £115.00 Together £120.00"
    )
    assert "3 earlier transfers are left out." in text(as_staff, path)
