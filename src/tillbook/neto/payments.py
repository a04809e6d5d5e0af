"""AddPayment and GetPayment."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from tillbook.common.actor import Permission
from tillbook.events.queries import of_key
from tillbook.neto import methods
from tillbook.neto.calls import Call, Item, between, change, ids_in, page, selected
from tillbook.neto.fields import Fields, told_moment, told_money
from tillbook.neto.wire import Tree
from tillbook.orders import services
from tillbook.orders.lines import locked_order
from tillbook.orders.models import Order, Payment
from tillbook.orders.queries import by_number, payment_by_id


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    return {"Payment": selected(call.filter, [told(row) for row in rows], ("ID", "PaymentID", "OrderID"))}


def _found(wanted: Fields) -> QuerySet[Payment]:
    rows = Payment.objects.filter(voided_at=None).select_related("order").order_by("pk")
    if ids := wanted.texts("PaymentID"):
        rows = rows.filter(pk__in=ids_in(ids))
    if numbers := wanted.texts("OrderID"):
        rows = rows.filter(order__number__in=numbers)
    return between(wanted, "DatePaid", "received_at", rows)


def told(payment: Payment) -> Tree:
    paid = told_moment(payment.received_at)
    return {
        "ID": str(payment.pk),
        "PaymentID": str(payment.pk),
        "OrderID": payment.order.number,
        "AmountPaid": told_money(payment.amount_minor, payment.order.currency),
        "CurrencyCode": payment.order.currency,
        "DatePaid": paid,
        "DatePaidUTC": paid,
        "PaymentMethod": methods.number_of(payment.method),
        "PaymentMethodName": methods.name_of(payment.method),
        "ProcessBy": payment.recorded_by,
        "CardAuthorisation": payment.reference,
    }


def add(call: Call) -> Tree:
    return change(call, "Payment", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    # Under the lock from here: a repetition at the same moment finds the first.
    order = locked_order(by_number(fields.needed("OrderID")).pk)
    method, amount = methods.of_payment(fields), fields.amount("AmountPaid", order.currency)
    reference = fields.text("CardAuthorisation")
    # A reference names a payment; without one, two alike are two.
    identity = (order.number, reference, str(amount), method, fields.text("DatePaid")) if reference else ()
    key = item.key(*identity)
    if method == methods.CREDIT:
        services.pay_with_credit(order.pk, amount=amount, key=key, **item.by)
        return {"PaymentID": "0"}
    payment = services.receive_payment(
        order.pk, amount=amount, method=method, reference=reference,
        received_at=_paid_at(item, order, key), key=key, **item.by,
    )  # fmt: skip
    return {"PaymentID": str(payment.pk)}


def _paid_at(item: Item, order: Order, key: str) -> datetime:
    """When it was paid; where that was not said, now, and again the same for a repetition."""
    first = of_key(order.customer_id, key)
    if first is not None and first.action == "payment.received":
        return payment_by_id(first.data["id"]).received_at
    return item.fields.past("DatePaid") or item.call.now
