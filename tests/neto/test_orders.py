"""Orders and payments over the old wire."""

from __future__ import annotations

import pytest
import time_machine

from tests.neto.conftest import line
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.orders.models import Order, OrderLine, Payment

pytestmark = pytest.mark.usefixtures("customer")


def pay(integration, number: str = "N1", amount: str = "20.00", **more) -> str:
    fields = {"OrderID": number, "PaymentMethodName": "Cash", "AmountPaid": amount} | more
    return integration.do("AddPayment", **fields)["PaymentID"]


def order(integration, number: str = "N1", **more) -> None:
    integration.do("AddOrder", **{"OrderID": number, "Username": "jo", "OrderLine": [line()]} | more)


def test_an_order_is_told_with_its_lines_and_payments(integration):
    order(integration, ShippingCost="4.95", DatePlaced="2026-01-05 08:00:00", InternalOrderNotes="fragile")
    number = pay(integration, amount="5.00", DatePaid="2026-01-06 09:00:00")
    (told,) = integration.get("GetOrder", OrderID="N1")
    assert {name: told[name] for name in ("GrandTotal", "ShippingTotal", "ProductSubtotal", "DatePlaced")} == {
        "GrandTotal": "24.95", "ShippingTotal": "4.95", "ProductSubtotal": "20.00", "DatePlaced": "2026-01-05 08:00:00",
    }  # fmt: skip
    assert (told["OrderStatus"], told["PaymentStatus"], told["DatePaid"]) == ("New", "PartialPaid", "")
    assert told["OrderLine"] == [
        {"OrderLineID": "N1-0", "SKU": "MUG", "ProductName": "", "Quantity": "1", "UnitPrice": "20.00"}
    ]
    assert told["OrderPayment"] == [
        {"Id": number, "Amount": "5.00", "PaymentType": "Cash", "DatePaid": "2026-01-06 09:00:00"}
    ]


def test_prices_and_discounts_are_exact(integration):
    lines = [
        line("A", 3, "3.3333"), line("B", 2, "10.00", DiscountPercent="15"), line("C", 1, "5.950", DiscountAmount="0.95"),
    ]  # fmt: skip
    order(integration, OrderLine=lines, AppliedDiscounts=[{"DiscountAmount": "3.20"}], OrderRounding="0.02")
    assert list(OrderLine.objects.order_by("position").values_list("amount_minor", flat=True)) == [
        900,
        1530,
        450,
    ]
    (told,) = integration.get("GetOrder", OrderID="N1")
    assert (told["GrandTotal"], told["SurchargeTotal"]) == ("28.82", "0.02")
    assert [each["UnitPrice"] for each in told["OrderLine"]] == ["3.00", "7.65", "4.50"]


def test_a_discount_on_the_order_is_shared_out_to_the_last_penny(integration):
    lines = [line(sku, 1, "10.00") for sku in ("A", "B", "C")]
    order(integration, OrderLine=lines, AppliedDiscounts={"DiscountAmount": "1.00"})
    assert list(OrderLine.objects.order_by("position").values_list("amount_minor", flat=True)) == [
        967,
        967,
        966,
    ]


def test_a_price_that_does_not_divide_has_more_digits(integration):
    order(integration, OrderLine=[line(quantity=3, price="3.3333")])
    assert integration.get("GetOrder")[0]["OrderLine"][0]["UnitPrice"] == "3.333"


def test_an_order_is_added_once_and_told_again(integration):
    order(integration)
    order(integration)
    assert Order.objects.count() == 1
    other = {"OrderID": "N1", "Username": "jo", "OrderLine": [line(price="9.00")]}
    assert integration.refused("AddOrder", **other) == "There is already an order N1, with other content."


def test_an_order_without_a_number_gets_one(integration):
    made = integration.do("AddOrder", Username="jo", OrderLine=[line()])
    assert made["OrderID"] == Order.objects.get().number
    assert made["OrderID"].startswith("SO-")


def test_a_guests_email_finds_or_adds_the_customer(integration):
    for number, email in (("N1", "JO@example.com"), ("N2", "new@example.com"), ("N3", "new@example.com")):
        integration.do(
            "AddOrder",
            OrderID=number,
            Email=email,
            BillLastName="Lee",
            BillStreet1="2 Low St",
            OrderLine=[line()],
        )
    assert list(Order.objects.order_by("pk").values_list("customer__username", flat=True)) == [
        "jo", "new@example.com", "new@example.com",
    ]  # fmt: skip
    new = Customer.objects.get(username="new@example.com")
    assert (new.last_name, new.postal_address) == ("Lee", "2 Low St")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"OrderLine": []}, "A new order needs at least one line, and all its lines are new."),
        ({"OrderLine": [{"SKU": "MUG"}]}, "UnitPrice is a required field."),
        ({"OrderLine": [line(price="ten")]}, "UnitPrice must be a decimal such as 12.34."),
        ({"OrderLine": [line() | {"Quantity": "1.5"}]}, "Quantity must be a whole number."),
        ({"TaxInclusive": "False"}, "Send prices that include their tax, with TaxInclusive True."),
        ({"OrderType": "quote"}, "A quote is no order: nobody owes anything on it."),
        ({"Username": "bob"}, "There is no customer 'bob'."),
        ({"Username": ""}, "Username is a required field, or Email."),
        ({"DatePlaced": "yesterday"}, "DatePlaced must be like 2026-03-31 14:05:00."),
        ({"CurrencyCode": "XXL"}, "'XXL' is not a currency. Use a three-letter ISO 4217 code such as AUD."),
        ({"AppliedDiscounts": [{"DiscountAmount": "21"}]}, "The discount is more than the order's lines."),
    ],
)
def test_an_order_that_can_not_be_is_refused(integration, fields, message):
    sent = {"OrderID": "N1", "Username": "jo", "OrderLine": [line()]} | fields
    assert integration.refused("AddOrder", **sent) == message
    assert not Order.objects.exists()


def test_the_payment_status_chooses_orders(integration):
    for number, paid in (("N1", ""), ("N2", "5.00"), ("N3", "20.00"), ("N4", "25.00")):
        order(integration, number)
        if paid:
            pay(integration, number, paid)

    def found(**wanted):
        return [each["OrderID"] for each in integration.get("GetOrder", **wanted)]

    assert found(PaymentStatus="Pending") == ["N1"]
    assert found(PaymentStatus="PartialPaid") == ["N2"]
    assert found(PaymentStatus="FullyPaid") == ["N3", "N4"]
    assert found(PaymentStatus=["Pending", "PartialPaid"]) == ["N1", "N2"]
    told = integration.call("GetOrder", {"Filter": {"PaymentStatus": "Paid"}})
    assert (
        told["Messages"]["Error"][0]["Message"]
        == "PaymentStatus must be FullyPaid or PartialPaid or Pending."
    )


def test_other_filters_choose_orders(integration):
    order(integration, "N1", DatePlaced="2026-01-01")
    order(integration, "N2", DatePlaced="2026-01-03 12:00:00")
    pay(integration, "N2", DatePaid="2026-01-04")
    integration.do("UpdateOrder", OrderID="N1", OrderStatus="Cancelled")

    def found(**wanted):
        return [each["OrderID"] for each in integration.get("GetOrder", **wanted)]

    assert found(OrderStatus=["New", "Pick", "Pack"]) == ["N2"]
    assert found(OrderStatus="Cancelled") == ["N1"]
    assert found(OrderStatus="Dispatched") == []
    assert found(DatePlacedTo="2026-01-02") == ["N1"]
    assert found(DatePaidFrom="2026-01-04", DatePaidTo="2026-01-04 00:00:00") == ["N2"]
    assert found(DatePaidFrom="2026-01-05") == []
    assert found(Username="jo", ExportStatus="Pending", UpdateResults={"ExportStatus": "Exported"}) == [
        "N1",
        "N2",
    ]


def test_an_update_changes_lines_shipping_and_note(integration):
    order(integration, OrderLine=[line("MUG"), line("TEA", 2, "3.00")])
    lines = [
        {"OrderLineID": "N1-1", "Quantity": "1"},
        {"SKU": "MUG", "UnitPrice": "18"},
        line("JAM", 1, "4.00"),
    ]
    integration.do(
        "UpdateOrder", OrderID="N1", OrderLine=lines, ShippingCost="2.00", InternalOrderNotes="soon"
    )
    (told,) = integration.get("GetOrder", OrderID="N1")
    assert [(each["SKU"], each["Quantity"], each["UnitPrice"]) for each in told["OrderLine"]] == [
        ("MUG", "1", "18.00"), ("TEA", "1", "3.00"), ("JAM", "1", "4.00"),
    ]  # fmt: skip
    assert (told["GrandTotal"], told["InternalOrderNotes"]) == ("27.00", "soon")


def test_an_update_changes_each_of_two_lines_with_one_sku(integration):
    order(integration, OrderLine=[line(), line()])
    integration.do("UpdateOrder", OrderID="N1", OrderLine=[{"SKU": "MUG", "Quantity": n} for n in ("2", "3")])
    assert list(OrderLine.objects.order_by("position").values_list("quantity", "amount_minor")) == [
        (2, 40_00),
        (3, 60_00),
    ]
    by_id_first = [{"OrderLineID": "N1-0", "Quantity": "1"}, {"SKU": "MUG", "Quantity": "5"}]
    integration.do("UpdateOrder", OrderID="N1", OrderLine=by_id_first)
    assert list(OrderLine.objects.order_by("position").values_list("quantity", flat=True)) == [1, 5]
    twice = [{"OrderLineID": "N1-0", "Quantity": "1"}] * 2
    assert "is there twice" in integration.refused("UpdateOrder", OrderID="N1", OrderLine=twice)


@time_machine.travel("2026-03-30 22:00Z")
def test_an_order_of_a_day_that_has_not_begun_in_utc_can_be_sent_again(integration):
    sent = {"OrderID": "N1", "Username": "jo", "OrderLine": [line()], "DatePlaced": "2026-03-31"}
    integration.do("AddOrder", **sent)
    placed = Order.objects.get().placed_at
    with time_machine.travel("2026-03-30 22:00:05Z"):
        integration.do("AddOrder", **sent)
    assert (Order.objects.count(), Order.objects.get().placed_at) == (1, placed)
    later = sent | {"DatePlaced": "2026-03-31 05:00:00"}
    with time_machine.travel("2026-03-31 06:00Z"):
        integration.do("AddOrder", **sent)
        assert "other content" in integration.refused("AddOrder", **later)


def test_an_update_of_what_is_not_kept_changes_nothing(integration):
    order(integration)
    sent = {"OrderLine": [{"SKU": "MUG", "ShippingTracking": "T1"}], "OrderStatus": "Dispatched"}
    assert integration.do("UpdateOrder", OrderID="N1", **sent) == {"OrderID": "N1"}
    assert integration.get("GetOrder")[0]["GrandTotal"] == "20.00"
    unknown = integration.refused(
        "UpdateOrder", OrderID="N1", OrderLine=[{"OrderLineID": "N1-7", "Quantity": "1"}]
    )
    assert unknown == "Order N1 has no line N1-7."


def test_a_cancelled_orders_money_becomes_credit_and_again_is_no_error(integration, customer):
    order(integration)
    pay(integration)
    for _ in range(2):
        integration.do("UpdateOrder", OrderID="N1", OrderStatus="Cancelled")
    assert integration.get("GetOrder")[0]["OrderStatus"] == "Cancelled"
    assert balance_of(customer.pk, "GBP").available_minor == 20_00


def test_a_payment_with_a_reference_is_taken_once(integration):
    order(integration)
    first = pay(integration, amount="5.00", CardAuthorisation="A1")
    assert pay(integration, amount="5.00", CardAuthorisation="A1") == first
    assert pay(integration, amount="5.00", CardAuthorisation="A2") != first
    assert Payment.objects.count() == 2


def test_payments_are_told_and_voided_ones_are_not(integration):
    order(integration)
    number = pay(
        integration,
        amount="5.00",
        PaymentMethodName="Direct Deposit",
        CardAuthorisation="A1",
        DatePaid="2026-01-02",
    )
    pay(integration, amount="6.00", PaymentMethodName="Barter")
    assert integration.get("GetPayment", PaymentID=number) == [
        {
            "ID": number, "PaymentID": number, "OrderID": "N1", "AmountPaid": "5.00", "CurrencyCode": "GBP",
            "DatePaid": "2026-01-02 00:00:00", "DatePaidUTC": "2026-01-02 00:00:00", "PaymentMethod": "2",
            "PaymentMethodName": "Bank transfer", "ProcessBy": "admin", "CardAuthorisation": "A1",
        }
    ]  # fmt: skip
    assert [each["PaymentMethodName"] for each in integration.get("GetPayment", OrderID="N1")] == [
        "Bank transfer",
        "Other",
    ]
    assert len(integration.get("GetPayment", DatePaidTo="2026-01-03")) == 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"AmountPaid": ""}, "AmountPaid is a required field."),
        ({"AmountPaid": "0"}, "AmountPaid must be more than zero."),
        ({"AmountPaid": "-1"}, "AmountPaid must be an amount of GBP such as 12.34."),
        ({"AmountPaid": "1.005"}, "AmountPaid must be an amount of GBP such as 12.34."),
        ({"PaymentMethodName": ""}, "PaymentMethodName is a required field."),
        ({"PaymentMethodID": "99"}, "There is no such payment method. GetPaymentMethods lists them."),
        ({"OrderID": "N9"}, "There is no order 'N9'."),
        ({"DatePaid": "2999-01-01 00:00:00"}, "The date can't lie in the future."),
    ],
)
def test_a_payment_that_can_not_be_is_refused(integration, fields, message):
    order(integration)
    sent = {"OrderID": "N1", "PaymentMethodName": "Cash", "AmountPaid": "1.00"} | fields
    assert integration.refused("AddPayment", **sent) == message
    assert not Payment.objects.exists()


def test_credit_pays_an_order_and_stands_among_its_payments(integration, customer):
    integration.do("AddCredit", Username="jo", Amount="8.00")
    order(integration)
    assert pay(integration, amount="8.00", PaymentMethodName="Account Credit") == "0"
    (told,) = integration.get("GetOrder", OutputSelector="OrderPayment")
    assert told["OrderPayment"] == [
        {"Id": "0", "Amount": "8.00", "PaymentType": "Account credit", "DatePaid": ""}
    ]
    assert balance_of(customer.pk, "GBP").available_minor == 0
    assert integration.get("GetCustomer", Username="jo")[0]["AccountBalance"] == "12.00"


def test_payment_methods_have_lower_case_keys(integration):
    methods = integration.call("GetPaymentMethods", {})["PaymentMethods"]["PaymentMethod"]
    assert methods[0] == {"id": "1", "name": "Card", "active": "True", "visible": "True", "acc_code": ""}
    assert [each["name"] for each in methods] == [
        "Card", "Bank transfer", "PayPal", "Cash", "Cheque", "Other", "Account credit",
    ]  # fmt: skip
