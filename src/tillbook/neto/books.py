"""Whose money a thing that was sent is about, as far as its fields say."""

from __future__ import annotations

from contextlib import suppress

from tillbook.common.errors import Refusal
from tillbook.common.numbering import row_id
from tillbook.customers import queries as customers
from tillbook.customers.models import Customer
from tillbook.neto.fields import Fields, numbered
from tillbook.orders.models import Order
from tillbook.refunds.models import Refund

Place = tuple[int, str, str]  # a customer's id, a currency, and what the customer is called
NOBODY = 0  # comes first: whose name is not known is added, or refused


def place_of(fields: Fields) -> Place:
    """Where the book that is locked for it stands in the one order in which books are locked."""
    with suppress(Refusal):  # which is told when the thing is done
        if book := _of_document(fields):
            return *book, ""
        username = fields.text("Username") or fields.text("CustomerUsername")
        called = username or fields.text("Email").lower()
        customer = _customer(username, called) if called else None
        if customer is None:
            return NOBODY, "", called
        return customer.pk, fields.text("CurrencyCode") or customer.currency, called
    return NOBODY, "", ""


def _of_document(fields: Fields) -> tuple[int, str] | None:
    """The customer and the currency of the order or refund that is named."""
    number = fields.text("OrderID") or fields.text("InvoiceNumber")
    order = Order.objects.filter(number=number).values_list("customer_id", "currency").first()
    if order is not None:
        return order
    refund = Refund.objects.filter(pk=row_id("RF", numbered("RF", fields.text("RefundID"))) or 0)
    return refund.values_list("customer_id", "currency").first()


def _customer(username: str, email: str) -> Customer | None:
    """Who has the username, else whom an order with the e-mail would be for."""
    if username:
        return Customer.objects.filter(username=username).first()
    return customers.meant_by(email)
