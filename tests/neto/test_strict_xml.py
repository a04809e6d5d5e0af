"""A strict client that speaks XML, against a server that really runs: it takes `Ack` `Success` alone."""

from __future__ import annotations

from http.client import HTTPConnection
from xml.etree import ElementTree as ET

import pytest

from tests.api.shop_server import Server

pytestmark = pytest.mark.usefixtures("own_database")


def called(server: Server, secret: str, action: str, inner: str) -> ET.Element:
    """The answer's document: well-formed, of the action's own name, and `Success` in one `Ack`."""
    client = HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"NETOAPI_ACTION": action, "NETOAPI_KEY": secret, "NETOAPI_USERNAME": "ann"}
    document = f'<?xml version="1.0" encoding="utf-8"?><{action}>{inner}</{action}>'
    client.request("POST", "/do/WS/NetoAPI", document.encode(), headers | {"Content-Type": "application/xml"})
    answer = client.getresponse()
    body = answer.read()
    client.close()
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/xml")
    root = ET.fromstring(body)  # noqa: S314 - our own answer
    assert root.tag == f"{action}Response"
    assert [each.text for each in root.iter("Ack")] == ["Success"], body
    assert root.findtext("CurrentTime")
    return root


def test_it_adds_customer_order_overpayment_and_return_and_reads_the_credit_back(server, secret):
    called(server, secret, "AddCustomer", "<Customer><Username>jo</Username></Customer>")
    called(
        server, secret, "AddOrder",
        "<Order><OrderID>N1</OrderID><Username>jo</Username><OrderLine><SKU>MUG</SKU>"
        "<Quantity>2</Quantity><UnitPrice>20.00</UnitPrice></OrderLine></Order>",
    )  # fmt: skip
    called(
        server, secret, "AddPayment",
        "<Payment><OrderID>N1</OrderID><PaymentMethodName>Cash</PaymentMethodName>"
        "<AmountPaid>45.50</AmountPaid></Payment>",
    )  # fmt: skip
    called(
        server, secret, "AddRma",
        "<Rma><OrderID>N1</OrderID><RmaStatus>Closed</RmaStatus><RmaLines><RmaLine><SKU>MUG</SKU>"
        "<Quantity>1</Quantity><RefundSubtotal>20.00</RefundSubtotal></RmaLine></RmaLines></Rma>",
    )  # fmt: skip
    found = called(
        server, secret, "GetCustomer",
        "<Filter><Username>jo</Username><OutputSelector>AvailableCredit</OutputSelector></Filter>",
    )  # fmt: skip
    assert [each.text for each in found.iter("AvailableCredit")] == ["25.50"]
