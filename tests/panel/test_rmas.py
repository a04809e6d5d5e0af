"""RMA or Credit, the RMAs and what becomes of them, as a browser without JavaScript sends it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.orders import till as small_shop
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.queries import balance_of, credits_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.orders import services as orders
from tillbook.orders.models import Order
from tillbook.orders.queries import by_number, lines_of
from tillbook.orders.services import LineInput
from tillbook.returns.models import Rma
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
    """N100, paid in full: three mugs for 10.00, a tin for 20.00, shipping 5.00."""
    placed = orders.place(
        customer_id=customer.pk,
        currency="GBP",
        number="N100",
        lines=[LineInput("MUG", "Mug", 3, 1000), LineInput("TIN", "Tin", 1, 2000)],
        shipping_minor=500,
        key="place",
        actor=staff_actor,
        now=now,
    )
    orders.receive_payment(
        placed.pk,
        amount=Money(3500, "GBP"),
        method="card",
        received_at=now,
        key="pay",
        actor=staff_actor,
        now=now,
    )
    return placed


def _return(order: Order, *rows: tuple[str, str], key: str = "r1", **more: str) -> dict[str, Any]:
    data = {"key": key, "reason": "faulty"} | more
    for line, (quantity, amount) in zip(lines_of(order), rows, strict=False):
        data |= {f"quantity_{line.pk}": quantity, f"amount_{line.pk}": amount}
    return data


def _opened(client: Client, order: Order, *rows: tuple[str, str], **more: str) -> Rma:
    response = client.post("/orders/N100/rma/", _return(order, *rows, **more))
    assert response.status_code == 302, response.text
    return Rma.objects.latest("id")


def test_an_amount_left_empty_is_the_pieces_share_and_all_pieces_give_the_whole_line(
    staff_client: Client, order: Order
) -> None:
    totals = [_opened(staff_client, order, ("1", ""), key=f"r{index}").total_minor for index in range(3)]
    assert sum(totals) == 1000
    assert sorted(totals) == [333, 333, 334]
    fourth = staff_client.post("/orders/N100/rma/", _return(order, ("1", ""), key="r4"))
    assert fourth.status_code == 422
    assert Rma.objects.count() == 3


def test_an_rma_sent_twice_is_opened_once(staff_client: Client, order: Order) -> None:
    for _ in range(2):
        assert _opened(staff_client, order, ("3", ""), ("1", "")).total_minor == 3000
    assert Rma.objects.count() == 1


def test_a_return_waits_for_its_outcome_and_closing_issues_the_credit_once(
    staff_client: Client, customer: Customer, order: Order
) -> None:
    rma = _opened(staff_client, order, ("1", "3.00"), ("", ""), shipping="5.00", note="Handle off")
    assert rma.total_minor == 800
    page = staff_client.get(f"/rmas/{rma.number}/").text
    for label in ("Awaiting outcome", "Close RMA &amp; Issue Credits", "Handle off", "Shipping given back"):
        assert label in page
    assert not credits_of(customer.pk)
    for _ in range(2):
        assert staff_client.post(f"/rmas/{rma.number}/close/", {"key": "c1"}).status_code == 302
    assert balance_of(customer.pk, "GBP").available_minor == 800
    rma.refresh_from_db()
    page = staff_client.get(f"/rmas/{rma.number}/").text
    assert rma.adjustment_note is not None
    assert rma.adjustment_note in page
    assert credits_of(customer.pk)[0].number in page
    assert "Credit issued" in page
    assert "Close RMA &amp; Issue Credits" not in page
    assert rma.number in staff_client.get("/orders/N100/").text


def test_money_without_goods_and_shipping_alone_come_back_without_tricks(
    staff_client: Client, order: Order
) -> None:
    money_only = _opened(staff_client, order, ("", "2.00"), key="a")
    assert (money_only.total_minor, money_only.lines.get().quantity) == (200, 0)
    shipping_only = _opened(staff_client, order, key="b", shipping="5", reason="shipping_only")
    assert (shipping_only.total_minor, shipping_only.lines.count()) == (500, 0)


@pytest.mark.parametrize(
    ("row", "more"),
    [
        (("", ""), {}),
        (("4", ""), {}),
        (("-1", ""), {}),
        (("x", ""), {}),
        (("1", "-1"), {}),
        (("1", "10.01"), {}),
        (("1", "1e30"), {}),
        (("1", ""), {"shipping": "5.01"}),
        (("1", ""), {"surcharge": "1"}),
        (("1", ""), {"reason": ""}),
        (("1", ""), {"key": ""}),
    ],
)
def test_a_return_of_nothing_or_too_much_is_refused_and_changes_nothing(
    staff_client: Client, order: Order, row: tuple[str, str], more: dict[str, str]
) -> None:
    response = staff_client.post("/orders/N100/rma/", _return(order, row) | more)
    assert response.status_code == 422
    assert response.context["form"].errors
    assert not Rma.objects.exists()
    assert by_number("N100").returned_minor == 0


def test_an_rma_closed_without_credit_issues_none(
    staff_client: Client, customer: Customer, order: Order
) -> None:
    rma = _opened(staff_client, order, ("1", ""))
    address = f"/rmas/{rma.number}/close-without-credit/"
    assert "No credit is issued" in staff_client.get(address).text
    assert staff_client.post(address, {"note": "Repaired"}).status_code == 302
    page = staff_client.get(f"/rmas/{rma.number}/").text
    assert "Closed without credit" in page
    assert not credits_of(customer.pk)
    late = staff_client.post(f"/rmas/{rma.number}/close/", {"key": "c1"}, follow=True)
    assert "notice error" in late.text
    assert not credits_of(customer.pk)


def test_a_cancelled_rma_frees_what_it_claimed(staff_client: Client, order: Order) -> None:
    rma = _opened(staff_client, order, ("3", ""))
    assert staff_client.post(f"/rmas/{rma.number}/cancel/", {"key": "x", "reason": " "}).status_code == 422
    done = staff_client.post(f"/rmas/{rma.number}/cancel/", {"key": "x", "reason": "Kept it"})
    assert done.status_code == 302
    assert "Cancelled" in staff_client.get(f"/rmas/{rma.number}/").text
    assert _opened(staff_client, order, ("3", ""), key="again").total_minor == 1000


def test_closing_needs_its_key(staff_client: Client, customer: Customer, order: Order) -> None:
    rma = _opened(staff_client, order, ("1", ""))
    assert staff_client.get(f"/rmas/{rma.number}/close/").headers["Location"] == f"/rmas/{rma.number}/"
    keyless = staff_client.post(f"/rmas/{rma.number}/close/", follow=True)
    assert "without its key" in keyless.text
    assert not credits_of(customer.pk)


def test_the_list_filters_by_status_in_as_many_queries_for_many_as_for_one(
    staff_client: Client, order: Order
) -> None:
    rma = _opened(staff_client, order, ("", "0.01"), key="first")
    with CaptureQueriesContext(connection) as one:
        assert rma.number in staff_client.get("/rmas/").text
    for index in range(10):
        _opened(staff_client, order, ("", "0.01"), key=f"more{index}")
    with CaptureQueriesContext(connection) as many:
        assert staff_client.get("/rmas/").text.count('<th scope="row"') == 11
    assert len(many) == len(one)
    assert rma.number in staff_client.get("/rmas/?status=open").text
    assert rma.number not in staff_client.get("/rmas/?status=closed").text


def test_pages_of_rmas_ask_for_a_log_in_and_unknown_ones_are_not_found(
    staff_client: Client, db: None
) -> None:
    assert Client().get("/rmas/").status_code == 302
    assert Client().post("/rmas/RMA-1001/close/").status_code == 302
    assert staff_client.get("/rmas/RMA-9999/").status_code == 404
    assert staff_client.get("/rmas/nonsense/").status_code == 404


def test_the_heading_of_the_date_turns_the_list_round(
    staff_client: Client, staff_actor: Actor, now: datetime
) -> None:
    till = small_shop.Till(staff_actor, now)
    order = till.place(small_shop.line(2_000, quantity=2))
    till.pay(order, 2_000)
    for _ in range(2):
        till.open_rma(order, till.back(order, 1, 100))

    def numbers(query: str) -> list[str]:
        return [rma.number for rma in staff_client.get(f"/rmas/{query}").context["page"].items]

    assert numbers("") == ["RMA-1002", "RMA-1001"]
    assert numbers("?sort=oldest") == ["RMA-1001", "RMA-1002"]
    assert numbers("?sort=oldest&after=RMA-1001") == ["RMA-1002"]
    assert numbers("?after=RMA-1002") == ["RMA-1001"]
