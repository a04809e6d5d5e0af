"""Refunds back to charges over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from tests.api.conftest import gbp, refused, told
from tillbook.common.actor import Scope

pytestmark = pytest.mark.django_db

RECEIVED = "2025-03-01T09:00:00.000000Z"


@pytest.fixture
def overpaid(program, customer) -> str:
    """WEB-1 of Jo over 30.00, paid by card with 50.00: the number of its credit of 20.00."""
    line = {"sku": "CUP", "quantity": 1, "amount": gbp("30.00")}
    told(program.post("/orders", {"customer": "jo", "number": "WEB-1", "lines": [line]}), 201)
    paid = {
        "amount": gbp("50.00"), "method": "card", "gateway": "stripe", "charge": "ch_1",
        "received_at": RECEIVED,
    }  # fmt: skip
    told(program.post("/orders/WEB-1/payments", paid), 201)
    return told(program.get("/credits", customer="jo"))["items"][0]["number"]


def asking(amount: str, **more: Any) -> dict[str, Any]:
    return {
        "customer": "jo", "amount": gbp(amount), "method": "gateway", "payee": {"name": "Jo Day"},
        "payment_date": timezone.localdate().isoformat(), **more,
    }  # fmt: skip


def possible(program, **more: Any) -> list[str]:
    found = told(program.get("/charges", customer="jo", **more))["charges"]
    return [each["possible"]["amount"] for each in found]


def test_charges_are_told_with_what_may_go_back(program, overpaid):
    found = told(program.get("/charges", customer="jo"))
    (charge,) = found["charges"]
    assert charge.pop("payment").startswith("PAY-")
    assert found == {"customer": "jo", "charges": [charge]}
    assert charge == {
        "gateway": "stripe", "charge": "ch_1", "order": "WEB-1", "brought": gbp("50.00"),
        "possible": gbp("20.00"), "received_at": RECEIVED,
    }  # fmt: skip
    assert possible(program, credit=overpaid) == ["20.00"]
    assert possible(program, currency="EUR") == []


def test_charges_of_nobody_and_of_another_s_credit_are_refused(program, overpaid, customer):
    assert refused(program.get("/charges", customer="nobody")) == (404, "customer_not_found")
    assert refused(program.get("/charges", customer="jo", credit="CR-999")) == (404, "credit_not_found")
    told(program.post("/customers", {"username": "maria", "currency": "GBP"}), 201)
    assert refused(program.get("/charges", customer="maria", credit=overpaid)) == (404, "credit_not_found")


def test_a_refund_goes_back_to_the_charge_and_no_further(program, overpaid):
    made = told(program.post("/refunds", asking("15.00", gateway="stripe", charge="ch_1")), 201)
    assert (made["method"], made["gateway"], made["charge"]) == ("gateway", "stripe", "ch_1")
    assert possible(program, credit=overpaid) == ["5.00"]
    assert refused(program.post("/refunds", asking("5.01"))) == (409, "insufficient_credit")
    found = told(program.post("/refunds", asking("5.00")), 201)
    assert found["charge"] == "ch_1"
    assert possible(program, credit=overpaid) == ["0.00"]


def test_more_than_the_credit_holds_of_the_charge_is_refused(program, overpaid):
    told(
        program.post(
            "/orders", {"customer": "jo", "number": "WEB-2", "lines": [
                {"sku": "CUP", "quantity": 1, "amount": gbp("10.00")}
            ]},
        ),
        201,
    )  # fmt: skip
    for amount, more in (("6.00", {}), ("4.00", {"gateway": "stripe", "charge": "ch_2"})):
        paid = {"amount": gbp(amount), "method": "card", "received_at": RECEIVED, **more}
        told(program.post("/orders/WEB-2/payments", paid), 201)
    told(program.post("/orders/WEB-2/cancel", {"reason": "Out of stock"}))
    wanted = {"gateway": "stripe", "charge": "ch_2"}
    assert refused(program.post("/refunds", asking("4.01", **wanted))) == (409, "charge_limit")
    made = told(program.post("/refunds", asking("4.00", **wanted)), 201)
    elsewhere = asking("4.00", method="cash")
    told(program.post(f"/refunds/{made['number']}/redirect", {
        each: elsewhere[each] for each in ("method", "payee", "payment_date")
    }))  # fmt: skip
    assert told(program.get(f"/refunds/{made['number']}"))["charge"] == ""


def test_whoever_may_read_may_read_them(new_program, viewer_actor, overpaid):
    assert new_program(viewer_actor, Scope.READ).get("/charges", customer="jo").status_code == 200
