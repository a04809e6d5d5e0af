"""What customers asked for, over the API: listed, accepted, declined; links to their page; the statement."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from django.utils import timezone

from tests.api.conftest import Program, gbp, refused, told
from tillbook.common.actor import Actor, Scope
from tillbook.common.money import Money
from tillbook.credit.queries import balance_of
from tillbook.customers.models import AskedLink, Customer
from tillbook.refunds import asks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.policies import version
from tillbook.shop.services import save

pytestmark = pytest.mark.django_db


@pytest.fixture
def switched_on(admin_actor: Actor, now: datetime) -> None:
    values = {"own_page": True, "own_page_methods": ["bank_transfer"]}
    save("own_page", values, seen=version(), actor=admin_actor, now=now)


@pytest.fixture
def asked(switched_on: None, program: Program, customer: Customer) -> str:
    """The number of what Jo asked for: 20.00 of 50.00."""
    body = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    assert program.post("/credits", body).status_code == 201
    made = asks.ask(
        customer_id=customer.pk, amount=Money(2_000, "GBP"), method="bank_transfer",
        payee=Payee("Jo Day", "20-00-00 55779911"), key="a",
        actor=Actor.customer(customer.pk, "own page"), now=timezone.now(),
    )  # fmt: skip
    return made.number


def test_it_is_listed_and_told_with_its_account_masked(program: Program, asked: str) -> None:
    listed = json.loads(program.get("/asks", status="waiting").content)["items"]
    assert [each["number"] for each in listed] == [asked]
    told = json.loads(program.get(f"/asks/{asked}").content)
    assert (told["status"], told["customer"], told["amount"], told["refund"], told["flags"]) == (
        "waiting", "jo", gbp("20.00"), None, [],
    )  # fmt: skip
    assert told["payee"]["bank_account"].endswith("•911")
    assert "5577" not in json.dumps(told)
    assert json.loads(program.get("/asks", status="declined").content)["items"] == []
    assert [each["number"] for each in json.loads(program.get("/asks", customer="jo").content)["items"]] == [
        asked
    ]
    assert program.get("/asks", customer="nobody").status_code == 404


def test_accepting_it_requests_the_refund_once(program: Program, asked: str, customer: Customer) -> None:
    first = program.post(f"/asks/{asked}/accept", {}, key="k")
    again = program.post(f"/asks/{asked}/accept", {}, key="k")
    anew = program.post(f"/asks/{asked}/accept", {}, key="other")
    assert [each.status_code for each in (first, again, anew)] == [200, 200, 200]
    number = json.loads(first.content)["refund"]
    assert json.loads(anew.content)["refund"] == number == Refund.objects.get().number
    assert balance_of(customer.pk, "GBP").held_minor == 2_000
    assert program.post(f"/asks/{asked}/decline", {"reason": "No"}).status_code == 409


def test_what_must_go_back_to_its_charge_first_is_refused_when_it_is_accepted(
    program: Program, switched_on: None, customer: Customer, admin_actor: Actor, now: datetime
) -> None:
    """A customer may ask for another way: whether that may be is looked at when it is accepted."""
    save(
        "refunds",
        {"charge_first": True, "charge_first_days": 180},
        seen=version(),
        actor=admin_actor,
        now=now,
    )
    line = {"sku": "CUP", "quantity": 1, "amount": gbp("30.00")}
    told(program.post("/orders", {"customer": "jo", "number": "WEB-1", "lines": [line]}), 201)
    paid = {
        "amount": gbp("50.00"), "method": "card", "gateway": "stripe", "charge": "ch_1",
        "received_at": timezone.now().isoformat(),
    }  # fmt: skip
    told(program.post("/orders/WEB-1/payments", paid), 201)
    made = asks.ask(
        customer_id=customer.pk, amount=Money(2_000, "GBP"), method="bank_transfer",
        payee=Payee("Jo Day", "20-00-00 55779911"), key="a",
        actor=Actor.customer(customer.pk, "own page"), now=timezone.now(),
    )  # fmt: skip
    assert refused(program.post(f"/asks/{made.number}/accept", {})) == (409, "charge_first")
    assert Ask.objects.get().status == Ask.Status.WAITING
    assert not Refund.objects.exists()


def test_the_charge_that_it_goes_back_to_is_named_where_two_have_room(
    program: Program, switched_on: None, customer: Customer, admin_actor: Actor, now: datetime
) -> None:
    save("own_page", {"own_page_methods": ["gateway"]}, seen=version(), actor=admin_actor, now=now)
    line = {"sku": "CUP", "quantity": 1, "amount": gbp("50.00")}
    told(program.post("/orders", {"customer": "jo", "number": "WEB-1", "lines": [line]}), 201)
    for charge in ("ch_1", "ch_2"):
        paid = {
            "amount": gbp("25.00"), "method": "card", "gateway": "stripe", "charge": charge,
            "received_at": timezone.now().isoformat(),
        }  # fmt: skip
        told(program.post("/orders/WEB-1/payments", paid), 201)
    told(program.post("/orders/WEB-1/cancel", {"reason": "Out of stock"}))
    made = asks.ask(
        customer_id=customer.pk, amount=Money(2_000, "GBP"), method="gateway", payee=Payee("Jo Day"), key="a",
        actor=Actor.customer(customer.pk, "own page"), now=timezone.now(),
    )  # fmt: skip
    accept = f"/asks/{made.number}/accept"
    wrong = json.loads(program.post(accept, {"gateway": "stripe", "charge": "ch_9"}).content)
    assert (wrong["code"], wrong["errors"][0]["pointer"]) == ("invalid_input", "#/charge")
    unnamed = json.loads(program.post(accept, {}).content)
    assert (unnamed["code"], unnamed["errors"][0]["parameter"]) == ("invalid_input", "charge")
    assert "one of ch_1, ch_2" in unnamed["detail"]
    assert program.post(accept, {"gateway": "stripe", "charge": "ch_\0"}).status_code == 422
    assert not Refund.objects.exists()
    right = {"gateway": "stripe", "charge": "ch_2"}
    number = told(program.post(accept, right))["refund"]
    assert told(program.post(accept, right))["refund"] == number
    assert told(program.get(f"/refunds/{number}"))["charge"] == "ch_2"
    assert refused(program.post(accept, {"gateway": "stripe", "charge": "ch_1"})) == (409, "wrong_state")


def test_declining_it_tells_the_customer_why(program: Program, asked: str) -> None:
    assert program.post(f"/asks/{asked}/decline", {"reason": ""}).status_code == 409
    answer = program.post(f"/asks/{asked}/decline", {"reason": "Not your account."})
    told = json.loads(answer.content)
    assert (told["status"], told["decline_reason"], told["refund"]) == ("declined", "Not your account.", None)


@pytest.mark.parametrize("scope", [Scope.READ, Scope.ORDERS, Scope.CREDIT])
def test_a_key_that_may_not_request_refunds_may_only_look(
    new_program, admin_actor: Actor, asked: str, scope: Scope
) -> None:
    program = new_program(admin_actor, scope)
    assert program.get(f"/asks/{asked}").status_code == 200
    assert program.post(f"/asks/{asked}/accept", {}).status_code == 403
    assert program.post(f"/asks/{asked}/decline", {"reason": "No"}).status_code == 403
    assert Ask.objects.get().status == "waiting"


def test_a_link_is_sent_once_for_its_key(program: Program, switched_on: None, customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(email="jo@example.com")
    for _ in range(2):
        answer = program.post("/customers/jo/links", {}, key="k")
        assert (answer.status_code, json.loads(answer.content)) == (201, {"to": "jo@example.com"})
    asked = AskedLink.objects.get()
    assert (asked.customer_id, asked.address) == (customer.pk, "http://testserver/my/")


def test_no_link_without_an_address_and_while_it_is_switched_off(
    program: Program, customer: Customer, admin_actor: Actor, now: datetime
) -> None:
    Customer.objects.filter(pk=customer.pk).update(email="")
    assert json.loads(program.post("/customers/jo/links", {}).content)["code"] == "own_page_off"
    save("own_page", {"own_page": True}, seen=version(), actor=admin_actor, now=now)
    assert json.loads(program.post("/customers/jo/links", {}).content)["code"] == "no_email_address"
    assert json.loads(program.post("/customers/nobody/links", {}).content)["code"] == "customer_not_found"
    assert not AskedLink.objects.exists()


def test_the_statement_is_a_pdf_of_a_currency_that_there_is(program: Program, asked: str) -> None:
    answer = program.get("/customers/jo/statement/GBP")
    assert (answer.status_code, answer["Content-Type"], answer.content[:5]) == (
        200,
        "application/pdf",
        b"%PDF-",
    )
    assert program.get("/customers/jo/statement/XYZ").status_code == 404
    assert program.get("/asks/ASK-9999").status_code == 404
