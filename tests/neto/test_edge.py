"""What holds for every call: the key, the two shapes, the errors, pages and selectors, the rate."""

from __future__ import annotations

import json
import re

import pytest

from tests.neto.conftest import Integration, line
from tests.orders.till import everything
from tillbook.common.actor import Scope
from tillbook.common.rate import WINDOW
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.orders.models import Payment
from tillbook.staff import answers, keys
from tillbook.staff.models import Answer, ApiKey


def error_of(told: dict) -> dict:
    (error,) = told["Messages"]["Error"]
    return error


def test_an_answer_has_the_time_in_utc_an_ack_and_messages(integration, customer):
    told = integration.call("GetCustomer", {"Filter": {"Username": "jo"}})
    assert list(told) == ["Customer", "CurrentTime", "Ack", "Messages"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told["CurrentTime"])
    response = integration.send("GetCustomer", b"{}")
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["", "*/*", "text/xml", "application/xml"])
def test_the_answer_is_xml_where_json_is_not_asked_for(integration, customer, accept):
    told = integration.xml("GetCustomer", '{"Filter": {"Username": "jo"}}', Accept=accept)
    assert (told.tag, told.findtext("Customer/EmailAddress")) == ("GetCustomerResponse", "jo@example.com")


@pytest.mark.parametrize(
    "headers", [{"NETOAPI_KEY": "tb_0_no"}, {"NETOAPI_KEY": ""}, {"NETOAPI_USERNAME": "bob"}]
)
def test_a_wrong_key_or_somebody_elses_name_is_an_error(integration, customer, headers):
    told = integration.call("GetCustomer", {}, **headers)
    assert (told["Ack"], error_of(told)["Message"]) == ("Error", "Invalid API key, or not this user's.")
    assert "Customer" not in told


def test_the_wire_speaks_english_in_every_shop(integration, customer, settings):
    settings.LANGUAGE_CODE = "de"
    told = integration.call("GetPaymentMethods", {}, Accept_Language="de", Accept="application/json")
    assert told["PaymentMethods"]["PaymentMethod"][1]["name"] == "Bank transfer"
    said = integration.refused("AddCredit", Username="bob", Amount="1")
    assert said == "There is no customer 'bob'."


def test_the_username_may_be_left_out(integration, customer):
    assert integration.call("GetCustomer", {}, NETOAPI_USERNAME="")["Ack"] == "Success"


def test_a_revoked_key_is_an_error(integration, customer, system_actor, now):
    keys.revoke_key(ApiKey.objects.get().pk, actor=system_actor, now=now)
    assert integration.call("GetCustomer", {})["Ack"] == "Error"


def test_scopes_hold_here_too(new_integration, admin_actor, customer):
    reader = new_integration(admin_actor, Scope.READ)
    assert len(reader.get("GetCustomer")) == 1
    assert (
        reader.refused("AddCredit", Username="jo", Amount="5.00")
        == "This key's scopes do not let it give credit."
    )
    assert not Credit.objects.exists()


def test_an_unknown_action_is_an_error(integration):
    told = integration.call("GetItem", {})
    assert (told["Ack"], error_of(told)["Message"]) == ("Error", "There is no action 'GetItem'.")
    assert integration.xml("Get<Item", "").tag == "NetoAPIResponse"


def test_what_is_not_posted_is_an_error_without_a_redirect(integration, client):
    for path in ("/do/WS/NetoAPI", "/do/WS/NetoAPI/"):
        response = client.get(path, headers={"Accept": "application/json"})
        assert (response.status_code, response.json()["Ack"]) == (200, "Error")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "The body is not JSON."),
        (b"[]", "The body must be a JSON object."),
        (b'{"a": NaN}', "The body is not JSON."),
        (b'{"a": ' + b"[" * 50_000, "The body is not JSON."),
        (b'{"a": ' * 20 + b"1" + b"}" * 20, "The fields stand too deep in each other."),
        (b'{"a": "\\ud800"}', "Use at most 10000 characters in one field, all of them whole."),
        (b'{"a": "\\u0000"}', "Use at most 10000 characters in one field, all of them whole."),
        (b"<GetCustomer>", "The body is not XML."),
        (b"<a>" * 20 + b"</a>" * 20, "The elements stand too deep in each other."),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "The body is not XML."),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "Send XML without a DOCTYPE."),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "Send XML without a DOCTYPE."),
        (b"{" + b" " * 2 * 2**20 + b"}", "The request is too large. Send at most 2 MiB."),
        (b" " * 33 * 2**20, "The request is too large."),
    ],
)  # fmt: skip
def test_a_body_that_nothing_can_be_made_of_is_an_error(integration, body, message):
    response = integration.send("AddCustomer", body, Accept="application/json")
    assert (response.status_code, response.json()["Ack"]) == (200, "Error")
    assert error_of(response.json())["Message"] == message
    assert not Customer.objects.exists()


def test_xml_may_be_utf_16_and_have_a_namespace(integration):
    body = '<?xml version="1.0" encoding="utf-16"?><x:A xmlns:x="u"><x:Customer><x:Username>é</x:Username></x:Customer></x:A>'
    told = integration.send("AddCustomer", body.encode("utf-16"), Accept="application/json").json()
    assert told["Customer"] == [{"Username": "é"}]


def test_markup_in_a_value_is_text_in_xml(integration, customer):
    Customer.objects.update(company="<b>&\x0b")
    told = integration.xml("GetCustomer", "<GetCustomer/>")
    assert told.findtext("Customer/BillingAddress/BillCompany") == "<b>&\ufffd"


def test_of_several_one_refused_is_a_warning_and_the_others_are_done(integration):
    told = integration.call(
        "AddCustomer", {"Customer": [{"Username": "a"}, {"Username": "a/b"}, {"Username": "c"}]}
    )
    assert (told["Ack"], told["Customer"]) == ("Warning", [{"Username": "a"}, {"Username": "c"}])
    assert error_of(told)["Message"] == "Customer 2: 'a/b' can't be a username. Leave out slashes."
    assert sorted(Customer.objects.values_list("username", flat=True)) == ["a", "c"]


def test_a_change_of_nothing_is_an_error(integration):
    for body in ({}, {"Customer": []}, {"Customer": "jo"}, {"Costumer": [{"Username": "jo"}]}):
        told = integration.call("AddCustomer", body)
        assert error_of(told) == {
            "Message": "Send at least one Customer.", "SeverityCode": "Error", "Description": "invalid_input (Customer)",
        }  # fmt: skip


def test_pages_count_from_zero(integration):
    integration.call("AddCustomer", {"Customer": [{"Username": f"c{n}"} for n in range(5)]})
    pages = [
        integration.get("GetCustomer", Page=str(n), Limit="2", OutputSelector="Username") for n in range(4)
    ]
    assert [[each["Username"] for each in page] for page in pages] == [["c0", "c1"], ["c2", "c3"], ["c4"], []]
    assert "Page must be a whole number." in json.dumps(
        integration.call("GetCustomer", {"Filter": {"Page": -1}})
    )


def test_the_output_selector_chooses_fields(integration, customer):
    integration.do("AddOrder", OrderID="N1", Username="jo", OrderLine=[line()])
    (told,) = integration.get("GetOrder", OutputSelector=["GrandTotal", "OrderLine.Quantity", "Nonsense"])
    assert told == {
        "ID": "N1", "OrderID": "N1", "GrandTotal": "20.00",
        "OrderLine": [{"OrderLineID": "N1-0", "SKU": "MUG", "Quantity": "1"}],
    }  # fmt: skip
    (told,) = integration.get("GetOrder", OutputSelector="BillAddress")
    assert (told["BillFirstName"], told["BillStreetLine1"], told["BillCity"]) == ("Jo", "1 High St", "Leeds")
    assert "GrandTotal" not in told
    (told,) = integration.get("GetOrder", OutputSelector=["OrderLine"])
    assert told["OrderLine"][0]["UnitPrice"] == "20.00"


def test_an_idempotency_key_brings_the_first_answer_again(integration, customer):
    integration.do("AddOrder", OrderID="N1", Username="jo", OrderLine=[line()])
    body = {"Payment": [{"OrderID": "N1", "PaymentMethodName": "Cash", "AmountPaid": "5.00"}] * 2}
    first = integration.call("AddPayment", body, **{"Idempotency-Key": "k"})
    again = integration.call("AddPayment", body, **{"Idempotency-Key": "k"})
    assert len(first["Payment"]) == 2
    assert first["Payment"] == again["Payment"] and Payment.objects.count() == 2
    body["Payment"].pop()
    other = integration.call("AddPayment", body, **{"Idempotency-Key": "k"})
    assert error_of(other)["Description"] == "key_reused (key)"
    integration.call("AddPayment", body)
    integration.call("AddPayment", body)
    assert Payment.objects.count() == 4


def test_a_call_that_ended_in_a_fault_changed_nothing_and_is_done_once_when_it_comes_again(
    integration, customer, monkeypatch
):
    integration.do("AddOrder", OrderID="N1", Username="jo", OrderLine=[line()])
    body = {"Payment": [{"OrderID": "N1", "PaymentMethodName": "Cash", "AmountPaid": "5.00"}] * 2}
    before = everything()

    def broken(**_: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as fault:
        fault.setattr(answers, "keep", broken)
        sent = {"Accept": "application/json", "Idempotency-Key": "k"}
        response = integration.send("AddPayment", json.dumps(body).encode(), **sent)
    assert (response.status_code, response.json()["Ack"]) == (500, "Error")
    assert everything() == before
    assert not Answer.objects.exists()
    first = integration.call("AddPayment", body, **{"Idempotency-Key": "k"})
    assert (len(first["Payment"]), Payment.objects.count()) == (2, 2)
    assert integration.call("AddPayment", body, **{"Idempotency-Key": "k"})["Payment"] == first["Payment"]
    assert Payment.objects.count() == 2


def test_past_five_hundred_calls_a_minute_http_says_429(integration: Integration):
    statuses = [integration.send("GetPaymentMethods", b"").status_code for _ in range(501)]
    assert statuses == [200] * 500 + [429]
    response = integration.send("GetPaymentMethods", b"", Accept="application/json")
    assert 1 <= int(response["Retry-After"]) <= WINDOW
    assert (response.json()["Ack"], error_of(response.json())["Description"]) == (
        "Error",
        "too_many_requests",
    )


def test_what_django_would_answer_with_a_page_is_an_error_of_the_wire(integration):
    told = integration.call("GetCustomer", {}, Host="elsewhere.example")
    assert (told["Ack"], error_of(told)["Message"]) == ("Error", "The call can't be read.")
