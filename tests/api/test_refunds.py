"""Refunds over the API: asked for, listed, completed, declined, printed; and reversals."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.api.conftest import Program, gbp, told
from tillbook.common.actor import Scope
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund
from tillbook.refunds.verification import money_findings

pytestmark = pytest.mark.django_db


@pytest.fixture
def given(program, customer):
    """Jo has 50.00 of refundable credit."""
    body = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    return json.loads(program.post("/credits", body).content)


def asking(amount: str = "20.00", **more: object) -> dict[str, object]:
    return {
        "customer": "jo", "amount": gbp(amount), "method": "bank_transfer",
        "payee": {"name": "Jo Day", "bank_account": "20-00-00 55779911"},
        "payment_date": today().isoformat(), "note": "By phone", **more,
    }  # fmt: skip


def asked(program: Program, amount: str = "20.00", **more: object) -> str:
    """The number of a refund that was asked for."""
    answer = program.post("/refunds", asking(amount, **more))
    assert answer.status_code == 201, answer.content
    return json.loads(answer.content)["number"]


def today() -> date:
    return timezone.now().date()


def figures(customer: Customer) -> tuple[int, int]:
    row = balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def refused(answer) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["code"]


def test_a_refund_asked_for_is_told_whole_and_its_amount_is_held(program, given, customer):
    answer = program.post("/refunds", asking())
    told = json.loads(answer.content)
    assert answer.status_code == 201
    assert told.pop("requested_at").endswith("Z")
    number = told.pop("number")
    assert number == Refund.objects.get().number
    assert len(told.pop("version")) == 64
    assert told == {
        "kind": "refund",
        "status": "requested",
        "customer": "jo",
        "amount": gbp("20.00"),
        "method": "bank_transfer",
        "payee": {
            "name": "Jo Day", "bank_account": "•••••••••••911", "paypal_email": "", "postal_address": "",
            "reference": "",
        },
        "gateway": "",
        "charge": "",
        "payment_date": today().isoformat(),
        "reason": "",
        "note": "By phone",
        "requested_by": "admin",
        "resolved_by": "",
        "resolved_at": None,
        "decline_reason": "",
        "payout": None,
        "failed_at": None,
        "fail_reason": "",
        "unclaimed": False,
        "completed_at": None,
        "cheque_number": "",
        "received_on": None,
        "credits": [{"credit": given["number"], "amount": gbp("20.00")}],
        "approvals": [],
        "approvals_needed": 0,
        "flags": [],
        "sending": None,
    }  # fmt: skip
    assert program.get(f"/refunds/{number}").content == answer.content
    assert figures(customer) == (30_00, 20_00)


def test_a_document_of_another_system_may_have_a_refund_s_number(program, given, customer):
    number = asked(program)
    body = {"customer": "jo", "amount": gbp("2.00"), "reference": number}
    held = json.loads(program.post("/holds", body).content)["number"]
    assert list(money_findings()) == []
    program.post(f"/holds/{held}/capture", {})
    program.post("/holds", body)
    assert list(money_findings()) == []
    Refund.objects.update(amount_minor=19_00)
    assert [each.subject for each in money_findings()] == [number, number]


def test_a_repeated_request_for_a_refund_is_one_refund(program, given, customer):
    first = program.post("/refunds", asking(), key="a")
    again = program.post("/refunds", asking(), key="a")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotency-Replayed"] == "true"
    assert (Refund.objects.count(), figures(customer)) == (1, (30_00, 20_00))


def test_a_refund_is_completed_once(program, given, customer):
    number = asked(program)
    answer = program.post(f"/refunds/{number}/complete", {})
    told = json.loads(answer.content)
    assert (answer.status_code, told["status"], told["resolved_by"]) == (200, "completed", "admin")
    assert json.loads(program.post(f"/refunds/{number}/complete", {}).content) == told
    assert refused(program.post(f"/refunds/{number}/decline", {"reason": "No"})) == (409, "wrong_state")
    assert figures(customer) == (30_00, 0)


def test_a_declined_refund_is_available_again(program, given, customer):
    number = asked(program)
    assert refused(program.post(f"/refunds/{number}/decline", {"reason": " "})) == (409, "invalid_input")
    assert refused(program.post(f"/refunds/{number}/decline", {})) == (422, "invalid_input")
    assert figures(customer) == (30_00, 20_00)
    told = json.loads(program.post(f"/refunds/{number}/decline", {"reason": "Wrong account"}).content)
    assert (told["status"], told["decline_reason"]) == ("declined", "Wrong account")
    assert refused(program.post(f"/refunds/{number}/complete", {})) == (409, "wrong_state")
    assert figures(customer) == (50_00, 0)


def test_the_queue_is_filtered_and_read_page_by_page(program, given, admin_actor, now):
    customers.add(username="al", currency="GBP", actor=admin_actor, now=now)
    first, second, third = (asked(program, "1.00") for _ in range(3))
    fourth = asked(program, "1.00", method="cash", payee={"name": "Jo"})
    reversed_ = program.post(f"/credits/{given['number']}/reverse", {"reason": "duplicate"})
    fifth = json.loads(reversed_.content)["number"]
    program.post(f"/refunds/{second}/complete", {})

    def numbers(**filters):
        answer = json.loads(program.get("/refunds", **filters).content)
        return [each["number"] for each in answer["items"]], answer["next_cursor"]

    assert numbers() == ([first, second, third, fourth, fifth], None)
    assert numbers(limit=2) == ([first, second], second)
    assert numbers(limit=2, cursor=second) == ([third, fourth], fourth)
    assert numbers(limit=2, cursor=fourth) == ([fifth], None)
    assert numbers(status="completed") == ([second], None)
    assert numbers(kind="reversal") == ([fifth], None)
    assert numbers(method="cash", customer="jo") == ([fourth], None)
    assert numbers(customer="al") == ([], None)
    assert refused(program.get("/refunds", customer="xy")) == (404, "customer_not_found")
    assert refused(program.get("/refunds", cursor="RF-999999")) == (409, "invalid_input")
    assert refused(program.get("/refunds", status="lost")) == (422, "invalid_input")


def test_the_list_is_narrowed_down_as_the_queue_is(program, new_program, given, staff_actor, settings):
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, time_zone=ZoneInfo("Australia/Sydney"))
    small, middle = asked(program, "1.00"), asked(program, "20.00")
    mine = asked(new_program(staff_actor, Scope.REFUNDS), "5.00")
    early = datetime(2026, 3, 1, 12, 59, tzinfo=UTC)  # the last minute of the day in Sydney
    Refund.objects.filter(pk=Refund.objects.get(amount_minor=1_00).pk).update(requested_at=early)

    def numbers(**filters):
        return [each["number"] for each in told(program.get("/refunds", **filters))["items"]]

    assert numbers(requested_to="2026-03-01") == [small]
    assert numbers(requested_from="2026-03-01", requested_to="2026-03-01") == [small]
    assert numbers(requested_from="2026-03-02") == [middle, mine]
    assert numbers(requested_by=staff_actor.name) == [mine]
    assert numbers(requested_by="nobody") == []
    assert numbers(amount_from="5.00", currency="GBP") == [middle, mine]
    assert numbers(amount_from="5", amount_to="19.99", currency="GBP") == [mine]
    assert numbers(amount_from="0", currency="GBP") == numbers(currency="GBP") == [small, middle, mine]
    assert numbers(currency="JPY") == numbers(amount_from="0", currency="JPY") == []


def test_an_amount_without_a_currency_is_in_the_shops_own(program, given, settings):
    number = asked(program, "20.00")
    for own, found in (("GBP", [number]), ("AUD", [])):
        settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency=own)
        listed = told(program.get("/refunds", amount_to="20.00"))["items"]
        assert [each["number"] for each in listed] == found


@pytest.mark.parametrize(
    ("wrong", "status", "parameter"),
    [
        ({"requested_from": "1 March"}, 422, "requested_from"),
        ({"amount_from": "much"}, 422, "amount_from"),
        ({"amount_to": "1.001", "currency": "GBP"}, 409, "amount_to"),
        ({"currency": "ABC"}, 409, "currency"),
    ],
)
def test_a_filter_that_can_not_be_read_is_named(program, wrong, status, parameter):
    answer = program.get("/refunds", **wrong)
    assert refused(answer) == (status, "invalid_input")
    assert json.loads(answer.content)["errors"][0]["parameter"] == parameter


def test_a_refund_comes_from_the_credit_that_was_chosen(program, given, customer):
    body = {"customer": "jo", "amount": gbp("9.00"), "reason": "deposit", "refundable": True}
    second = json.loads(program.post("/credits", body).content)["number"]
    told = json.loads(program.post("/refunds", asking("8.00", credit=second)).content)
    assert told["credits"] == [{"credit": second, "amount": gbp("8.00")}]
    assert refused(program.post("/refunds", asking("1.01", credit=second))) == (409, "insufficient_credit")
    assert refused(program.post("/refunds", asking(credit="CR-9999"))) == (404, "credit_not_found")
    assert figures(customer) == (51_00, 8_00)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"payee": {"name": "Jo", "bank_account": "x" * 61}}, "#/payee/bank_account"),
        ({"payee": {"bank_account": "20-00-00 55779911"}}, "#/payee/name"),
        ({"payee": {"name": "Jo", "iban": "1"}}, "#/payee/iban"),
        ({"payment_date": 0}, "#/payment_date"),
        ({"payment_date": "2026-02-30"}, "#/payment_date"),
        ({"payment_date": "2026-02-03T00:00:00"}, "#/payment_date"),
    ],
)
def test_a_wrong_field_of_a_refund_is_pointed_at(program, given, customer, more, pointer):
    answer = program.post("/refunds", asking(**more))
    assert refused(answer) == (422, "invalid_input")
    assert json.loads(answer.content)["errors"][0]["pointer"] == pointer
    assert figures(customer) == (50_00, 0)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"payee": {"name": "Jo", "bank_account": "12"}}, "#/payee/bank_account"),
        ({"payee": {"name": " ", "bank_account": "20-00-00 55779911"}}, "#/payee"),
        ({"payment_date": (today() + timedelta(days=368)).isoformat()}, "#/payment_date"),
        ({"payment_date": "0001-01-01"}, "#/payment_date"),
        ({"method": "cheese"}, "#/method"),
    ],
)
def test_a_refund_that_could_not_be_paid_is_refused(program, given, customer, more, pointer):
    answer = program.post("/refunds", asking(**more))
    assert refused(answer) == (409, "invalid_input")
    assert json.loads(answer.content)["errors"][0].get("pointer", "#/payee") == pointer
    assert figures(customer) == (50_00, 0)


def test_who_asks_may_not_complete_without_the_role_or_the_scope(new_program, given, staff_actor, customer):
    staff = new_program(staff_actor, Scope.REFUNDS)
    number = asked(staff)
    for path, body in (("complete", {}), ("decline", {"reason": "No"})):
        assert refused(staff.post(f"/refunds/{number}/{path}", body)) == (403, "permission_denied")
    orders = new_program(staff_actor, Scope.ORDERS)
    assert refused(orders.post("/refunds", asking())) == (403, "permission_denied")
    reverse = orders.post(f"/credits/{given['number']}/reverse", {"reason": "duplicate"})
    assert refused(reverse) == (403, "permission_denied")
    assert orders.get(f"/refunds/{number}").content == staff.get(f"/refunds/{number}").content
    assert (Refund.objects.count(), figures(customer)) == (1, (30_00, 20_00))


def test_the_slip_is_a_pdf_for_whoever_may_read(program, new_program, given, staff_actor):
    number = asked(program)
    answer = new_program(staff_actor, Scope.READ).get(f"/refunds/{number}/slip")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'inline; filename="{number}.pdf"'
    assert answer.content.startswith(b"%PDF-")
    assert refused(program.get("/refunds/RF-999999/slip")) == (404, "refund_not_found")
    assert refused(program.get(f"/refunds/{number}/slip", page="1")) == (422, "invalid_input")
    assert refused(Program("").get(f"/refunds/{number}/slip")) == (401, "unauthenticated")


def test_the_slip_stands_in_the_description_as_a_file(program):
    schema = json.loads(program.get("/openapi.json").content)
    answers = schema["paths"]["/api/v1/refunds/{number}/slip"]["get"]["responses"]
    assert answers["200"]["content"] == {
        "application/pdf": {"schema": {"type": "string", "format": "binary"}}
    }
    refused = schema["components"]["responses"][answers["404"]["$ref"].rpartition("/")[2]]
    assert list(refused["content"]) == ["application/problem+json"]


def test_a_credit_given_by_mistake_is_reversed_with_nobody_paid(program, given, customer):
    program.post("/spends", {"customer": "jo", "amount": gbp("5.00"), "reference": "WEB-1"})
    answer = program.post(f"/credits/{given['number']}/reverse", {"reason": "wrong_customer", "note": "Al's"})
    told = json.loads(answer.content)
    assert (answer.status_code, told["kind"], told["amount"]) == (201, "reversal", gbp("45.00"))
    assert (told["method"], told["payee"], told["payment_date"]) == (None, None, None)
    assert (told["reason"], told["note"]) == ("wrong_customer", "Al's")
    assert figures(customer) == (0, 45_00)
    assert refused(program.get(f"/refunds/{told['number']}/slip")) == (404, "no_slip")
    again = program.post(f"/credits/{given['number']}/reverse", {"reason": "wrong_customer"})
    assert refused(again) == (409, "insufficient_credit")
    completed = json.loads(program.post(f"/refunds/{told['number']}/complete", {}).content)
    assert (completed["number"], completed["status"]) == (told["number"], "completed")
    assert figures(customer) == (0, 0)


def test_a_key_for_refunds_declines_one_whose_money_is_gone(program, new_program, admin_actor, customer):
    lines = [{"sku": "MUG", "quantity": 1, "amount": gbp("20.00")}]
    order = {"customer": "jo", "number": "N1", "currency": "GBP", "lines": lines}
    assert program.post("/orders", order).status_code == 201
    paid = program.post("/orders/N1/payments", {"amount": gbp("50.00"), "method": "card"})
    number = asked(program, "30.00")
    assert (
        program.post(f"/payments/{json.loads(paid.content)['number']}/void", {"reason": "x"}).status_code
        == 200
    )
    clerk = new_program(admin_actor, Scope.REFUNDS)
    assert clerk.post(f"/refunds/{number}/decline", {"reason": "Bounced"}).status_code == 200
    assert figures(customer) == (0, 0), "what had no money behind it was taken back"


@pytest.mark.parametrize("action", ["approve", "complete"])
def test_with_the_etag_of_what_was_read_only_that_is_agreed_to(program, given, customer, action):
    number = asked(program)
    tag = program.get(f"/refunds/{number}")["ETag"]
    payee = {"name": "Jo Day", "bank_account": "20-00-00 66779911"}  # what is shown of it is the same
    changed = {"method": "bank_transfer", "payee": payee, "payment_date": today().isoformat()}
    assert program.post(f"/refunds/{number}/redirect", changed).status_code == 200
    answer = program.post(f"/refunds/{number}/{action}", {}, **{"If-Match": tag})
    assert refused(answer) == (412, "changed_meanwhile")
    assert Refund.objects.get().status == "requested"
    tag = program.get(f"/refunds/{number}")["ETag"]
    assert program.post(f"/refunds/{number}/{action}", {}, **{"If-Match": tag}).status_code == 200


def test_with_the_etag_of_what_was_read_nobody_elses_correction_is_written_over(program, given, customer):
    number = asked(program)
    tag = program.get(f"/refunds/{number}")["ETag"]
    where = {"method": "cash", "payee": {"name": "Jo Day"}, "payment_date": today().isoformat()}
    assert program.post(f"/refunds/{number}/redirect", where).status_code == 200
    mine = where | {"payee": {"name": "Joanna Day"}}
    answer = program.post(f"/refunds/{number}/redirect", mine, **{"If-Match": tag})
    assert refused(answer) == (412, "changed_meanwhile")
    assert Refund.objects.get().payee_name == "Jo Day"
    tag = program.get(f"/refunds/{number}")["ETag"]
    assert program.post(f"/refunds/{number}/redirect", mine, **{"If-Match": tag}).status_code == 200
    assert Refund.objects.get().payee_name == "Joanna Day"
