"""Many credits and spends in one request."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import gbp
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify
from tillbook.orders import services as orders

pytestmark = pytest.mark.django_db


def gift(key: str, amount: str = "1.00", **more: object) -> dict[str, object]:
    return {"key": key, "customer": "jo", "amount": gbp(amount), "reason": "deposit", **more}


def spend(key: str, amount: str = "1.00", **more: object) -> dict[str, object]:
    return {"key": key, "customer": "jo", "amount": gbp(amount), "reference": "WEB-1", **more}


def sent(program, path: str, *items: object) -> list[dict[str, object]]:
    answer = program.send("POST", path, {"items": list(items)})
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)["outcomes"]


def test_each_credit_has_its_own_outcome(program, customer):
    outcomes = sent(
        program, "/credits:batch", gift("a", "2.00"), gift("b", customer="nobody"), gift("c", "0.00"),
        gift("d", reason="goodwill", refundable=True), gift("e", "3.00", refundable=True),
    )  # fmt: skip
    assert [(each["key"], each["status"]) for each in outcomes] == [
        ("a", 201), ("b", 404), ("c", 409), ("d", 409), ("e", 201),
    ]  # fmt: skip
    assert outcomes[0]["credit"]["available"] == gbp("2.00")
    assert [each["problem"]["code"] for each in outcomes if each["problem"]] == [
        "customer_not_found", "invalid_input", "credit_not_refundable",
    ]  # fmt: skip
    assert outcomes[2]["problem"]["errors"][0]["pointer"] == "#/amount"
    assert balance_of(customer.pk, "GBP").available_minor == 5_00


def test_a_batch_sent_again_gives_the_same_and_tries_anew_what_was_refused(program, customer):
    sent(program, "/credits:batch", gift("g", "2.00"))
    first = sent(program, "/spends:batch", spend("a"), spend("b", "1.50"), spend("c", "0.50"))
    assert [each["status"] for each in first] == [201, 409, 201]
    sent(program, "/credits:batch", gift("h", "2.00"))
    again = sent(program, "/spends:batch", spend("a"), spend("b", "1.50"), spend("c", "0.50"))
    assert [each["status"] for each in again] == [201, 201, 201]
    assert (again[0], again[2]) == (first[0], first[2])
    assert balance_of(customer.pk, "GBP").available_minor == 1_00


def test_one_key_twice_in_a_batch_moves_once(program, customer):
    outcomes = sent(program, "/credits:batch", gift("a"), gift("a"), gift("a", "2.00"))
    assert [each["status"] for each in outcomes] == [201, 201, 422]
    assert outcomes[0]["credit"] == outcomes[1]["credit"]
    assert outcomes[2]["problem"]["code"] == "key_reused"
    assert balance_of(customer.pk, "GBP").available_minor == 1_00


def test_what_pays_an_order_stands_on_the_order(program, customer, admin_actor, now):
    order = orders.place(
        customer_id=customer.pk, currency="GBP", lines=[orders.LineInput("A", "", 1, 3_00)], number="WEB-7",
        key="o", actor=admin_actor, now=now,
    )  # fmt: skip
    sent(program, "/credits:batch", gift("g", "9.00"))
    outcomes = sent(
        program, "/spends:batch", spend("a", reference="WEB-7"), spend("b", "2.01", reference="WEB-7"),
        spend("c"), spend("d", "2.00", reference="WEB-7"),
    )  # fmt: skip
    assert [each["status"] for each in outcomes] == [201, 409, 201, 201]
    assert outcomes[1]["problem"]["code"] == "more_than_owing"
    order.refresh_from_db()
    assert (order.credit_used_minor, order.owing_minor) == (3_00, 0)
    assert balance_of(customer.pk, "GBP").available_minor == 5_00


@pytest.mark.parametrize("items", [[gift("a b")], [gift("")], [{**gift("a"), "color": "red"}], [{}]])
def test_an_item_without_the_documented_shape_refuses_the_whole_request(program, customer, items):
    answer = program.send("POST", "/credits:batch", {"items": [gift("ok"), *items]})
    told = json.loads(answer.content)
    assert (answer.status_code, told["code"]) == (422, "invalid_input")
    assert told["errors"][0]["pointer"].startswith("#/items/1/")
    assert not Credit.objects.exists()


def test_a_batch_has_at_most_ten_thousand_items(program, customer):
    answer = program.send("POST", "/spends:batch", {"items": [spend("a")] * 10_001})
    assert (answer.status_code, json.loads(answer.content)["errors"][0]["pointer"]) == (422, "#/items")
    assert sent(program, "/spends:batch") == []


def test_three_thousand_spends_of_fifty_customers_are_exact(program, admin_actor, now):
    people = [customers.add(username=f"c{n}", currency="GBP", actor=admin_actor, now=now) for n in range(50)]
    names = [each.username for each in people]
    sent(program, "/credits:batch", *[gift(f"g-{name}", "100.00", customer=name) for name in names])
    items = [spend(f"s{n}", "0.01", customer=names[n % 50]) for n in range(3000)]
    outcomes = sent(program, "/spends:batch", *items)
    assert {each["status"] for each in outcomes} == {201}
    assert [each["key"] for each in outcomes] == [item["key"] for item in items]
    assert {balance_of(each.pk, "GBP").available_minor for each in people} == {100_00 - 60}
    assert Transfer.objects.count() == 3050
    assert verify().broken == []
