"""Money that comes in for orders, told over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.conftest import gbp, refused, told
from tests.orders.till import everything
from tillbook.common.actor import Scope
from tillbook.credit.queries import balance_of
from tillbook.orders import services as orders
from tillbook.orders.models import Payment
from tillbook.staff.models import Answer

pytestmark = pytest.mark.django_db

RECEIVED = "2025-03-01T09:00:00.000000Z"


@pytest.fixture(autouse=True)
def order(customer, admin_actor, now):
    """WEB-1 of Jo, over 30.00."""
    line = orders.LineInput("A", "", 1, 30_00)
    return orders.place(
        customer_id=customer.pk, currency="GBP", lines=[line], number="WEB-1", key="o", actor=admin_actor,
        now=now,
    )  # fmt: skip


def payment(amount: str, **more: Any) -> dict[str, Any]:
    return {"amount": gbp(amount), "method": "card", "received_at": RECEIVED, **more}


def receive(program, amount: str, **more: Any) -> dict[str, Any]:
    return told(program.post("/orders/WEB-1/payments", payment(amount, **more)), 201)


def figures(customer) -> tuple[int, int, int]:
    row = balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor, row.owing_minor


def test_a_payment_is_recorded_and_told_whole(program, customer):
    made = receive(program, "12.00", reference="ch_1")
    row = Payment.objects.get()
    assert made == {
        "number": f"PAY-{row.pk + 1000}",
        "order": "WEB-1",
        "amount": gbp("12.00"),
        "method": "card",
        "reference": "ch_1",
        "gateway": "",
        "charge": "",
        "paid_back": gbp("0.00"),
        "received_at": RECEIVED,
        "recorded_at": row.recorded_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "recorded_by": "admin",
        "voided_at": None,
        "void_reason": "",
    }
    assert told(program.get(f"/payments/{made['number']}")) == made
    assert told(program.get("/orders/WEB-1"))["paid_status"] == "part_paid"
    assert figures(customer) == (0, 0, 18_00)


def test_payments_are_listed_as_they_came_in_voided_ones_too(program):
    later = receive(program, "2.00")
    earlier = receive(program, "1.00", received_at="2025-02-28T00:00:00Z")
    voided = told(program.post(f"/payments/{later['number']}/void", {"reason": "bounced"}))["payment"]
    assert told(program.get("/orders/WEB-1/payments")) == {"order": "WEB-1", "payments": [earlier, voided]}


def test_without_a_time_it_came_in_now(program):
    made = told(
        program.post("/orders/WEB-1/payments", {"amount": gbp("1.00"), "method": "cash"}, key="p"), 201
    )
    assert made["received_at"] == made["recorded_at"]
    Answer.objects.all().delete()
    again = program.post("/orders/WEB-1/payments", {"amount": gbp("1.00"), "method": "cash"}, key="p")
    assert told(again, 201) == made


def test_what_is_paid_too_much_is_credit_once(program, customer):
    first = program.post("/orders/WEB-1/payments", payment("42.00"), key="p")
    again = program.post("/orders/WEB-1/payments", payment("42.00"), key="p")
    assert (again.status_code, again.content) == (201, first.content)
    paid = told(program.get("/orders/WEB-1"))
    assert (paid["received"], paid["overpaid"], paid["owing"]) == (gbp("42.00"), gbp("12.00"), gbp("0.00"))
    (made,) = told(program.get("/credits", customer="jo"))["items"]
    assert paid["overpayment_credits"] == [{"credit": made["number"], "amount": gbp("12.00")}]
    assert (made["source"], made["source_reference"], made["available"]) == (
        "overpayment", "WEB-1", gbp("12.00"),
    )  # fmt: skip
    assert (made["issued_at"], made["refundable"]) == (RECEIVED, True)
    assert figures(customer) == (12_00, 0, 0)


def test_a_void_takes_back_what_is_left_and_says_what_is_missing(program, customer):
    number = receive(program, "42.00")["number"]
    told(program.post("/spends", {"customer": "jo", "amount": gbp("5.00"), "reference": "X"}), 201)
    first = program.post(f"/payments/{number}/void", {"reason": "bounced"}, key="v")
    voided = told(first)
    assert (voided["taken_back"], voided["missing"]) == (gbp("7.00"), gbp("5.00"))
    assert voided["payment"]["void_reason"] == "bounced"
    assert voided["payment"] == told(program.get(f"/payments/{number}"))
    assert program.post(f"/payments/{number}/void", {"reason": "bounced"}, key="v").content == first.content
    assert figures(customer) == (0, 0, 35_00)
    before = everything()
    assert refused(program.post(f"/payments/{number}/void", {"reason": "bounced"})) == (409, "wrong_state")
    assert everything() == before


@pytest.mark.parametrize(
    ("body", "expected", "pointer"),
    [
        (payment("0.00"), (409, "invalid_input"), "#/amount"),
        (
            {**payment("1.00"), "amount": {"amount": "1.00", "currency": "EUR"}},
            (409, "currency_mismatch"),
            "#/amount",
        ),
        (payment("1.00", received_at="2100-01-01T00:00:00Z"), (409, "invalid_input"), "#/received_at"),
        (payment("1.00", reference="r" * 101), (409, "invalid_input"), "#/reference"),
        (payment("1.00", method="shells"), (422, "invalid_input"), "#/method"),
        (payment("1.00", order="WEB-2"), (422, "invalid_input"), "#/order"),
        ({"method": "card"}, (422, "invalid_input"), "#/amount"),
    ],
)
def test_a_wrong_payment_is_pointed_at_and_not_recorded(program, body, expected, pointer):
    before = everything()
    answer = program.post("/orders/WEB-1/payments", body)
    assert refused(answer) == expected
    assert json.loads(answer.content)["errors"][0]["pointer"] == pointer
    assert everything() == before


def test_money_that_comes_after_an_order_was_cancelled_is_credit(program):
    told(program.post("/orders/WEB-1/cancel", {"reason": "gone"}))
    receive(program, "1.00")
    order = told(program.get("/orders/WEB-1"))
    assert (order["status"], order["owing"]) == ("cancelled", gbp("0.00"))
    [credit] = told(program.get("/credits", customer="jo"))["items"]
    assert (credit["source"], credit["source_reference"], credit["available"]) == (
        "overpayment", "WEB-1", gbp("1.00"),
    )  # fmt: skip


def test_payments_and_orders_that_are_none_are_not_found(program):
    for number, code in (
        ("PAY-1001", "payment_not_found"),
        ("PAY-1", "payment_not_found"),
        ("CR-1001", "payment_not_found"),
        ("1", "not_found"),
        ("x", "not_found"),
    ):
        assert refused(program.get(f"/payments/{number}")) == (404, code)
        assert refused(program.post(f"/payments/{number}/void", {"reason": "x"})) == (404, code)
    assert refused(program.get("/orders/WEB-9/payments")) == (404, "order_not_found")
    assert refused(program.post("/orders/WEB-9/payments", payment("1.00"))) == (404, "order_not_found")


def test_a_void_needs_its_reason_and_payments_their_scope(program, new_program, admin_actor):
    number = receive(program, "1.00")["number"]
    other = new_program(admin_actor, Scope.CREDIT)
    before = everything()
    assert refused(program.post(f"/payments/{number}/void", {"reason": ""})) == (409, "invalid_input")
    assert refused(other.post(f"/payments/{number}/void", {"reason": "x"})) == (403, "permission_denied")
    assert refused(other.post("/orders/WEB-1/payments", payment("1.00"))) == (403, "permission_denied")
    assert everything() == before
    assert told(other.get("/orders/WEB-1/payments"))["payments"][0]["number"] == number


def test_a_charge_is_told_and_backs_one_payment(program):
    made = receive(program, "12.00", gateway="stripe", charge="ch_1")
    assert (made["gateway"], made["charge"]) == ("stripe", "ch_1")
    assert told(program.get(f"/payments/{made['number']}")) == made
    again = program.post("/orders/WEB-1/payments", payment("12.00", gateway="stripe", charge="ch_1"))
    assert refused(again) == (409, "charge_used")
    half = program.post("/orders/WEB-1/payments", payment("12.00", charge="ch_2"))
    assert refused(half) == (409, "invalid_input")
    assert Payment.objects.count() == 1


def test_what_the_gateway_paid_back_is_noted_by_admins(program, new_program, staff_actor):
    made = receive(program, "12.00", gateway="stripe", charge="ch_1")
    path, sent = (
        f"/payments/{made['number']}/paid-back",
        {"amount": gbp("5.00"), "reason": "In the dashboard"},
    )
    assert refused(new_program(staff_actor, *Scope).post(path, sent)) == (403, "permission_denied")
    assert told(program.post(path, sent))["paid_back"] == gbp("5.00")
    assert refused(program.post(path, sent | {"amount": gbp("7.01")})) == (409, "invalid_input")
    assert told(program.get(f"/payments/{made['number']}"))["paid_back"] == gbp("5.00")
