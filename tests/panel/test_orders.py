"""The order pages, as a browser without JavaScript sends them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.queries import balance_of, credits_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.models import Order, Payment
from tillbook.orders.queries import by_number, lines_of
from tillbook.orders.services import LineInput
from tillbook.staff.models import User


@pytest.fixture
def staff_client(staff_actor: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=staff_actor.user_id))
    return client


@pytest.fixture
def customer(staff_actor: Actor, now: datetime) -> Customer:
    return customers.add(username="ada", currency="GBP", actor=staff_actor, now=now)


@pytest.fixture
def order(customer: Customer, staff_actor: Actor, now: datetime) -> Order:
    """N100: two lines of 30.00 and 20.00, shipping 5.00."""
    return _placed(customer, "N100", staff_actor, now)


def _placed(customer: Customer, number: str, actor: Actor, now: datetime) -> Order:
    return orders.place(
        customer_id=customer.pk,
        currency="GBP",
        number=number,
        lines=[LineInput("MUG", "Mug", 3, 3000), LineInput("TIN", "Tin", 1, 2000)],
        shipping_minor=500,
        key=f"place-{number}",
        actor=actor,
        now=now,
    )


def _give(customer: Customer, minor: int, actor: Actor, now: datetime) -> Credit:
    return credit.give(
        customer_id=customer.pk,
        amount=Money(minor, "GBP"),
        reason=GiveReason.GOODWILL,
        refundable=False,
        expires_at=None,
        key=f"give-{minor}",
        actor=actor,
        now=now,
    )


def _lines(*rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    data: dict[str, Any] = {"lines-TOTAL_FORMS": len(rows), "lines-INITIAL_FORMS": initial}
    for index, row in enumerate(rows):
        data |= {f"lines-{index}-{name}": value for name, value in row.items()}
    return data


def _said(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def _payment(amount: str, **more: str) -> dict[str, str]:
    return {"key": "k1", "amount": amount, "method": "card", "received_at": "2026-03-02T10:00"} | more


def test_every_order_page_asks_for_a_log_in(order: Order) -> None:
    for path in ("/orders/", "/orders/new/", "/orders/N100/", "/orders/N100/receipt-payment/"):
        response = Client().get(path)
        assert response.status_code == 302
        assert response["Location"].startswith("/login/")


def test_the_list_filters_by_paid_status_and_searches_number_and_username(
    staff_client: Client, order: Order
) -> None:
    assert "N100" in staff_client.get("/orders/").text
    assert "N100" in staff_client.get("/orders/?paid_status=pending").text
    assert "/orders/N100/" not in staff_client.get("/orders/?paid_status=over_paid").text
    assert "/orders/N100/" in staff_client.get("/orders/?q=n10").text
    assert "/orders/N100/" in staff_client.get("/orders/?q=ada").text
    assert "/orders/N100/" not in staff_client.get("/orders/?q=bob").text
    page = staff_client.get("/orders/").text
    for label in ("Paid status", "Pending", "Part paid", "Fully paid", "Over paid"):
        assert label in page


def test_the_heading_of_the_date_turns_the_order_round_page_by_page(
    staff_client: Client, customer: Customer, staff_actor: Actor, now: datetime
) -> None:
    for index in range(60):
        _placed(customer, f"M{index}", staff_actor, now)
    assert 'href="?sort=oldest"' in staff_client.get("/orders/").text
    newest = [order.number for order in staff_client.get("/orders/").context["page"].items]
    assert newest == [f"M{index}" for index in range(59, 9, -1)]
    first = staff_client.get("/orders/?sort=oldest")
    assert [order.number for order in first.context["page"].items] == [f"M{index}" for index in range(50)]
    assert 'name="sort" value="oldest"' in first.text
    following = staff_client.get(f"/orders/?sort=oldest&after={first.context['page'].next_key}")
    assert [order.number for order in following.context["page"].items] == [
        f"M{each}" for each in range(50, 60)
    ]


def test_the_list_takes_as_many_queries_for_many_orders_as_for_one(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    with CaptureQueriesContext(
        connection,
    ) as one:
        staff_client.get("/orders/")
    for index in range(60):
        _placed(customer, f"M{index}", staff_actor, now)
    with CaptureQueriesContext(connection) as many:
        response = staff_client.get("/orders/")
    assert len(many) == len(one)
    assert response.text.count('<th scope="row"') == 50
    following = staff_client.get(f"/orders/?after={response.context['page'].next_key}")
    assert following.text.count('<th scope="row"') == 11


def test_an_order_is_placed_from_its_form_once_however_often_it_is_sent(
    staff_client: Client, customer: Customer
) -> None:
    data = {"key": "k1", "number": "", "shipping": "4.50", "surcharge": "", "note": "Ring twice"} | _lines(
        {"sku": "MUG", "description": "Mug", "quantity": "2", "amount": "19.99"},
        {"sku": "", "description": "", "quantity": "", "amount": ""},
    )
    for _ in range(2):
        response = staff_client.post("/orders/new/?customer=ada", data)
        assert response.status_code == 302, response.text
    placed = Order.objects.get()
    assert response["Location"] == f"/orders/{placed.number}/"
    assert (placed.total_minor, placed.shipping_minor, placed.note) == (2449, 450, "Ring twice")
    assert "£24.49" in staff_client.get(f"/orders/{placed.number}/").text


def test_more_rows_keeps_what_was_typed_and_places_nothing(staff_client: Client, customer: Customer) -> None:
    data = {"key": "k1", "shipping": "x", "more_rows": "1"} | _lines(
        {"sku": "MUG", "description": "", "quantity": "many", "amount": ""}, {"sku": ""}
    )
    response = staff_client.post("/orders/new/?customer=ada", data)
    assert response.status_code == 200
    assert 'value="many"' in response.text
    assert 'name="lines-5-sku"' in response.text
    assert 'name="key" value="k1"' in response.text
    assert "errorlist" not in response.text
    assert not Order.objects.exists()


def test_an_order_without_lines_or_with_wrong_amounts_is_refused_at_the_field(
    staff_client: Client, customer: Customer
) -> None:
    response = staff_client.post("/orders/new/?customer=ada", {"key": "k1"} | _lines({"sku": ""}))
    assert response.status_code == 422
    assert "Enter at least one line." in response.text
    for wrong in ("-1", "1e30", "ten", "1.234"):
        data = {"key": "k1"} | _lines({"sku": "A", "quantity": "1", "amount": wrong})
        response = staff_client.post("/orders/new/?customer=ada", data)
        assert response.status_code == 422
        assert response.context["entry"].lines.errors[0].keys() == {"amount"}
    assert not Order.objects.exists()


@pytest.mark.parametrize("number", ["A/1", "new", ".."])
def test_a_number_that_no_address_could_hold_is_refused(
    staff_client: Client, customer: Customer, number: str
) -> None:
    row = {"sku": "A", "quantity": "1", "amount": "1"}
    response = staff_client.post("/orders/new/?customer=ada", {"key": "k1", "number": number} | _lines(row))
    assert response.status_code == 422
    assert response.context["entry"].form.errors.keys() == {"number"}
    assert not Order.objects.exists()


def test_an_order_of_four_hundred_lines_can_be_edited(
    staff_client: Client, customer: Customer, staff_actor: Actor, now: datetime
) -> None:
    lines = [LineInput(f"SKU{index}", "", 1, 100) for index in range(400)]
    placed = orders.place(
        customer_id=customer.pk,
        currency="GBP",
        number="BIG",
        lines=lines,
        key="p",
        actor=staff_actor,
        now=now,
    )
    rows = [
        {"line_id": line.pk, "sku": line.sku, "description": "", "quantity": "1", "amount": "2"}
        for line in lines_of(placed)
    ]
    response = staff_client.post("/orders/BIG/edit/", {"key": "e"} | _lines(*rows, initial=400))
    assert response.status_code == 302
    assert by_number("BIG").total_minor == 80000


def test_an_edit_from_an_overtaken_page_is_refused_and_says_so(staff_client: Client, order: Order) -> None:
    rows = [
        {"line_id": line.pk, "sku": line.sku, "description": "", "quantity": line.quantity, "amount": "20"}
        for line in lines_of(order)
    ]
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', staff_client.get("/orders/N100/edit/").text)
    assert seen is not None
    mine = {"seen": seen[1]} | _lines(*rows, initial=len(rows))
    assert staff_client.post("/orders/N100/edit/", {"key": "a", "note": "First"} | mine).status_code == 302
    late = staff_client.post("/orders/N100/edit/", {"key": "b", "note": "Second"} | mine)
    assert late.status_code == 422
    assert "was changed meanwhile" in late.text
    assert by_number("N100").note == "First"


def test_an_order_for_nobody_is_not_found(staff_client: Client, db: None) -> None:
    assert staff_client.get("/orders/new/?customer=nobody").status_code == 404
    assert staff_client.get("/orders/NONE/").status_code == 404
    assert "username" in staff_client.get("/orders/new/").text


def test_a_new_order_is_for_whom_parts_of_a_name_find(
    staff_client: Client, customer: Customer, staff_actor: Actor, now: datetime
) -> None:
    for username, name in (("g.hopper", "Grace"), ("g.kelly", "Grace"), ("mary&co", "Mary")):
        customers.add(username=username, first_name=name, currency="GBP", actor=staff_actor, now=now)
    several = staff_client.get("/orders/new/?customer=grace")
    assert several.status_code == 200
    for username in ("g.hopper", "g.kelly"):
        assert f'href="/orders/new/?customer={username}"' in several.text
    assert "Place order" not in several.text
    alone = staff_client.get("/orders/new/?customer=mary")
    assert (alone.status_code, alone["Location"]) == (302, "/orders/new/?customer=mary%26co")
    assert "Place order" in staff_client.get(alone["Location"]).text
    nobody = staff_client.get("/orders/new/?customer=zoe")
    assert (nobody.status_code, "Nobody has that" in nobody.text) == (404, True)
    assert not Order.objects.exists()


def test_the_message_of_a_cancelled_order_says_where_the_money_went(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    _give(customer, 1000, staff_actor, now)
    orders.pay_with_credit(order.pk, amount=Money(1000, "GBP"), key="c", actor=staff_actor, now=now)
    staff_client.post("/orders/N100/receipt-payment/", _payment("20.00"))
    assert "too much" not in staff_client.get("/orders/").text
    said = _said(staff_client.post("/orders/N100/cancel/", {"key": "x", "reason": "Out of stock"}))
    assert said[-1] == (
        "Order N100 is cancelled. 20.00 GBP that was received is credit now. "
        "10.00 GBP went back to the credits that had paid it."
    )


def test_a_payment_above_the_total_becomes_a_credit_at_once(
    staff_client: Client, customer: Customer, order: Order
) -> None:
    assert 'value="55.00"' in staff_client.get("/orders/N100/receipt-payment/").text
    for _ in range(2):
        response = staff_client.post("/orders/N100/receipt-payment/", _payment("60"))
        assert response.status_code == 302
    assert Payment.objects.count() == 1
    assert by_number("N100").paid_status == "over_paid"
    assert balance_of(customer.pk, "GBP").available_minor == 500
    page = staff_client.get("/orders/N100/").text
    assert credits_of(customer.pk)[0].number in page
    assert "Over paid" in page


@pytest.mark.parametrize("amount", ["", "0", "-1", "1e30", "ten", "5.001"])
def test_a_payment_of_no_amount_changes_nothing(staff_client: Client, order: Order, amount: str) -> None:
    response = staff_client.post("/orders/N100/receipt-payment/", _payment(amount))
    assert response.status_code == 422
    assert "amount" in response.context["form"].errors
    assert not Payment.objects.exists()


@pytest.mark.parametrize("moment", ["0001-01-01T00:00", "9999-12-31T23:59", "soon", "2026-13-01T00:00"])
def test_a_moment_that_cannot_be_is_refused_at_its_field(
    staff_client: Client, order: Order, moment: str
) -> None:
    response = staff_client.post("/orders/N100/receipt-payment/", _payment("10", received_at=moment))
    assert response.status_code == 422
    assert "received_at" in response.context["form"].errors
    assert not Payment.objects.exists()


def test_the_same_key_for_another_payment_is_refused(staff_client: Client, order: Order) -> None:
    staff_client.post("/orders/N100/receipt-payment/", _payment("10"))
    response = staff_client.post("/orders/N100/receipt-payment/", _payment("11"))
    assert response.status_code == 422
    assert "was already sent, with other values" in response.text
    assert by_number("N100").received_minor == 1000


def test_credit_pays_in_its_own_order_or_as_chosen(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    first, second = (_give(customer, minor, staff_actor, now) for minor in (1000, 2000))
    page = staff_client.get("/orders/N100/pay-with-credit/").text
    assert 'value="30.00"' in page
    chosen = {"key": "k1", "way": "chosen", "amount": "30.00", f"credit_{second.id}": "15.00"}
    for _ in range(2):
        assert staff_client.post("/orders/N100/pay-with-credit/", chosen).status_code == 302
    left = {one.id: one.account.available_minor for one in credits_of(customer.pk)}
    assert left == {first.id: 1000, second.id: 500}
    automatic = {"key": "k2", "way": "automatic", "amount": "12"}
    assert staff_client.post("/orders/N100/pay-with-credit/", automatic).status_code == 302
    left = {one.id: one.account.available_minor for one in credits_of(customer.pk)}
    assert left == {first.id: 0, second.id: 300}
    paid = staff_client.get("/orders/N100/").context["credit_paid"]
    assert {part.credit.id: part.amount_minor for part in paid} == {first.id: 1000, second.id: 1700}


def test_a_second_click_is_answered_though_it_used_the_credit_up(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    only = _give(customer, 1000, staff_actor, now)
    chosen = {"key": "k1", "way": "chosen", f"credit_{only.id}": "10"}
    for _ in range(2):
        assert staff_client.post("/orders/N100/pay-with-credit/", chosen).status_code == 302
    assert by_number("N100").credit_used_minor == 1000


def test_more_credit_than_there_is_or_than_is_owing_is_refused_with_a_message(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    _give(customer, 1000, staff_actor, now)
    for amount in ("10.01", "55.01", "", "0", "-1"):
        data = {"key": "k1", "way": "automatic", "amount": amount}
        response = staff_client.post("/orders/N100/pay-with-credit/", data)
        assert response.status_code == 422
        assert response.context["form"].errors
    nothing_chosen = staff_client.post("/orders/N100/pay-with-credit/", {"key": "k1", "way": "chosen"})
    assert nothing_chosen.status_code == 422
    assert balance_of(customer.pk, "GBP").available_minor == 1000


def test_an_edit_below_what_was_paid_makes_credit_and_says_so(
    staff_client: Client, customer: Customer, order: Order
) -> None:
    staff_client.post("/orders/N100/receipt-payment/", _payment("55"))
    mug, tin = lines_of(by_number("N100"))
    page = staff_client.get("/orders/N100/edit/").text
    assert f'value="{mug.pk}"' in page
    data = {"key": "e1", "shipping": "5", "surcharge": "", "note": ""} | _lines(
        {"line_id": mug.pk, "sku": "MUG", "description": "Mug", "quantity": "3", "amount": "30.00"},
        {
            "line_id": tin.pk,
            "sku": "TIN",
            "description": "Tin",
            "quantity": "1",
            "amount": "20",
            "DELETE": "on",
        },
        initial=2,
    )
    response = staff_client.post("/orders/N100/edit/", data)
    assert response.status_code == 302, response.text
    assert _said(response)[-1].endswith("20.00 GBP was more than the total and is now credit.")
    assert by_number("N100").total_minor == 3500
    assert balance_of(customer.pk, "GBP").available_minor == 2000


def test_cancelling_gives_credit_back_and_needs_a_reason(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    _give(customer, 1000, staff_actor, now)
    staff_client.post("/orders/N100/pay-with-credit/", {"key": "k1", "way": "automatic", "amount": "10"})
    assert staff_client.post("/orders/N100/cancel/", {"key": "c1", "reason": " "}).status_code == 422
    assert by_number("N100").status == "open"
    assert staff_client.post("/orders/N100/cancel/", {"key": "c1", "reason": "Lost"}).status_code == 302
    assert by_number("N100").status == "cancelled"
    assert balance_of(customer.pk, "GBP").available_minor == 1000
    page = staff_client.get("/orders/N100/").text
    assert "Cancelled" in page
    assert "RMA or Credit" not in page


def test_voiding_a_payment_says_what_was_taken_back_and_what_is_missing(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    staff_client.post("/orders/N100/receipt-payment/", _payment("65"))
    other = _placed(customer, "N200", staff_actor, now)
    staff_client.post(
        f"/orders/{other.number}/pay-with-credit/", {"key": "p", "way": "automatic", "amount": "4"}
    )
    payment = Payment.objects.get()
    assert f"/payments/{payment.pk}/void/" in staff_client.get("/orders/N100/").text
    response = staff_client.post(f"/payments/{payment.pk}/void/", {"key": "v", "reason": "Charged back"})
    assert response.status_code == 302
    said = " ".join(_said(response))
    assert "The payment of 65.00 GBP is voided." in said
    assert "6.00 GBP of the credit it had made was taken back." in said
    assert "4.00 GBP of that credit is already used" in said
    assert "Voided" in staff_client.get("/orders/N100/").text
    assert staff_client.get("/payments/999/void/").status_code == 404


@pytest.mark.parametrize(
    ("received_at", "message"),
    [
        ("yesterday", "Enter a date and time, like 2026-12-31 14:30."),
        ("", "Enter when the payment was received."),
    ],
)
def test_a_payment_without_a_moment_that_can_be_read_is_refused(
    staff_client: Client, order: Order, received_at: str, message: str
) -> None:
    sent = {"key": "p1", "amount": "10", "method": "card", "received_at": received_at}
    response = staff_client.post("/orders/N100/receipt-payment/", sent)
    assert response.status_code == 422
    assert message in response.text
    assert Payment.objects.count() == 0


def test_a_credit_to_pay_with_shows_its_last_day(
    staff_client: Client, customer: Customer, order: Order, staff_actor: Actor, now: datetime
) -> None:
    credit.give(
        customer_id=customer.pk, amount=Money(500, "GBP"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=datetime(2998, 12, 11, tzinfo=UTC), key="give", actor=staff_actor, now=now,
    )  # fmt: skip
    shown = staff_client.get("/orders/N100/pay-with-credit/").text
    assert "10 Dec 2998" in shown
    assert "11 Dec 2998" not in shown
