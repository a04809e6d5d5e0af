"""Whose money a thing that was sent is about, as far as its fields say."""

from __future__ import annotations

from contextlib import suppress

from tillbook.common.errors import Refusal
from tillbook.common.numbering import row_id
from tillbook.customers.models import Customer
from tillbook.neto.fields import Fields
from tillbook.orders.models import Order
from tillbook.refunds.models import Refund

Book = tuple[int, str]  # a customer's id and a currency
NOBODY: Book = (0, "")


def book_of(fields: Fields) -> Book:
    """The book that is locked for it: of its order, its refund or its customer; NOBODY's if there is none."""
    with suppress(Refusal):  # which is told when the thing is done
        if number := fields.text("OrderID"):
            found = Order.objects.filter(number=number).values_list("customer_id", "currency").first()
            if found is not None:
                return found
        if number := fields.text("RefundID"):
            refund_id = row_id("RF", f"RF-{number.upper().removeprefix('RF-')}")
            found = Refund.objects.filter(pk=refund_id or 0).values_list("customer_id", "currency").first()
            if found is not None:
                return found
        username = fields.text("Username") or fields.text("CustomerUsername")
        return Customer.objects.filter(username=username).values_list("id", "currency").first() or NOBODY
    return NOBODY
