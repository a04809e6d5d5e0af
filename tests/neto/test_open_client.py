"""The open client against a server that really runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.api.shop_server import Server
from tests.neto.conftest import line
from tillbook.customers.models import Customer

pytestmark = pytest.mark.usefixtures("own_database")
CLIENT = Path(__file__).with_name("open_client.py")


def calls(server: Server, secret: str, *asked: tuple[str, Any]) -> list[dict[str, Any]]:
    """What the open client gets for these calls, one after the other."""
    lines = "".join(f"{json.dumps(each)}\n" for each in asked)
    address = f"http://127.0.0.1:{server.port}/do/WS/NetoAPI"
    ran = subprocess.run(
        [sys.executable, "-I", str(CLIENT), address, "ann", secret],
        input=lines, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return [json.loads(each) for each in ran.stdout.splitlines()]


def test_the_open_client_adds_customer_order_overpayment_and_return_and_reads_the_credit_back(server, secret):
    told = calls(
        server, secret,
        ("AddCustomer", {"Customer": [{"Username": "jo", "EmailAddress": "jo@example.com"}]}),
        ("AddOrder", {"Order": [{"OrderID": "N1", "Username": "jo", "OrderLine": [line(quantity=2)]}]}),
        ("AddPayment", {"Payment": [{"OrderID": "N1", "PaymentMethodID": 1, "AmountPaid": 45.5}]}),
        ("AddRma", {"Rma": [{"OrderID": "N1", "RmaStatus": "Closed", "RmaLines": {"RmaLine": [
            {"SKU": "MUG", "Quantity": 1, "RefundSubtotal": 20.00}]}}]}),
        ("GetCredit", {"Filter": {"Username": "jo", "OutputSelector": ["AvailableAmount", "Source"]}}),
        ("GetCustomer", {"Filter": {"Username": ["jo"], "OutputSelector": ["AvailableCredit"]}}),
    )  # fmt: skip
    assert [each["Ack"] for each in told] == ["Success"] * 6
    assert [each["AvailableAmount"] for each in told[4]["Credit"]] == ["5.50", "20.00"]
    jo = Customer.objects.get()
    assert told[5]["Customer"] == [{"ID": str(jo.pk), "Username": "jo", "AvailableCredit": "25.50"}]


def test_the_open_client_hears_why_a_call_was_refused(server, secret):
    (told,) = calls(server, secret, ("AddPayment", {"Payment": {"OrderID": "N9", "AmountPaid": "1"}}))
    assert told["Ack"] == "Error"
    assert told["Messages"]["Error"] == [
        {
            "Message": "There is no order 'N9'.",
            "SeverityCode": "Error",
            "Description": "order_not_found (order)",
        }
    ]
