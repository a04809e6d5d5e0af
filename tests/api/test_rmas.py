"""Returns over the API: opened by a warehouse, closed with a credit or without."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from tests.api.conftest import gbp, refused, told
from tests.orders.till import everything
from tillbook.common.actor import Scope
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.orders import queries
from tillbook.orders import services as orders
from tillbook.returns import services as returns
from tillbook.returns.models import Rma
from tillbook.staff.models import Answer

pytestmark = pytest.mark.django_db

OPENED = "2025-03-01T09:00:00.000000Z"


@pytest.fixture(autouse=True)
def order(program, customer, admin_actor, now):
    """WEB-1 of Jo, paid: three lamps for 20.00, two equal lines of cups, and shipping; 33.00 together."""
    cups = orders.LineInput("CUP", "A cup", 1, 5_00)
    order = orders.place(
        customer_id=customer.pk, currency="GBP", lines=[orders.LineInput("LAMP", "A lamp", 3, 20_00), cups, cups],
        shipping_minor=3_00, number="WEB-1", key="o", actor=admin_actor, now=now,
    )  # fmt: skip
    told(program.post("/orders/WEB-1/payments", {"amount": gbp("33.00"), "method": "card"}), 201)
    return order


def rma(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"customer": "jo", "order": "WEB-1", "lines": list(lines), "reason": "faulty", **more}


def opened(program, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return told(program.post("/rmas", rma(*lines, **more)), 201)


LAMP = {"sku": "LAMP", "quantity": 1}


def available(customer) -> int:
    return balance_of(customer.pk, "GBP").available_minor


def test_a_return_is_opened_and_told_whole(program, customer):
    made = opened(
        program, LAMP, {"position": 3, "quantity": 0, "amount": gbp("1.50"), "description": "A chipped cup"},
        shipping=gbp("3.00"), note="in", public_note="out", document="WH-7", opened_at=OPENED,
    )  # fmt: skip
    assert made == {
        "number": f"RMA-{Rma.objects.get().pk + 1000}",
        "customer": "jo",
        "order": "WEB-1",
        "document": "WH-7",
        "status": "open",
        "outcome": "awaiting",
        "reason": "faulty",
        "total": gbp("11.17"),
        "opened_by": "admin",
        "opened_at": OPENED,
        "closed_at": None,
        "reversed_at": None,
        "adjustment_note": None,
        "lines": [
            {"position": 1, "sku": "LAMP", "description": "A lamp", "quantity": 1, "amount": gbp("6.67")},
            {
                "position": 2,
                "sku": "CUP",
                "description": "A chipped cup",
                "quantity": 0,
                "amount": gbp("1.50"),
            },
        ],
        "shipping": gbp("3.00"),
        "surcharge": gbp("0.00"),
        "note": "in",
        "public_note": "out",
        "credits": [],
    }
    assert told(program.get(f"/rmas/{made['number']}")) == made
    sold = told(program.get("/orders/WEB-1"))
    assert (sold["returned"], [each["returned_quantity"] for each in sold["lines"]]) == (
        gbp("11.17"),
        [1, 0, 0],
    )
    assert [each["returned"] for each in sold["lines"]] == [gbp("6.67"), gbp("0.00"), gbp("1.50")]
    assert available(customer) == 0


def test_a_return_sent_again_is_opened_once(program):
    first = program.post("/rmas", rma(LAMP), key="r")
    assert program.post("/rmas", rma(LAMP), key="r").content == first.content
    Answer.objects.all().delete()
    again = program.post("/rmas", rma(LAMP), key="r")
    assert (again.status_code, again.content) == (201, first.content)
    assert Rma.objects.count() == 1


def test_closing_issues_its_credit_once(program, customer):
    number = opened(program, LAMP)["number"]
    first = program.post(f"/rmas/{number}/close", {}, key="c")
    closed = told(first)
    assert (closed["status"], closed["outcome"]) == ("closed", "credit")
    assert closed["adjustment_note"] == f"AN-{Rma.objects.get().pk + 1000}"
    assert closed["closed_at"] is not None
    (made,) = told(program.get("/credits", customer="jo"))["items"]
    assert closed["credits"] == [{"credit": made["number"], "amount": gbp("6.67")}]
    assert (made["source"], made["source_reference"], made["available"]) == ("return", number, gbp("6.67"))
    assert program.post(f"/rmas/{number}/close", {}, key="c").content == first.content
    Answer.objects.all().delete()
    assert program.post(f"/rmas/{number}/close", {}, key="c").content == first.content
    before = everything()
    assert refused(program.post(f"/rmas/{number}/close", {})) == (409, "wrong_state")
    assert refused(program.post(f"/rmas/{number}/cancel", {"reason": "x"})) == (409, "wrong_state")
    assert everything() == before
    assert available(customer) == 6_67


@pytest.mark.parametrize(
    ("ending", "body", "expected"),
    [
        ("close-without-credit", {"note": "worn"}, ("closed", "no_credit")),
        ("cancel", {"reason": "never sent"}, ("cancelled", "awaiting")),
    ],
)
def test_a_return_that_ends_without_credit_counts_no_longer(program, customer, ending, body, expected):
    number = opened(program, LAMP)["number"]
    first = program.post(f"/rmas/{number}/{ending}", body, key="e")
    ended = told(first)
    assert (ended["status"], ended["outcome"]) == expected
    assert (ended["adjustment_note"], ended["credits"]) == (None, [])
    before = everything()
    assert program.post(f"/rmas/{number}/{ending}", body, key="e").content == first.content
    assert program.post(f"/rmas/{number}/{ending}", body, key="other").content == first.content
    assert refused(program.post(f"/rmas/{number}/close", {})) == (409, "wrong_state")
    assert everything() == before
    assert told(program.get("/orders/WEB-1"))["returned"] == gbp("0.00")
    assert available(customer) == 0


def test_a_return_without_an_order_is_worth_what_it_says(program, customer):
    body = {
        "customer": "jo", "lines": [{"sku": "OLD", "quantity": 2, "amount": gbp("8.00")}], "reason": "other",
    }  # fmt: skip
    made = told(program.post("/rmas", body), 201)
    assert (made["order"], made["total"]) == (None, gbp("8.00"))
    assert made["lines"] == [
        {"position": 1, "sku": "OLD", "description": "", "quantity": 2, "amount": gbp("8.00")}
    ]
    told(program.post(f"/rmas/{made['number']}/close", {}))
    assert available(customer) == 8_00


def test_shipping_alone_may_be_given_back(program, customer):
    made = opened(program, shipping=gbp("2.00"), reason="shipping_only")
    assert (made["lines"], made["total"]) == ([], gbp("2.00"))
    told(program.post(f"/rmas/{made['number']}/close", {}))
    assert available(customer) == 2_00


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rma({"sku": "CUP", "quantity": 1}), (409, "invalid_input")),
        (rma({"quantity": 1}), (409, "invalid_input")),
        (rma({"sku": "MUG", "quantity": 1}), (409, "invalid_input")),
        (rma({"position": 4, "quantity": 1}), (409, "invalid_input")),
        (rma({"position": 1, "sku": "CUP", "quantity": 1}), (409, "invalid_input")),
        (rma({"sku": "LAMP", "quantity": 4}), (409, "return_exceeds_order")),
        (rma({**LAMP, "amount": gbp("6.68")}), (409, "invalid_input")),
        (rma(LAMP, shipping=gbp("3.01")), (409, "return_exceeds_order")),
        (rma(), (409, "invalid_input")),
        (rma(LAMP, currency="EUR"), (409, "currency_mismatch")),
        (rma({**LAMP, "amount": {"amount": "1.00", "currency": "EUR"}}), (409, "invalid_input")),
        (rma(LAMP, opened_at="2100-01-01T00:00:00Z"), (409, "invalid_input")),
        (rma(LAMP, order="WEB-9"), (404, "order_not_found")),
        (rma(LAMP, customer="nobody"), (404, "customer_not_found")),
        (rma(LAMP, customer="al"), (409, "invalid_input")),
        (rma(shipping=gbp("1.00"), customer="al"), (404, "order_not_found")),
        (rma(LAMP, order=None), (409, "invalid_input")),
        (rma({"position": 1, "quantity": 1, "amount": gbp("1.00")}, order=None), (409, "invalid_input")),
        (rma(LAMP, reason="boredom"), (409, "invalid_input")),
        (rma({"sku": "LAMP"}), (422, "invalid_input")),
        (rma({"sku": "LAMP", "quantity": 1, "order_line_id": 1}), (422, "invalid_input")),
    ],
)
def test_a_wrong_return_is_not_opened(program, admin_actor, now, body, expected):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    before = everything()
    assert refused(program.post("/rmas", body)) == expected
    assert everything() == before


def test_a_document_stands_for_one_return(program):
    opened(program, LAMP, document="WH-7")
    before = everything()
    answer = program.post("/rmas", rma(LAMP, document="WH-7"))
    assert refused(answer) == (409, "document_taken")
    assert json.loads(answer.content)["errors"][0]["pointer"] == "#/document"
    assert everything() == before


def numbers(program, **filters: Any) -> list[str]:
    return [each["number"] for each in told(program.get("/rmas", **filters))["items"]]


def test_returns_are_listed_and_filtered(program, admin_actor, now):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    first = opened(program, LAMP)["number"]
    old = {"sku": "OLD", "quantity": 1, "amount": gbp("1.00")}
    second = opened(program, old, order=None)["number"]
    third = opened(program, old, order=None, customer="al")["number"]
    told(program.post(f"/rmas/{second}/close", {}))
    assert numbers(program) == [third, second, first]
    assert numbers(program, customer="jo") == [second, first]
    assert numbers(program, order="WEB-1") == [first]
    assert numbers(program, status="closed") == [second]
    assert numbers(program, status="open", customer="jo") == [first]
    page = told(program.get("/rmas", limit=2))
    assert page["next_cursor"] == second
    whole = told(program.get(f"/rmas/{first}"))
    (last,) = told(program.get("/rmas", limit=2, cursor=second))["items"]
    assert last == {name: whole[name] for name in last}
    assert set(whole) - set(last) == {"lines", "shipping", "surcharge", "note", "public_note", "credits"}
    assert refused(program.get("/rmas", order="WEB-9")) == (404, "order_not_found")
    assert refused(program.get("/rmas", customer="bo")) == (404, "customer_not_found")
    assert refused(program.get("/rmas", cursor="RMA-9999")) == (409, "invalid_input")
    assert refused(program.get("/rmas/RMA-9999")) == (404, "rma_not_found")


def test_an_orders_returns_are_those_on_it_and_those_of_its_lines(program, order, admin_actor, now):
    shipping = opened(program, shipping=gbp("1.00"))["number"]
    (lamp, *_) = queries.lines_of(order)
    taking = returns.open_rma(
        customer_id=order.customer_id, currency="GBP", order_id=None, reason="other", key="r",
        lines=[returns.RmaLineInput(lamp.pk, "LAMP", "", 1, None), returns.RmaLineInput(lamp.pk, "LAMP", "", 1, 1)],
        actor=admin_actor, now=now,
    )  # fmt: skip
    opened(program, {"sku": "OLD", "quantity": 1, "amount": gbp("1.00")}, order=None)
    Rma.objects.filter(pk=taking.pk).update(opened_at=timezone.now())
    assert numbers(program, order="WEB-1") == [taking.number, shipping]


def test_returns_take_their_scope(program, new_program, admin_actor):
    number = opened(program, LAMP)["number"]
    other = new_program(admin_actor, Scope.CREDIT)
    before = everything()
    for path, body in (
        ("/rmas", rma(LAMP)),
        (f"/rmas/{number}/close", {}),
        (f"/rmas/{number}/close-without-credit", {}),
        (f"/rmas/{number}/cancel", {"reason": "x"}),
    ):
        assert refused(other.post(path, body)) == (403, "permission_denied")
    assert everything() == before
    assert told(other.get(f"/rmas/{number}"))["status"] == "open"


def test_the_adjustment_note_of_a_closed_return_is_a_pdf_for_whoever_may_read(
    program, new_program, staff_actor
):
    number = opened(program, LAMP)["number"]
    assert refused(program.get(f"/rmas/{number}/note")) == (404, "no_adjustment_note")
    note = told(program.post(f"/rmas/{number}/close", {}), 200)["adjustment_note"]
    answer = new_program(staff_actor, Scope.READ).get(f"/rmas/{number}/note")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'inline; filename="{note}.pdf"'
    assert answer.content.startswith(b"%PDF-")
    assert refused(program.get("/rmas/RMA-999999/note")) == (404, "rma_not_found")


def test_a_return_is_opened_and_closed_in_one_step(program, new_program, staff_actor, customer):
    made = told(program.post("/rmas", rma(LAMP, close=True), key="k"), 201)
    assert (made["status"], made["outcome"], made["total"]) == ("closed", "credit", gbp("6.67"))
    assert told(program.post("/rmas", rma(LAMP, close=True), key="k"), 201) == made
    assert available(customer) == 6_67
    assert refused(program.post("/rmas", rma(LAMP), key="k")) == (422, "key_reused")
    staff = new_program(staff_actor, Scope.ORDERS)
    before = everything()
    free = {
        "customer": "jo",
        "reason": "other",
        "lines": [{"sku": "A", "quantity": 1, "amount": gbp("100.01")}],
    }
    assert refused(staff.post("/rmas", {**free, "close": True})) == (403, "limit_exceeded")
    assert everything() == before
