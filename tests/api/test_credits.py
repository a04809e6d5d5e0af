"""A checkout uses credit over the API."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tests.api.conftest import gbp
from tillbook.api.urls import api
from tillbook.common.actor import Scope
from tillbook.common.money import Money
from tillbook.credit.queries import balance_of
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.orders import services as orders
from tillbook.orders.models import Order
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.staff.models import Answer, ApiKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def given(program, customer):
    """Jo has 50.00 of credit."""
    body = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    answer = program.post("/credits", body)
    assert answer.status_code == 201, answer.content
    return json.loads(answer.content)


def taking(amount: str, reference: str = "WEB-1", **more: object) -> dict[str, object]:
    return {"customer": "jo", "amount": gbp(amount), "reference": reference, **more}


def test_credit_given_by_hand_is_told_whole(program, given):
    assert (given["issued"], given["available"], given["held"]) == (gbp("50.00"), gbp("50.00"), gbp("0.00"))
    assert given["expires_at"] is None
    assert json.loads(program.get(f"/credits/{given['number']}").content) == given
    assert json.loads(program.get("/credits", customer="jo").content) == {
        "items": [given],
        "next_cursor": None,
    }


def test_a_spend_takes_credit_and_says_which(program, given):
    answer = program.post("/spends", taking("12.50"))
    assert answer.status_code == 201
    assert json.loads(answer.content) == {
        "customer": "jo",
        "reference": "WEB-1",
        "amount": gbp("12.50"),
        "credits": [{"credit": given["number"], "amount": gbp("12.50")}],
    }
    balances = json.loads(program.get("/customers/jo/balances").content)["balances"]
    assert balances == [{"available": gbp("37.50"), "held": gbp("0.00"), "owing": gbp("0.00")}]


def test_a_repetition_gets_the_first_answer_and_moves_nothing(program, given, customer):
    first = program.post("/spends", taking("12.50"), key="a")
    again = program.post("/spends", taking("12.50"), key="a")
    assert (again.status_code, again.content) == (201, first.content)
    assert (first.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert balance_of(customer.pk, "GBP").available_minor == 37_50


def test_a_refusal_is_an_answer_too(program, given, customer):
    first = program.post("/spends", taking("50.01"), key="a")
    assert (first.status_code, json.loads(first.content)["code"]) == (409, "insufficient_credit")
    program.post("/credits", {"customer": "jo", "amount": gbp("9.00"), "reason": "deposit"})
    again = program.post("/spends", taking("50.01"), key="a")
    assert (again.status_code, again.content) == (409, first.content)
    assert balance_of(customer.pk, "GBP").available_minor == 59_00


def test_one_key_is_not_taken_for_other_content(program, given, customer):
    program.post("/spends", taking("1.00"), key="a")
    other = program.post("/spends", taking("1.01"), key="a")
    assert (other.status_code, json.loads(other.content)["code"]) == (422, "key_reused")
    assert balance_of(customer.pk, "GBP").available_minor == 49_00


def test_after_answers_were_cleared_a_repetition_still_moves_nothing(program, given, customer):
    first = program.post("/spends", taking("1.00"), key="a")
    Answer.objects.all().delete()
    again = program.post("/spends", taking("1.00"), key="a")
    assert (again.status_code, again.content) == (201, first.content)
    assert balance_of(customer.pk, "GBP").available_minor == 49_00


def test_a_hold_is_captured_in_part_and_the_rest_is_available(program, given, customer):
    held = json.loads(program.post("/holds", taking("20.00")).content)
    assert (held["state"], held["amount"], held["captured"]) == ("held", gbp("20.00"), None)
    assert balance_of(customer.pk, "GBP").held_minor == 20_00
    captured = program.post(f"/holds/{held['number']}/capture", {"amount": gbp("15.00")})
    told = json.loads(captured.content)
    assert (captured.status_code, told["state"], told["captured"]) == (200, "captured", gbp("15.00"))
    assert balance_of(customer.pk, "GBP").available_minor == 35_00
    assert json.loads(program.get(f"/holds/{held['number']}").content) == told


def test_a_hold_is_released(program, given, customer):
    held = json.loads(program.post("/holds", taking("20.00")).content)
    released = json.loads(program.post(f"/holds/{held['number']}/release", {}).content)
    assert (released["state"], released["captured"]) == ("released", None)
    assert balance_of(customer.pk, "GBP").available_minor == 50_00
    again = program.post(f"/holds/{held['number']}/capture", {})
    assert json.loads(again.content)["code"] == "hold_already_resolved"


def test_what_a_refund_holds_is_no_hold_of_the_api(program, given, customer, system_actor, now):
    refunds.request(
        customer_id=customer.pk, amount=Money(100, "GBP"), method=Refund.Method.CASH,
        payee=refunds.Payee("Jo"), payment_date=date(2026, 3, 3), key="r", actor=system_actor, now=now,
    )  # fmt: skip
    event = Event.objects.get(action="credit.held")
    for answer in (
        program.get(f"/holds/HO-{event.pk + 1000}"),
        program.post(f"/holds/HO-{event.pk + 1000}/release", {}),
        program.post(f"/holds/HO-{event.pk + 1000}/capture", {}),
    ):
        assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "hold_not_found")
    assert balance_of(customer.pk, "GBP").held_minor == 100


@pytest.fixture
def order(customer, admin_actor, now) -> Order:
    line = orders.LineInput("A", "", 1, 30_00)
    return orders.place(
        customer_id=customer.pk, currency="GBP", lines=[line], number="WEB-7", key="o", actor=admin_actor,
        now=now,
    )  # fmt: skip


def test_an_order_captured_from_a_hold_is_paid_by_it(program, given, order):
    held = json.loads(program.post("/holds", taking("30.00", "WEB-7")).content)
    order.refresh_from_db()
    assert (order.credit_used_minor, order.owing_minor) == (0, 30_00)
    program.post(f"/holds/{held['number']}/capture", {}, key="c")
    program.post(f"/holds/{held['number']}/capture", {}, key="c")
    order.refresh_from_db()
    assert (order.credit_used_minor, order.paid_status) == (30_00, "fully_paid")


def test_an_order_never_takes_more_credit_than_it_owes(program, given, order, customer):
    for path in ("/holds", "/spends"):
        answer = program.post(path, taking("30.01", "WEB-7"))
        assert (answer.status_code, json.loads(answer.content)["code"]) == (409, "more_than_owing")
    assert balance_of(customer.pk, "GBP").available_minor == 50_00


def test_credit_spent_on_an_order_is_restored_from_it(program, given, order, customer):
    program.post("/spends", taking("30.00", "WEB-7"))
    body = {"customer": "jo", "reference": "WEB-7", "currency": "GBP", "amount": gbp("10.00")}
    answer = program.post("/restores", body, key="r")
    assert json.loads(answer.content)["credits"] == [{"credit": given["number"], "amount": gbp("10.00")}]
    assert program.post("/restores", body, key="r").content == answer.content
    order.refresh_from_db()
    assert (order.credit_used_minor, order.owing_minor) == (20_00, 10_00)
    assert balance_of(customer.pk, "GBP").available_minor == 30_00


def test_every_transfer_names_the_key_that_caused_it(program, given):
    (actor,) = Transfer.objects.values_list("actor", flat=True)
    assert actor == f"key:{ApiKey.objects.get().pk}"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (taking("-1.00"), "#/amount/amount"),
        (taking("1,000.00"), "#/amount/amount"),
        ({**taking("1.00"), "color": "red"}, "#/color"),
        (taking("1.00", "a" * 201), "#/reference"),
        (taking("1.00", "a\0b"), "#/reference"),
        ({"customer": "jo", "reference": "WEB-1"}, "#/amount"),
    ],
)
def test_a_wrong_field_is_pointed_at_and_nothing_moves(program, given, customer, body, pointer):
    answer = program.post("/spends", body)
    told = json.loads(answer.content)
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, told["errors"][0]["pointer"]) == (422, pointer), told
    assert balance_of(customer.pk, "GBP").available_minor == 50_00


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (taking("0.00"), "#/amount"),
        (taking("1.001"), "#/amount"),
        ({**taking("1.00"), "amount": {"amount": "1.00", "currency": "XXY"}}, "#/amount/currency"),
        (taking("1.00", credits=[{"credit": "CR-1001", "amount": gbp("2.00")}]), "#/credits"),
    ],
)
def test_what_has_the_shape_but_not_the_sense_is_a_conflict(program, given, customer, body, pointer):
    answer = program.post("/spends", body)
    told = json.loads(answer.content)
    assert (answer.status_code, told["code"]) == (409, "invalid_input")
    assert told["errors"][0]["pointer"] == pointer
    assert balance_of(customer.pk, "GBP").available_minor == 50_00


def test_a_scope_is_needed(new_program, admin_actor, given, customer):
    reader = new_program(admin_actor, Scope.READ)
    answer = reader.post("/spends", taking("1.00"))
    assert (answer.status_code, json.loads(answer.content)["code"]) == (403, "permission_denied")
    assert reader.get("/customers/jo/balances").status_code == 200
    assert balance_of(customer.pk, "GBP").available_minor == 50_00


def test_a_limit_in_another_currency_than_the_new_customer_has_is_refused(program):
    limit = {"amount": "100000", "currency": "JPY"}
    answer = program.post("/customers", {"username": "al", "credit_limit": limit})
    assert answer.status_code == 409
    assert "GBP" in json.loads(answer.content)["detail"]


@pytest.mark.parametrize(
    ("money", "place", "says"),
    [
        ({"amount": "5,00", "currency": "GBP"}, "amount", "Write an amount without a sign, with a point, like 12.34."),
        ({"amount": "5.00\n", "currency": "GBP"}, "amount", "Write an amount without a sign, with a point, like 12.34."),
        ({"amount": "5.00", "currency": "gbp"}, "currency", "Write a three-letter currency code, like AUD."),
    ],
)  # fmt: skip
def test_money_that_is_written_wrong_is_told_how_to_write_it(program, given, money, place, says):
    answer = program.post("/spends", taking("1.00") | {"amount": money})
    told = json.loads(answer.content)
    assert (answer.status_code, told["errors"]) == (422, [{"detail": says, "pointer": f"#/amount/{place}"}])
    assert Transfer.objects.count() == 1


def test_the_description_has_the_patterns_of_money():
    shape = api.get_openapi_schema(path_prefix="")["components"]["schemas"]["MoneySent"]["properties"]
    assert shape["amount"]["pattern"] == r"^[0-9]{1,16}(\.[0-9]{1,4})?$"
    assert shape["currency"]["pattern"] == "^[A-Z]{3}$"
