"""From a checkout to a return, over the API alone."""

from __future__ import annotations

import pytest

from tests.api.conftest import gbp, told
from tillbook.common.actor import Scope
from tillbook.ledger.verification import verify
from tillbook.orders.recalculation import recalculate


@pytest.mark.django_db
def test_an_order_paid_with_credit_and_overpaid_comes_back_in_part(
    new_program, staff_actor, customer, system_actor, now
):
    office = new_program(staff_actor, Scope.CREDIT)
    checkout = new_program(staff_actor, Scope.ORDERS)
    warehouse = new_program(staff_actor, Scope.ORDERS)
    given = {"customer": "jo", "amount": gbp("20.00"), "reason": "goodwill"}
    gift = told(office.post("/credits", given), 201)["number"]

    lamps = {"sku": "LAMP", "quantity": 2, "amount": gbp("50.00")}
    placed = {"customer": "jo", "number": "WEB-1", "lines": [lamps], "shipping": gbp("4.00")}
    assert told(checkout.post("/orders", placed), 201)["owing"] == gbp("54.00")
    taking = {"customer": "jo", "amount": gbp("20.00"), "reference": "WEB-1"}
    hold = told(checkout.post("/holds", taking), 201)["number"]
    told(checkout.post(f"/holds/{hold}/capture", {}))
    paid = told(checkout.get("/orders/WEB-1"))
    assert (paid["owing"], paid["paid_status"]) == (gbp("34.00"), "part_paid")
    assert paid["paid_with"] == [{"credit": gift, "amount": gbp("20.00")}]

    told(checkout.post("/orders/WEB-1/payments", {"amount": gbp("40.00"), "method": "card"}), 201)
    paid = told(checkout.get("/orders/WEB-1"))
    assert (paid["received"], paid["credit_used"], paid["overpaid"], paid["owing"], paid["paid_status"]) == (
        gbp("40.00"), gbp("20.00"), gbp("6.00"), gbp("0.00"), "over_paid",
    )  # fmt: skip
    (excess,) = paid["overpayment_credits"]
    assert told(checkout.get(f"/credits/{excess['credit']}"))["available"] == gbp("6.00")

    back = {
        "customer": "jo", "order": "WEB-1", "lines": [{"sku": "LAMP", "quantity": 2}], "reason": "faulty",
        "shipping": gbp("2.00"),
    }  # fmt: skip
    rma = told(warehouse.post("/rmas", back), 201)
    assert rma["total"] == gbp("52.00")
    closed = told(warehouse.post(f"/rmas/{rma['number']}/close", {}))
    # 34.00 of it was paid in money, and goodwill never turns into cash.
    assert [each["amount"] for each in closed["credits"]] == [gbp("34.00"), gbp("18.00")]
    credits = told(checkout.get("/credits", customer="jo"))["items"]
    assert [(each["number"], each["available"], each["refundable"]) for each in credits] == [
        (closed["credits"][1]["credit"], gbp("18.00"), False),
        (closed["credits"][0]["credit"], gbp("34.00"), True),
        (excess["credit"], gbp("6.00"), True),
        (gift, gbp("0.00"), False),
    ]
    assert [each["source_reference"] for each in credits[:3]] == [rma["number"], rma["number"], "WEB-1"]
    assert told(checkout.get("/customers/jo/balances"))["balances"] == [
        {"available": gbp("58.00"), "held": gbp("0.00"), "owing": gbp("0.00")}
    ]
    assert told(checkout.get("/orders/WEB-1"))["returned"] == gbp("52.00")
    assert verify().broken == []
    assert recalculate(customer.pk, repair=False, actor=system_actor, now=now).differences == []
