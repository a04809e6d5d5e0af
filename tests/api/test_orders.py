"""A shop's program places, reads, edits and cancels orders over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.conftest import gbp, refused, told
from tests.orders.till import everything
from tillbook.common.actor import Scope
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.orders.models import Order
from tillbook.staff.models import Answer

pytestmark = pytest.mark.django_db

PLACED = "2025-03-01T09:00:00.000000Z"


def line(sku: str, amount: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "amount": gbp(amount), **more}


def order(number: str = "WEB-1", *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    sold = list(lines) or [line("LAMP", "20.00", 2, description="A lamp"), line("CUP", "5.00")]
    return {"customer": "jo", "number": number, "lines": sold, "placed_at": PLACED, **more}


def unknown_currency() -> dict[str, Any]:
    return {**line("CUP", "5.00"), "amount": {"amount": "5.00", "currency": "XXY"}}


@pytest.fixture
def placed(program, customer):
    """WEB-1 of Jo: two lamps and a cup, with shipping, over 28.50."""
    body = order(shipping=gbp("3.00"), surcharge=gbp("0.50"), note="ring twice")
    return told(program.post("/orders", body), 201)


def pay(program, amount: str, number: str = "WEB-1") -> None:
    told(program.post(f"/orders/{number}/payments", {"amount": gbp(amount), "method": "card"}), 201)


def give(program, amount: str) -> str:
    body = {"customer": "jo", "amount": gbp(amount), "reason": "deposit", "refundable": True}
    return told(program.post("/credits", body), 201)["number"]


def spend(program, amount: str, reference: str = "WEB-1") -> None:
    told(program.post("/spends", {"customer": "jo", "amount": gbp(amount), "reference": reference}), 201)


def figures(customer) -> tuple[int, int, int]:
    row = balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor, row.owing_minor


def test_an_order_is_placed_and_told_whole(program, placed, customer):
    lamp = {
        "position": 1, "sku": "LAMP", "description": "A lamp", "quantity": 2, "amount": gbp("20.00"),
        "returned_quantity": 0, "returned": gbp("0.00"),
    }  # fmt: skip
    assert placed == {
        "number": "WEB-1",
        "customer": "jo",
        "status": "open",
        "paid_status": "pending",
        "total": gbp("28.50"),
        "received": gbp("0.00"),
        "credit_used": gbp("0.00"),
        "overpaid": gbp("0.00"),
        "owing": gbp("28.50"),
        "returned": gbp("0.00"),
        "placed_at": PLACED,
        "cancelled_at": None,
        "lines": [
            lamp,
            {**lamp, "position": 2, "sku": "CUP", "description": "", "quantity": 1, "amount": gbp("5.00")},
        ],
        "shipping": gbp("3.00"),
        "surcharge": gbp("0.50"),
        "note": "ring twice",
        "paid_with": [],
        "overpayment_credits": [],
    }
    assert told(program.get("/orders/WEB-1")) == placed
    assert figures(customer) == (0, 0, 28_50)


def test_an_order_sent_again_is_placed_once(program, customer):
    first = program.post("/orders", order(), key="a")
    again = program.post("/orders", order(), key="a")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    Answer.objects.all().delete()
    late = program.post("/orders", order(), key="a")
    assert (late.status_code, late.content) == (201, first.content)
    assert Order.objects.count() == 1
    assert figures(customer) == (0, 0, 25_00)


def test_without_a_number_an_order_gets_one_of_tillbooks_own(program, customer):
    body = {"customer": "jo", "lines": [line("CUP", "5.00")]}
    made = told(program.post("/orders", body), 201)
    assert made["number"] == f"SO-{Order.objects.get().pk + 1000}"
    assert told(program.get(f"/orders/{made['number']}")) == made


def test_an_order_may_be_in_another_currency_than_its_customers(program, customer):
    yen = {"amount": "500", "currency": "JPY"}
    body = order("WEB-1", {"sku": "A", "quantity": 1, "amount": yen}, currency="JPY")
    assert told(program.post("/orders", body), 201)["owing"] == yen
    assert figures(customer) == (0, 0, 0)


def test_what_was_spent_on_its_number_before_pays_it(program, customer):
    number = give(program, "9.00")
    spend(program, "9.00")
    made = told(program.post("/orders", order()), 201)
    assert (made["credit_used"], made["owing"], made["paid_status"]) == (
        gbp("9.00"),
        gbp("16.00"),
        "part_paid",
    )
    assert made["paid_with"] == [{"credit": number, "amount": gbp("9.00")}]


@pytest.mark.parametrize(
    ("body", "expected", "pointer"),
    [
        (order("SO-1042"), (409, "invalid_input"), "#/number"),
        (order("a/b"), (409, "invalid_input"), "#/number"),
        ({**order(), "lines": []}, (409, "invalid_input"), "#/lines"),
        (order("WEB-2", line("", "5.00")), (409, "invalid_input"), "#/lines"),
        (order("WEB-2", line("CUP", "5.00", 0)), (409, "invalid_input"), "#/lines"),
        (order("WEB-2", line("CUP", "5.00", 10**30)), (409, "invalid_input"), "#/lines"),
        (order("WEB-2", currency="EUR"), (409, "invalid_input"), "#/lines"),
        (
            order("WEB-2", shipping={"amount": "1.00", "currency": "EUR"}),
            (409, "invalid_input"),
            "#/shipping",
        ),
        (order("WEB-2", unknown_currency(), currency="XXY"), (409, "invalid_input"), "#/currency"),
        (order("WEB-2", placed_at="2100-01-01T00:00:00Z"), (409, "invalid_input"), "#/placed_at"),
        (order("WEB-2", placed_at="2025-03-01T09:00:00"), (422, "invalid_input"), "#/placed_at"),
        (order("WEB-2", placed_at="0001-01-01T00:00:00+14:00"), (422, "invalid_input"), "#/placed_at"),
        (order("WEB-2", line("CUP", "5.00", True)), (422, "invalid_input"), "#/lines/0/quantity"),
        (order("WEB-2", line("CUP", "-5.00")), (422, "invalid_input"), "#/lines/0/amount/amount"),
        (order("WEB-2", line("CUP", "5.00", price="1")), (422, "invalid_input"), "#/lines/0/price"),
        (order("WEB-2", line("C\0P", "5.00")), (422, "invalid_input"), "#/lines/0/sku"),
    ],
)
def test_a_wrong_order_is_pointed_at_and_not_placed(program, customer, body, expected, pointer):
    before = everything()
    answer = program.post("/orders", body)
    assert refused(answer) == expected
    assert json.loads(answer.content)["errors"][0]["pointer"] == pointer
    assert everything() == before


def test_a_number_is_taken_once(program, placed):
    before = everything()
    assert refused(program.post("/orders", order())) == (409, "number_taken")
    assert refused(program.post("/orders", {**order("WEB-2"), "customer": "al"})) == (
        404,
        "customer_not_found",
    )
    assert everything() == before


def numbers(program, **filters: Any) -> list[str]:
    return [each["number"] for each in told(program.get("/orders", **filters))["items"]]


def test_orders_are_listed_and_filtered(program, customer, admin_actor, now):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    for day in (1, 2, 3):
        told(program.post("/orders", order(f"WEB-{day}", placed_at=f"2025-02-0{day}T00:00:00Z")), 201)
    told(
        program.post("/orders", {**order("TILL-1", placed_at="2025-02-02T12:00:00Z"), "customer": "al"}), 201
    )
    pay(program, "25.00", "WEB-2")
    pay(program, "5.00", "WEB-3")
    program.post("/orders/WEB-3/cancel", {"reason": "gone"})
    assert numbers(program) == ["WEB-3", "TILL-1", "WEB-2", "WEB-1"]
    assert numbers(program, q="web") == ["WEB-3", "WEB-2", "WEB-1"]
    assert numbers(program, customer="al") == ["TILL-1"]
    assert numbers(program, status="cancelled") == ["WEB-3"]
    assert numbers(program, status="open") == ["TILL-1", "WEB-2", "WEB-1"]
    assert numbers(program, paid_status="fully_paid") == ["WEB-2"]
    assert numbers(program, paid_status="pending") == ["TILL-1", "WEB-1"]
    assert numbers(program, paid_status="pending", status="cancelled") == ["WEB-3"]
    assert numbers(program, paid_status="pending", customer="jo", q="WEB-1") == ["WEB-1"]
    assert numbers(program, customer="jo", q="jo") == ["WEB-3", "WEB-2", "WEB-1"]
    assert refused(program.get("/orders", q="WEB\0")) == (422, "invalid_input")
    first = told(program.get("/orders", limit=3))
    assert first["next_cursor"] == "WEB-2"
    whole = told(program.get("/orders/WEB-1"))
    (last,) = told(program.get("/orders", limit=3, cursor="WEB-2"))["items"]
    assert last == {name: whole[name] for name in last}
    assert set(whole) - set(last) == {
        "lines", "shipping", "surcharge", "note", "paid_with", "overpayment_credits",
    }  # fmt: skip


def test_filters_that_name_nothing_are_refused(program, placed):
    assert refused(program.get("/orders", customer="al")) == (404, "customer_not_found")
    assert refused(program.get("/orders", cursor="WEB-9")) == (409, "invalid_input")
    assert refused(program.get("/orders", status="lost")) == (422, "invalid_input")
    assert refused(program.get("/orders/WEB-9")) == (404, "order_not_found")


def test_an_edit_changes_what_it_names_and_leaves_the_rest(program, placed, customer):
    edited = told(program.post("/orders/WEB-1/edit", {"shipping": gbp("0.00")}))
    assert edited == {**placed, "shipping": gbp("0.00"), "total": gbp("25.50"), "owing": gbp("25.50")}
    edited = told(program.post("/orders/WEB-1/edit", {"note": "", "surcharge": gbp("0.00")}))
    assert (edited["note"], edited["lines"], edited["total"]) == ("", placed["lines"], gbp("25.00"))
    lines = [line("LAMP", "10.00", position=1), line("MUG", "6.00")]
    edited = told(program.post("/orders/WEB-1/edit", {"lines": lines}))
    assert [
        (each["position"], each["sku"], each["quantity"], each["amount"]) for each in edited["lines"]
    ] == [
        (1, "LAMP", 1, gbp("10.00")),
        (3, "MUG", 1, gbp("6.00")),
    ]
    assert told(program.get("/orders/WEB-1")) == edited
    assert figures(customer) == (0, 0, 16_00)


def test_an_edit_below_what_was_paid_makes_the_rest_credit_once(program, placed, customer):
    pay(program, "28.50")
    body = {"lines": [line("LAMP", "20.00", 2, position=1)]}
    first = program.post("/orders/WEB-1/edit", body, key="e")
    edited = told(first)
    assert (edited["overpaid"], edited["paid_status"]) == (gbp("5.00"), "over_paid")
    (made,) = edited["overpayment_credits"]
    assert made["amount"] == gbp("5.00")
    assert told(program.get(f"/credits/{made['credit']}"))["available"] == gbp("5.00")
    assert program.post("/orders/WEB-1/edit", body, key="e").content == first.content
    Answer.objects.all().delete()
    assert program.post("/orders/WEB-1/edit", body, key="e").content == first.content
    assert figures(customer) == (5_00, 0, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"lines": []}, (409, "invalid_input")),
        ({"lines": [line("MUG", "1.00", position=3)]}, (409, "invalid_input")),
        ({"lines": [line("A", "1.00", position=1), line("B", "1.00", position=1)]}, (409, "invalid_input")),
        ({"surcharge": {"amount": "0", "currency": "EUR"}}, (409, "invalid_input")),
        ({"number": "WEB-2"}, (422, "invalid_input")),
        ({"lines": [line("A", "1.00", position="1")]}, (422, "invalid_input")),
    ],
)
def test_a_wrong_edit_changes_nothing(program, placed, body, expected):
    before = everything()
    assert refused(program.post("/orders/WEB-1/edit", body)) == expected
    assert everything() == before


def test_an_edit_from_an_old_state_is_refused(program, placed):
    tag = program.get("/orders/WEB-1")["ETag"]
    pay(program, "1.00")  # not what an edit changes, but what whoever edits has decided on
    before = everything()
    answer = program.post("/orders/WEB-1/edit", {"note": "x"}, **{"If-Match": tag})
    assert refused(answer) == (412, "changed_meanwhile")
    assert everything() == before
    tag = program.get("/orders/WEB-1")["ETag"]
    answer = program.post("/orders/WEB-1/edit", {"note": "x"}, key="e", **{"If-Match": tag})
    assert told(answer)["note"] == "x"
    Answer.objects.all().delete()
    again = program.post("/orders/WEB-1/edit", {"note": "x"}, key="e", **{"If-Match": tag})
    assert (again.status_code, again.content) == (200, answer.content)


def test_cancelling_gives_back_releases_and_makes_money_credit_once(program, placed, customer):
    number = give(program, "20.00")
    spend(program, "6.00")
    pay(program, "10.00")
    hold = told(program.post("/holds", {"customer": "jo", "amount": gbp("12.50"), "reference": "WEB-1"}), 201)
    assert figures(customer) == (1_50, 12_50, 12_50)
    first = program.post("/orders/WEB-1/cancel", {"reason": "out of stock"}, key="c")
    cancelled = told(first)
    assert (cancelled["status"], cancelled["owing"], cancelled["paid_with"]) == ("cancelled", gbp("0.00"), [])
    assert cancelled["cancelled_at"] is not None
    assert [each["amount"] for each in cancelled["overpayment_credits"]] == [gbp("10.00")]
    assert program.post("/orders/WEB-1/cancel", {"reason": "out of stock"}, key="c").content == first.content
    assert told(program.get(f"/credits/{number}"))["available"] == gbp("20.00")
    assert told(program.get(f"/holds/{hold['number']}"))["state"] == "released"
    assert figures(customer) == (30_00, 0, 0)


def test_what_is_cancelled_stays_so(program, placed):
    told(program.post("/orders/WEB-1/cancel", {"reason": "gone"}))
    before = everything()
    assert refused(program.post("/orders/WEB-1/cancel", {"reason": "gone"})) == (409, "wrong_state")
    assert refused(program.post("/orders/WEB-1/edit", {"note": "x"})) == (409, "wrong_state")
    assert everything() == before


def test_a_cancellation_needs_its_reason(program, placed):
    before = everything()
    assert refused(program.post("/orders/WEB-1/cancel", {})) == (422, "invalid_input")
    assert refused(program.post("/orders/WEB-1/cancel", {"reason": " "})) == (409, "invalid_input")
    assert refused(program.post("/orders/WEB-9/cancel", {"reason": "x"})) == (404, "order_not_found")
    assert everything() == before


@pytest.mark.parametrize("scope", [Scope.READ, Scope.CREDIT, Scope.REFUNDS])
def test_orders_take_their_scope(new_program, admin_actor, placed, scope):
    other = new_program(admin_actor, scope)
    before = everything()
    for path, body in (
        ("/orders", order("WEB-2")),
        ("/orders/WEB-1/edit", {"note": "x"}),
        ("/orders/WEB-1/cancel", {"reason": "x"}),
    ):
        assert refused(other.post(path, body)) == (403, "permission_denied")
    assert other.get("/orders/WEB-1").status_code == 200
    assert everything() == before


def test_the_orders_scope_of_staff_is_enough(new_program, staff_actor, customer):
    program = new_program(staff_actor, Scope.ORDERS)
    told(program.post("/orders", order()), 201)
    pay(program, "30.00")
    told(program.post("/orders/WEB-1/cancel", {"reason": "x"}))
    assert figures(customer) == (30_00, 0, 0)
