"""Integrations that send the same call many times at once."""

from __future__ import annotations

import pytest

from tests.databases import at_once
from tests.neto.conftest import Integration, line
from tillbook.common.actor import Actor, Role, Scope
from tillbook.customers.models import Customer
from tillbook.neto.edge import limiter
from tillbook.orders.models import Order, Payment
from tillbook.staff import keys
from tillbook.staff import services as staff

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def integration(own_database, now) -> Integration:
    limiter.cache_clear()
    by = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    made = Integration(keys.add_key(owner=owner, name="n", scopes=[Scope.ORDERS], **by)[1], "ann")
    made.do("AddCustomer", Username="jo")
    made.do("AddOrder", OrderID="N1", Username="jo", OrderLine=[line()])
    return made


def many(integration: Integration, action: str, body: dict, **headers: str) -> list[dict]:
    """The answers to ten of them, each of its own client."""
    secret = integration.headers["NETOAPI_KEY"]
    return at_once([lambda: Integration(secret, "ann").call(action, body, **headers)] * 10)


def test_one_order_number_is_one_order(integration):
    told = many(integration, "AddOrder", {"Order": {"OrderID": "N2", "Username": "jo", "OrderLine": line()}})
    assert [(each["Ack"], each["Order"]) for each in told] == [("Success", [{"OrderID": "N2"}])] * 10
    assert Order.objects.filter(number="N2").count() == 1


def test_one_idempotency_key_is_one_payment(integration):
    body = {"Payment": {"OrderID": "N1", "PaymentMethodName": "Cash", "AmountPaid": "1.00"}}
    told = many(integration, "AddPayment", body, **{"Idempotency-Key": "k"})
    done = [each["Payment"] for each in told if each["Ack"] == "Success"]
    refused = [each["Messages"]["Error"][0]["Description"] for each in told if each["Ack"] == "Error"]
    assert done and all(each == done[0] for each in done)
    assert set(refused) <= {"key_in_use"}
    assert Payment.objects.count() == 1


def test_lines_added_at_once_are_all_there(integration):
    secret = integration.headers["NETOAPI_KEY"]
    bodies = [{"Order": {"OrderID": "N1", "OrderLine": line(f"S{n}", price="1.00")}} for n in range(8)]
    told = at_once(
        [lambda body=body: Integration(secret, "ann").call("UpdateOrder", body) for body in bodies]
    )
    assert {each["Ack"] for each in told} == {"Success"}
    assert Order.objects.get(number="N1").total_minor == 28_00


def test_one_reference_is_one_payment(integration):
    body = {
        "Payment": {"OrderID": "N1", "PaymentMethodName": "Visa", "AmountPaid": "1", "CardAuthorisation": "A"}
    }
    told = many(integration, "AddPayment", body)
    assert {each["Ack"] for each in told} == {"Success"}
    assert len({each["Payment"][0]["PaymentID"] for each in told}) == 1
    assert Payment.objects.count() == 1


def test_two_updates_of_one_customer_leave_each_what_the_other_set(integration):
    secret = integration.headers["NETOAPI_KEY"]
    for turn in range(8):
        held = "True" if turn % 2 else "False"
        bodies = [
            {"Customer": {"Username": "jo", "OnCreditHold": held}},
            {"Customer": {"Username": "jo", "CreditLimit": f"{turn + 1}.00"}},
            {"Customer": {"Username": "jo", "EmailAddress": f"jo{turn}@example.com"}},
        ]
        told = at_once(
            [lambda body=body: Integration(secret, "ann").call("UpdateCustomer", body) for body in bodies]
        )
        assert {each["Ack"] for each in told} == {"Success"}
        jo = Customer.objects.get(username="jo")
        assert (jo.on_credit_hold, jo.credit_limit_minor, jo.email) == (
            held == "True", (turn + 1) * 100, f"jo{turn}@example.com",
        )  # fmt: skip


def test_calls_with_keys_for_the_same_customers_by_e_mail_wait_for_each_other(integration):
    emails = [f"m{place}@example.com" for place in range(8)]
    for email in emails[::2]:  # the others are guests, and added
        integration.do("AddCustomer", Username=email[:2], EmailAddress=email)
    secret = integration.headers["NETOAPI_KEY"]

    def call(key: str, order: list[str]) -> dict:
        body = {"Order": [{"Email": email, "OrderLine": [line()]} for email in order]}
        return Integration(secret, "ann").call("AddOrder", body, **{"Idempotency-Key": key})

    both = (emails, emails[::-1])
    told = at_once([lambda key=key: call(key, both[int(key) % 2]) for key in "123456"])
    assert [each["Ack"] for each in told] == ["Success"] * 6


def test_calls_with_keys_over_the_same_orders_wait_for_each_other(integration):
    numbers = [f"M{place}" for place in range(12)]
    for number in numbers:
        integration.do("AddCustomer", Username=number.lower())
        integration.do("AddOrder", OrderID=number, Username=number.lower(), OrderLine=[line()])
    secret = integration.headers["NETOAPI_KEY"]

    def call(key: str, order: list[str]) -> dict:
        body = {"Order": [{"OrderID": number, "InternalOrderNotes": key} for number in order]}
        return Integration(secret, "ann").call("UpdateOrder", body, **{"Idempotency-Key": key})

    both = (numbers, numbers[::-1])
    told = at_once([lambda key=key: call(key, both[int(key) % 2]) for key in "123456"])
    assert [each["Ack"] for each in told] == ["Success"] * 6
    # Each is told in the order in which it was sent.
    assert [[each["OrderID"] for each in one["Order"]] for one in told] == [both[1], both[0]] * 3
