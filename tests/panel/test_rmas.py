"""RMA or Credit, the RMAs and what becomes of them, as a browser without JavaScript sends it."""

from __future__ import annotations

import re
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from tests.orders import till as small_shop
from tests.orders.till import everything
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


def test_a_closed_rma_has_its_adjustment_note_and_an_open_one_has_none(
    staff_client: Client, order: Order
) -> None:
    rma = _opened(staff_client, order, ("1", ""))
    address = f"/rmas/{rma.number}/note.pdf"
    missing = staff_client.get(address)
    assert missing.status_code == 404
    assert f"{rma.number} has no adjustment note" in missing.text
    assert "note.pdf" not in staff_client.get(f"/rmas/{rma.number}/").text
    staff_client.post(f"/rmas/{rma.number}/close/", {"key": "c1"})
    rma.refresh_from_db()
    shown = staff_client.get(address)
    assert (shown.status_code, shown["Content-Type"]) == (200, "application/pdf")
    assert shown["Content-Disposition"] == f'inline; filename="{rma.adjustment_note}.pdf"'
    page = staff_client.get(f"/rmas/{rma.number}/").text
    assert f'href="{address}"' in page
    assert "Send adjustment note" in page
    assert Client().get(address).status_code == 302


def test_a_note_is_sent_once_and_the_history_says_so(
    staff_client: Client, customer: Customer, order: Order, tmp_path: Path, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    rma = _opened(staff_client, order, ("1", ""))
    address = f"/rmas/{rma.number}/send-note/"
    assert staff_client.post(address, {"key": "s1"}).status_code == 404
    staff_client.post(f"/rmas/{rma.number}/close/", {"key": "c1"})
    assert "has no e-mail address" in staff_client.post(address, {"key": "s1"}, follow=True).text
    Customer.objects.filter(pk=customer.pk).update(email="ada@example.org")
    for _ in range(2):
        sent = staff_client.post(address, {"key": "s2"}, follow=True).text
        assert "the message to ada@example.org was written to" in sent
    assert "Adjustment note sent" in sent
    assert len(list(tmp_path.iterdir())) == 1
    assert "without its key" in staff_client.post(address, follow=True).text


def test_more_than_was_sold_is_told_with_its_article(staff_client: Client, order: Order) -> None:
    answer = staff_client.post("/orders/N100/rma/", _return(order, ("9", "")))
    line = order.lines.order_by("pk")[0]
    assert answer.status_code == 422
    said = list(answer.context["form"].errors[f"quantity_{line.pk}"])
    assert said == [f"{line.sku}: at most {line.quantity}, as sold."]


def _price(client: Client, order: Order, *rows: tuple[str, str], **more: str) -> Any:
    return client.post(
        "/orders/N100/rma/price/", _return(order, *rows, **more), headers={"HX-Request": "true"}
    )


def test_a_return_is_priced_as_one_types_and_nothing_is_written(staff_client: Client, order: Order) -> None:
    before = everything()
    priced = _price(staff_client, order, ("1", ""), ("", "2.50"), shipping="5.00", reason="", key="")
    assert priced.status_code == 200
    assert priced.context["quote"].rma.total_minor == 1083
    assert "<!doctype" not in priced.text
    assert 'data-share="3.33"' in priced.text
    assert priced.text.count("data-field") == 1, "of a field with nothing to say nothing is sent"
    for words in ("£10.83", "Can be paid out", "Only pays orders", "Preview", "£2.50", "no goods back"):
        assert words in priced.text
    nothing = _price(staff_client, order, ("", ""), reason="")
    assert "Enter what comes back" in nothing.text
    assert "errorlist" not in nothing.text
    assert everything() == before
    assert Rma.objects.count() == 0


def test_all_that_is_wrong_stands_at_its_field_at_once(staff_client: Client, order: Order) -> None:
    for address, more in (("price/", {}), ("", {"recalculate": "1"}), ("preview.pdf", {}), ("", {})):
        sent = _return(order, ("1", "3.34"), ("1", "x"), shipping="5.01", surcharge="0.01") | more
        refused = staff_client.post(f"/orders/N100/rma/{address}", sent)
        assert refused.status_code == (200 if address == "price/" else 422)
        mug, tin = lines_of(order)
        assert refused.context["form"].errors == {
            f"amount_{tin.pk}": ["'x' is not an amount. Write digits and a point, like 12.34."],
            f"amount_{mug.pk}": ["MUG: 1 of it are worth 3.33 GBP. Enter that or less."],
            "shipping": ["At most 5.00 GBP of the shipping can still be given back."],
            "surcharge": ["At most 0.00 GBP of the surcharge can still be given back."],
        }
        assert "Correct what is marked" in refused.text
    assert not Rma.objects.exists()


def test_without_a_script_recalculate_shows_the_same_and_keeps_what_was_typed(
    staff_client: Client, order: Order
) -> None:
    sent = _return(order, ("2", ""), reason="", public_note="Sorry") | {"recalculate": "1"}
    page = staff_client.post("/orders/N100/rma/", sent)
    assert page.status_code == 200
    for words in ("£6.67", 'placeholder="6.67"', 'value="2"', "Preview", "Sorry"):
        assert words in page.text
    assert not Rma.objects.exists()


def test_the_preview_is_a_pdf_with_a_mark_and_no_number(staff_client: Client, order: Order) -> None:
    answer = staff_client.post("/orders/N100/rma/preview.pdf", _return(order, ("3", ""), note="internal"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    [page] = [page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages]
    assert "PREVIEW" in page
    assert "£10.00" in page
    assert "N100" in page
    assert not re.search("(AN|RMA|CR)-[0-9]", page)
    assert "internal" not in page
    nothing = staff_client.post("/orders/N100/rma/preview.pdf", _return(order))
    assert (nothing.status_code, "nothing to show yet" in nothing.text) == (422, True)
    assert 'method="post" action="/orders/N100/rma/"' in nothing.text, "its form opens the return"
    assert not Rma.objects.exists()


def test_one_click_opens_and_closes_with_credit_and_a_second_does_nothing_more(
    staff_client: Client, customer: Customer, order: Order
) -> None:
    for _ in range(2):
        rma = _opened(staff_client, order, ("3", ""), outcome="close")
        assert (rma.status, rma.total_minor) == ("closed", 1000)
    assert Rma.objects.count() == 1
    assert balance_of(customer.pk, "GBP").available_minor == 1000
    other = staff_client.post("/orders/N100/rma/", _return(order, ("3", ""), outcome="wait"))
    assert other.status_code == 422
    assert "already sent, with other values" in other.text


@pytest.mark.parametrize("address", ["", "price/", "preview.pdf"])
def test_who_may_not_open_a_return_may_not_price_one(
    viewer_actor: Actor, order: Order, staff_client: Client, address: str
) -> None:
    viewer = Client()
    viewer.force_login(User.objects.get(pk=viewer_actor.user_id))
    assert viewer.post(f"/orders/N100/rma/{address}", _return(order, ("1", ""))).status_code == 403
    if address:
        asked = staff_client.get(f"/orders/N100/rma/{address}")
        assert (asked.status_code, asked["Location"]) == (302, "/orders/N100/rma/")
    assert Client().post(f"/orders/N100/rma/{address}").status_code == 302
    unknown = staff_client.post(f"/orders/N101/rma/{address}", _return(order, ("1", "")))
    assert unknown.status_code == 404


def test_pricing_takes_as_many_queries_for_many_lines_as_for_one(staff_client: Client, order: Order) -> None:
    _price(staff_client, order, ("1", ""))  # whatever is cached once
    with CaptureQueriesContext(connection) as one:
        _price(staff_client, order, ("1", ""))
    with CaptureQueriesContext(connection) as two:
        _price(staff_client, order, ("1", ""), ("1", ""))
    assert len(two) == len(one)


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
