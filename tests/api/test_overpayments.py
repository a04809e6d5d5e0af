"""A shop's program deals with what was paid too much."""

from __future__ import annotations

import pytest

from tests.api.conftest import gbp, refused, told
from tillbook.common.actor import Scope

pytestmark = pytest.mark.django_db


def order(program, number: str, price: str) -> None:
    line = {"sku": "LAMP", "description": "A lamp", "quantity": 1, "amount": gbp(price)}
    told(program.post("/orders", {"customer": "jo", "number": number, "lines": [line]}), 201)


@pytest.fixture
def overpaid(program, customer) -> str:
    """The number of the credit of an order of 20.00 for which 25.00 came."""
    order(program, "WEB-1", "20.00")
    paid = {"amount": gbp("25.00"), "method": "bank_transfer", "reference": "A1"}
    told(program.post("/orders/WEB-1/payments", paid), 201)
    ((credit,),) = [told(program.get("/credits", customer="jo"))["items"]]
    return credit["number"]


def waiting(program, **asked: object) -> list[dict]:
    return told(program.get("/overpayments", **asked))["items"]


def test_an_overpayment_is_told_with_its_order_and_a_suggestion(program, overpaid):
    (found,) = waiting(program)
    assert found["credit"] == told(program.get(f"/credits/{overpaid}"))
    assert found["order"] == "WEB-1"
    assert found["suggestion"] == {"choice": "ask", "why": "unclear", "order": None, "amount": None}


def test_another_order_that_owes_is_suggested_and_can_be_paid_so(program, overpaid):
    order(program, "WEB-2", "3.00")
    (found,) = waiting(program)
    assert found["suggestion"] == {
        "choice": "pay", "why": "unpaid_order", "order": "WEB-2", "amount": gbp("3.00")
    }  # fmt: skip
    chosen = {"credit": overpaid, "amount": gbp("3.00")}
    spend = {"customer": "jo", "amount": gbp("3.00"), "reference": "WEB-2", "credits": [chosen]}
    told(program.post("/spends", spend), 201)
    assert [each["credit"]["available"] for each in waiting(program)] == [gbp("2.00")]


def test_what_is_kept_leaves_the_list_once(program, overpaid):
    path = f"/overpayments/{overpaid}/keep"
    kept = told(program.post(path, {}, key="k"))
    assert (kept["number"], kept["available"]) == (overpaid, gbp("5.00"))
    assert told(program.post(path, {}, key="k")) == kept
    assert waiting(program) == []
    assert refused(program.post(path, {})) == (409, "dealt_with")


def test_only_an_overpayment_can_be_kept(program, customer):
    gift = {"customer": "jo", "amount": gbp("1.00"), "reason": "goodwill"}
    number = told(program.post("/credits", gift), 201)["number"]
    assert refused(program.post(f"/overpayments/{number}/keep", {})) == (404, "credit_not_found")
    assert refused(program.post("/overpayments/CR-999999/keep", {})) == (404, "credit_not_found")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.CREDIT, Scope.REFUNDS])
def test_a_key_for_something_else_keeps_nothing(program, new_program, admin_actor, overpaid, scope: Scope):
    other = new_program(admin_actor, scope)
    assert refused(other.post(f"/overpayments/{overpaid}/keep", {})) == (403, "permission_denied")
    assert len(waiting(other)) == 1


def test_the_list_goes_on_by_a_cursor(program, overpaid):
    order(program, "WEB-3", "1.00")
    told(program.post("/orders/WEB-3/payments", {"amount": gbp("2.00"), "method": "cash"}), 201)
    first = told(program.get("/overpayments", limit=1))
    rest = told(program.get("/overpayments", limit=1, cursor=first["next_cursor"]))
    found = [each["credit"]["number"] for page in (first, rest) for each in page["items"]]
    assert found[0] == overpaid
    assert len(set(found)) == 2
    assert rest["next_cursor"] is None
