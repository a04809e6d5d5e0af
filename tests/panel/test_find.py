"""The search box: people by their words, documents by their number."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.events.queries import of_key
from tillbook.orders import checkout, queries
from tillbook.refunds.models import Refund

TYPING = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def orders(maria: Customer, staff_actor: Actor, now) -> list[str]:
    till = Till(staff_actor, now)
    of_maria = {"customer_id": maria.pk}
    numbers = ("SO-1", "SO-12", "SO-13", "W_1", "Wx1")
    return [till.place(line(1_000), number=number, **of_maria).number for number in numbers]


def links(client: Client, q: str) -> list[str]:
    """Where the box leads while `q` is typed."""
    answer = client.get("/find/", {"q": q}, **TYPING)
    assert answer.status_code == 200
    assert "<html" not in answer.content.decode()
    return re.findall(r'href="([^"]+)"', answer.content.decode())


@pytest.fixture
def held(maria: Customer, deposit: Credit, staff_actor: Actor, now) -> str:
    """The number of a checkout's hold for WEB-7."""
    checkout.hold(
        customer_id=maria.pk,
        amount=Money(1_000, "GBP"),
        reference="WEB-7",
        key="h",
        actor=staff_actor,
        now=now,
    )
    event = of_key(maria.pk, "h")
    assert event is not None
    return public_number("HO", event.pk)


def test_a_checkout_s_hold_is_found_by_its_number(as_staff: Client, held: str, deposit: Credit):
    assert links(as_staff, held) == [f"/credits/{deposit.number}/"]
    assert "Held: WEB-7" in as_staff.get("/find/", {"q": held}, **TYPING).content.decode()


def test_what_a_refund_holds_is_found_as_the_refund_alone(
    as_staff: Client, deposit: Credit, maria: Customer, request_refund
):
    refund = request_refund(1_000)
    event = Event.objects.get(action="credit.held", subject=refund.number)
    assert links(as_staff, public_number("HO", event.pk)) == []


def test_a_checkout_s_own_document_leads_to_its_customer(
    as_staff: Client, held: str, maria: Customer, staff_actor: Actor, now
):
    checkout.capture(customer_id=maria.pk, hold_key="h", key="c", actor=staff_actor, now=now)
    assert links(as_staff, "WEB-7") == ["/customers/maria/"]
    assert "Held credit used" in as_staff.get("/find/", {"q": "WEB-7"}, **TYPING).content.decode()
    assert links(as_staff, "WEB-") == []


def test_people_are_found_while_one_types(as_staff: Client, maria: Customer):
    for q in ("m", "mar", "HOLT", "maria holt", "example.com"):
        assert links(as_staff, q) == ["/customers/maria/"], q
    assert links(as_staff, "somebody") == []
    assert links(as_staff, "") == []


def test_a_document_is_found_by_its_number(
    as_staff: Client, deposit: Credit, request_refund: Callable[..., Refund]
):
    refund = request_refund(1_000, key="r")
    for q in (refund.number, refund.number.lower(), refund.number.replace("-", ""), "rf 1001"):
        assert links(as_staff, q) == [f"/refunds/{refund.number}/"], q
    assert links(as_staff, "1001") == ["/refunds/RF-1001/", f"/credits/{deposit.number}/"]
    assert links(as_staff, "RF-9999") == links(as_staff, "RF-") == []


def test_an_order_is_found_by_the_beginning_of_its_number(as_staff: Client, orders: list[str]):
    assert links(as_staff, "SO-1") == ["/orders/SO-1/", "/orders/SO-12/", "/orders/SO-13/"]
    assert links(as_staff, "so-12") == ["/orders/SO-12/"]
    assert links(as_staff, "W_1") == ["/orders/W_1/"]  # no wildcard
    assert links(as_staff, "%") == links(as_staff, "O-1") == []
    assert [each.number for each in queries.beginning_with("SO", limit=2)] == ["SO-1", "SO-12"]


def test_enter_leads_to_the_one_that_was_meant(as_staff: Client, maria: Customer, orders: list[str]):
    def led(q: str) -> str | None:
        return as_staff.get("/find/", {"q": q}).headers.get("Location")

    assert led("SO-1") == "/orders/SO-1/"
    assert led("MARIA") == "/customers/maria/"
    assert led("hol") == "/customers/maria/"
    assert led("SO-") is None
    assert led("nobody") is None


def test_many_customers_lead_to_the_list(as_staff: Client, maria: Customer, now):
    for place in range(8):
        Customer.objects.create(username=f"holt-{place}", currency="GBP", created_at=now)
    assert links(as_staff, "holt")[-1] == "/customers/?q=holt"
    page = as_staff.get("/find/", {"q": "holt"}).content.decode()
    assert page.count('<a href="/customers/holt-') == 8


def test_what_was_typed_is_shown_as_text(as_staff: Client, db: None):
    for headers in ({}, TYPING):
        page = as_staff.get("/find/", {"q": "<script>alert(1)</script>"}, **headers).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    assert as_staff.get("/find/", {"q": "x" * 151}).status_code == 200


def test_nobody_finds_anything_without_logging_in(client: Client, maria: Customer):
    answer = client.get("/find/", {"q": "maria"}, **TYPING)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")
