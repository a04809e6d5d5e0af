"""The whole way over the old wire: a customer, an order, too much paid, goods back, credit out."""

from __future__ import annotations

from tests.neto.conftest import Integration, line


def test_a_customer_an_order_an_overpayment_and_a_return_become_credit(integration: Integration):
    assert integration.do("AddCustomer", Username="jo", EmailAddress="jo@example.com") == {"Username": "jo"}
    order = integration.do(
        "AddOrder", OrderID="N1", Username="jo", OrderLine=[line(quantity=2, price="10.00")]
    )
    assert order == {"OrderID": "N1"}
    paid = integration.do("AddPayment", OrderID="N1", PaymentMethodName="Visa", AmountPaid="25.00")
    rma = integration.do(
        "AddRma", OrderID="N1", RmaStatus="Closed", RmaLines={"RmaLine": [{"SKU": "MUG", "Quantity": "1"}]}
    )
    (told,) = integration.get(
        "GetCustomer", Username="jo", OutputSelector=["AvailableCredit", "AccountBalance"]
    )
    assert (told["AvailableCredit"], told["AccountBalance"]) == ("15.00", "0.00")
    first, second = integration.get("GetCredit", Username="jo")
    assert (first["Source"], first["AvailableAmount"], first["SourceReference"]) == ("Order", "5.00", "N1")
    assert (second["Source"], second["AvailableAmount"]) == ("RMA", "10.00")
    (payment,) = integration.get("GetPayment", PaymentID=paid["PaymentID"])
    assert (payment["AmountPaid"], payment["PaymentMethodName"]) == ("25.00", "Card")
    (back,) = integration.get("GetRma", RmaID=rma["RmaID"])
    assert (back["RmaStatus"], back["RefundTotal"], back["CreditID"]) == (
        "Closed",
        "10.00",
        second["CreditID"],
    )


def test_the_same_over_xml(integration: Integration):
    told = integration.xml(
        "AddCustomer",
        '<?xml version="1.0"?><AddCustomer><Customer><Username>jo</Username></Customer></AddCustomer>',
    )
    assert (told.tag, told.findtext("Customer/Username"), told.findtext("Ack")) == (
        "AddCustomerResponse", "jo", "Success",
    )  # fmt: skip
    integration.xml(
        "AddOrder",
        "<AddOrder><Order><OrderID>N1</OrderID><Username>jo</Username>"
        "<OrderLine><SKU>MUG</SKU><Quantity>2</Quantity><UnitPrice>10.00</UnitPrice></OrderLine>"
        "<OrderLine><SKU>TEA</SKU><Quantity>1</Quantity><UnitPrice>5.000</UnitPrice></OrderLine></Order></AddOrder>",
    )
    paid = integration.xml(
        "AddPayment",
        "<AddPayment><Payment><OrderID>N1</OrderID><PaymentMethodName>Cash</PaymentMethodName>"
        "<AmountPaid>30.00</AmountPaid><DatePaid>2026-01-02</DatePaid></Payment></AddPayment>",
    )
    assert (paid.tag, paid.findtext("Ack")) == ("AddPaymentResponse", "Success")
    found = integration.xml(
        "GetOrder",
        "<GetOrder><Filter><OrderID>N1</OrderID><OutputSelector>GrandTotal</OutputSelector>"
        "<OutputSelector>OrderLine.Quantity</OutputSelector><OutputSelector>OrderPayment</OutputSelector>"
        "</Filter></GetOrder>",
    )
    assert [each.tag for each in found] == ["Order", "CurrentTime", "Ack", "Messages"]
    assert found.findtext("Order/GrandTotal") == "25.00"
    assert [each.text for each in found.findall("Order/OrderLine/Quantity")] == ["2", "1"]
    assert found.findtext("Order/OrderPayment/DatePaid") == "2026-01-02 00:00:00"
    credit = integration.xml("GetCredit", "<GetCredit><Filter><Username>jo</Username></Filter></GetCredit>")
    assert credit.findtext("Credit/AvailableAmount") == "5.00"
