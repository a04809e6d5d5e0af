"""The way of the money over the API."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import Program, gbp

pytestmark = pytest.mark.django_db


def told(program: Program, path: str) -> dict:
    answer = program.get(path)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


@pytest.fixture
def overpaid(program: Program, customer) -> str:
    """SO-1 over 50.00, paid with 60.00 and 20.00: credits of 10.00 and 20.00. The second one's number."""
    order = {
        "customer": "jo",
        "number": "SO-1",
        "lines": [{"sku": "CUP", "quantity": 1, "amount": gbp("50.00")}],
    }
    assert program.post("/orders", order).status_code == 201
    for amount in ("60.00", "20.00"):
        body = {"amount": gbp(amount), "method": "card", "received_at": "2026-03-02T10:00:00Z"}
        assert program.post("/orders/SO-1/payments", body).status_code == 201
    return json.loads(program.get("/credits", customer="jo").content)["items"][0]["number"]


def test_a_credit_tells_what_it_arose_from_and_where_each_cent_went(program: Program, overpaid: str):
    spend = {"customer": "jo", "amount": gbp("15.00"), "reference": "W-7"}
    assert program.post("/spends", spend).status_code == 201
    assert (
        program.post(
            "/restores", {"customer": "jo", "reference": "W-7", "currency": "GBP", "amount": gbp("3.00")}
        ).status_code
        == 201
    )
    answer = told(program, f"/credits/{overpaid}/provenance")
    assert (answer["number"], answer["issued"]) == (overpaid, gbp("20.00"))
    origin = answer["origin"]
    assert (origin["source"], origin["order"], origin["rma"]) == ("overpayment", "SO-1", None)
    [payment] = origin["payments"]
    assert (payment["amount"], payment["paid"]) == (gbp("20.00"), gbp("20.00"))
    [way] = answer["ways"]
    assert [way[name] for name in ("to", "reference", "went", "came_back", "held", "stays", "status")] == [
        "order", "W-7", gbp("5.00"), gbp("3.00"), gbp("0.00"), gbp("2.00"), None,
    ]  # fmt: skip
    assert answer["available"] == gbp("18.00")


def test_a_refund_tells_its_credits_and_what_they_arose_from(program: Program, overpaid: str):
    body = {
        "customer": "jo", "amount": gbp("25.00"), "method": "cash", "payee": {"name": "Jo"},
        "payment_date": "2026-03-03",
    }  # fmt: skip
    sent = program.post("/refunds", body)
    number = json.loads(sent.content)["number"]
    answer = told(program, f"/refunds/{number}/provenance")
    assert (answer["amount"], answer["status"]) == (gbp("25.00"), "requested")
    assert [part["amount"] for part in answer["parts"]] == [gbp("10.00"), gbp("15.00")]
    assert [part["origin"]["payments"][0]["paid"] for part in answer["parts"]] == [gbp("60.00"), gbp("20.00")]
    [way] = told(program, f"/credits/{overpaid}/provenance")["ways"]
    assert (way["to"], way["status"], way["stays"], way["held"]) == (
        "refund", "requested", gbp("15.00"), gbp("15.00"),
    )  # fmt: skip


def test_a_number_that_nothing_has_is_not_found(program: Program, customer):
    assert program.get("/credits/CR-9/provenance").status_code == 404
    assert program.get("/refunds/RF-9/provenance").status_code == 404
