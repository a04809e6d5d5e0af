"""Returns over the old wire."""

from __future__ import annotations

import pytest

from tests.neto.conftest import line
from tillbook.credit.queries import balance_of
from tillbook.refunds.models import Refund
from tillbook.returns.models import Rma


@pytest.fixture
def paid(integration, customer) -> None:
    """N1 of jo: two mugs at 10.00, tea at 5.00, shipping 3.00; all of it paid."""
    lines = [line("MUG", 2, "10.00", ItemDescription="A mug"), line("TEA", 1, "5.00")]
    integration.do("AddOrder", OrderID="N1", Username="jo", OrderLine=lines, ShippingCost="3.00")
    integration.do("AddPayment", OrderID="N1", PaymentMethodName="Visa", AmountPaid="28.00")


def back(sku: str = "MUG", quantity: int = 1, **more: str) -> dict:
    return {"RmaLine": [{"SKU": sku, "Quantity": str(quantity), **more}]}


def test_an_open_return_awaits_its_outcome(integration, paid, customer):
    made = integration.do(
        "AddRma", OrderID="N1", RmaStatus="Open", InternalNotes="chipped", DateIssued="2026-01-07 10:00:00",
        ShippingRefundAmount="3.00", RmaLines=back(ReturnReason="Faulty or damaged"), TaxInclusive="True",
        StaffUsername="bob", PurchaseOrderNumber="", ShippingRefundTaxCode="GST",
    )  # fmt: skip
    number = Rma.objects.get().number
    assert made == {"RmaID": number.removeprefix("RMA-")}
    assert integration.get("GetRma", RmaID=made["RmaID"]) == [
        {
            "RmaID": made["RmaID"], "RmaNumber": number, "OrderID": "N1", "InvoiceNumber": "N1",
            "CustomerUsername": "jo", "StaffUsername": "admin", "InternalNotes": "chipped", "CurrencyCode": "GBP",
            "RmaStatus": "Open", "ShippingRefundAmount": "3.00", "SurchargeRefundAmount": "0.00",
            "RefundSubtotal": "10.00", "RefundTotal": "13.00", "RefundedTotal": "0.00", "TaxInclusive": "True",
            "DateIssued": "2026-01-07 10:00:00", "DateApproved": "", "CreditID": "",
            "RmaLines": {"RmaLine": [{
                "RmaLineID": f"{made['RmaID']}-0", "SKU": "MUG", "ProductName": "A mug", "Quantity": "1",
                "RefundSubtotal": "10.00", "ReturnReason": "Faulty or damaged",
                "ResolutionOutcome": "Awaiting outcome",
            }]},
            "Refunds": {"Refund": []},
        }
    ]  # fmt: skip
    assert balance_of(customer.pk, "GBP").available_minor == 0


def test_a_closed_return_is_credit_at_once(integration, paid, customer):
    integration.do(
        "AddRma", OrderID="N1", RmaStatus="Closed", RmaLines=back(quantity=2, RefundSubtotal="18.50")
    )
    assert balance_of(customer.pk, "GBP").available_minor == 18_50
    (told,) = integration.get("GetRma", OutputSelector=["RmaStatus", "RmaLine.RefundSubtotal"])
    assert told["RmaStatus"] == "Closed"
    (row,) = told["RmaLines"]["RmaLine"]
    assert {name: row[name] for name in ("SKU", "Quantity", "RefundSubtotal")} == {
        "SKU": "MUG", "Quantity": "2", "RefundSubtotal": "18.50",
    }  # fmt: skip
    assert "ReturnReason" not in row and "Refunds" not in told


def test_a_refund_with_the_return_is_asked_for_out_of_its_credit(integration, paid, customer):
    refund = {"PaymentMethod": "PayPal", "RefundAmount": "6.00"}
    integration.do("AddRma", OrderID="N1", RmaStatus="Closed", RmaLines=back(), Refunds={"Refund": [refund]})
    (told,) = integration.get("GetRma", OutputSelector=["Refund", "RefundedTotal"])
    (row,) = told["Refunds"]["Refund"]
    assert (row["RefundAmount"], row["PaymentMethodName"], row["RefundStatus"]) == (
        "6.00",
        "PayPal",
        "Requested",
    )
    assert told["RefundedTotal"] == "0.00"
    balance = balance_of(customer.pk, "GBP")
    assert (balance.available_minor, balance.held_minor) == (4_00, 6_00)
    integration.do("UpdateRefund", RefundID=row["RefundID"], RefundStatus="Completed")
    assert integration.get("GetRma")[0]["RefundedTotal"] == "6.00"


def test_a_return_whose_refund_is_refused_does_not_happen(integration, paid, customer):
    refund = {"PaymentMethod": "Bank transfer", "RefundAmount": "6.00"}
    message = integration.refused(
        "AddRma", OrderID="N1", RmaStatus="Closed", RmaLines=back(), Refunds={"Refund": refund}
    )
    assert message.startswith("Enter the payee's bank account")
    assert not Rma.objects.exists() and not Refund.objects.exists()
    assert balance_of(customer.pk, "GBP").available_minor == 0


def test_a_return_without_an_order_names_its_customer_and_amount(integration, customer):
    integration.do(
        "AddRma",
        CustomerUsername="jo",
        RmaStatus="Closed",
        RmaLines=back(RefundSubtotal="7.00", ReturnReason="odd"),
    )
    assert balance_of(customer.pk, "GBP").available_minor == 7_00
    assert Rma.objects.get().reason == "other"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"RmaStatus": "Pending"}, "RmaStatus must be Open or Closed."),
        ({"OrderID": ""}, "CustomerUsername is a required field."),
        ({"OrderID": "N9"}, "There is no order 'N9'."),
        ({"CustomerUsername": "bob"}, "Order N1 is another customer's."),
        ({"RmaLines": back("JAM")}, "Order N1 has no JAM left to return."),
        ({"RmaLines": back(RefundSubtotal="10.01")}, "MUG: 1 of it are worth 10.00 GBP. Enter that or less."),
        ({"RmaLines": back() | {"RmaLine": [{"Quantity": "1"}]}}, "SKU is a required field."),
        ({"TaxInclusive": "False"}, "Send prices that include their tax, with TaxInclusive True."),
        ({"Refunds": {"Refund": [{"RefundAmount": "1"}]}}, "Only a closed RMA has credit to refund. Send RmaStatus Closed."),
    ],
)  # fmt: skip
def test_a_return_that_can_not_be_is_refused(integration, paid, fields, message):
    sent = {"OrderID": "N1", "RmaStatus": "Open", "RmaLines": back()} | fields
    assert integration.refused("AddRma", **sent) == message
    assert not Rma.objects.exists()


def test_goods_come_back_once(integration, paid):
    integration.do("AddRma", OrderID="N1", RmaLines=back("TEA"))
    assert (
        integration.refused("AddRma", OrderID="N1", RmaLines=back("TEA"))
        == "Order N1 has no TEA left to return."
    )


def test_an_idempotency_key_makes_a_return_once(integration, paid, customer):
    body = {"Rma": [{"OrderID": "N1", "RmaStatus": "Closed", "RmaLines": back()}]}
    told = [integration.call("AddRma", body, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert told[0]["Rma"] == told[1]["Rma"]
    assert balance_of(customer.pk, "GBP").available_minor == 10_00


def test_a_page_of_returns_takes_as_many_queries_as_one(integration, paid, django_assert_max_num_queries):
    for _ in range(2):
        integration.do("AddRma", OrderID="N1", RmaStatus="Closed", RmaLines=back())
    with django_assert_max_num_queries(6):  # the key, its use; returns, lines, credits, refunds
        assert len(integration.get("GetRma")) == 2


def test_filters_choose_returns(integration, paid):
    first = integration.do("AddRma", OrderID="N1", RmaLines=back(), DateIssued="2026-01-07")["RmaID"]
    second = integration.do("AddRma", OrderID="N1", RmaStatus="Closed", RmaLines=back("TEA"))["RmaID"]

    def found(**wanted):
        return [each["RmaID"] for each in integration.get("GetRma", **wanted)]

    assert found(RmaStatus="Open") == [first]
    assert found(RmaStatus="Closed") == [second]
    assert found(RmaStatus=["Open", "Closed"]) == [first, second]
    assert found(RmaID=f"RMA-{second}") == [second]
    assert found(OrderID="N1", Username="jo") == [first, second]
    assert found(Username="bob") == []
    assert found(DateIssuedTo="2026-01-08") == [first]
    assert found(DateApprovedFrom="2026-01-08") == [second]


def test_each_line_of_one_sku_comes_back_once_named_by_id_or_not(integration, paid):
    lines = [line("CUP", 1, "10.00"), line("CUP", 1, "30.00")]
    integration.do("AddOrder", OrderID="N2", Username="jo", OrderLine=lines)
    integration.do("AddPayment", OrderID="N2", PaymentMethodName="Visa", AmountPaid="40.00")
    second, any_of_it = {"OrderLineID": "N2-1", "SKU": "CUP"}, {"SKU": "CUP"}
    for sent in ([any_of_it, {"OrderLineID": "N2-0", "SKU": "CUP"}], [second, second], [any_of_it] * 3):
        said = integration.refused("AddRma", OrderID="N2", RmaLines={"RmaLine": sent})
        assert said == "Order N2 has no CUP left to return."
    integration.do("AddRma", OrderID="N2", RmaLines={"RmaLine": [second, any_of_it]})
    assert [each["RefundSubtotal"] for each in integration.get("GetRma")[0]["RmaLines"]["RmaLine"]] == [
        "30.00",
        "10.00",
    ]
