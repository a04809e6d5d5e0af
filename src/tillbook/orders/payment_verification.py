"""Payments against the events of how they came in: which charge one names decides where refunds may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from tillbook.common.findings import Finding
from tillbook.common.money import Money, parse_amount
from tillbook.events.models import Event
from tillbook.orders.charges import charge_of
from tillbook.orders.models import Payment
from tillbook.orders.services import content_of_payment


class _Told(NamedTuple):
    """What events say of payments."""

    received: dict[int, tuple[str, str | None]]  # payment id -> its order, and the digest of its request
    imported: dict[str, tuple[str, datetime]]  # order -> amount and day: what was imported has no id there
    voided: set[int]
    paid_back: Counter[int]  # payment id -> minor units


def findings() -> Iterator[Finding]:
    """Payments that are not what was recorded when they came in, were voided or paid back, or are gone."""
    told = _told()
    rows = Payment.objects.select_related("order").order_by("pk")
    for payment in rows.iterator(chunk_size=2000):
        for problem in _problems(payment, told):
            yield Finding(payment.customer_id, f"order {payment.order.number}", problem)
    gone = [number for number, _content in told.received.values()] + list(told.imported)
    for number, customer_id in sorted(_customers(gone).items()):
        yield Finding(customer_id, f"order {number}", "had a payment that is not there any more")


def _problems(payment: Payment, told: _Told) -> Iterator[str]:
    if not _came_in_so(payment, told):
        yield "has a payment that is not as it came in: its amount, day, way or charge was changed"
    if (payment.voided_at is not None) != (payment.pk in told.voided):
        yield "has a payment that was not voided as its history says"
    if payment.paid_back_minor != told.paid_back[payment.pk]:
        yield "has a payment of which something else was paid back than its history says"


def _came_in_so(payment: Payment, told: _Told) -> bool:
    """Whether an event says of the payment what it says itself; that event is used up."""
    number = payment.order.number
    amount, charge = Money(payment.amount_minor, payment.order.currency), charge_of(payment)
    if payment.pk not in told.received:
        is_plain = payment.method == Payment.Method.OTHER and not charge
        return is_plain and told.imported.pop(number, None) == (str(amount), payment.received_at)
    order, content = told.received.pop(payment.pk)
    moments = (payment.received_at, None)  # None: it came in as it was recorded
    return order == number and content in [
        content_of_payment(payment.order_id, amount, payment.method, payment.reference, at, charge)
        for at in moments
    ]


def _told() -> _Told:
    found = _Told({}, {}, set(), Counter())
    actions = ["payment.received", "payment.voided", "payment.paid_back"]
    rows = Event.objects.filter(action__in=actions).order_by("pk")
    columns = rows.values_list("action", "subject", "content", "data")
    for action, number, content, data in columns.iterator(chunk_size=2000):
        if action == "payment.voided":
            found.voided.add(data["id"])
        elif action == "payment.paid_back":
            found.paid_back[data["id"]] += _minor(data)
        elif "id" in data:
            found.received[data["id"]] = number, content
        else:
            found.imported[number] = data["amount"], datetime.fromisoformat(data["received_at"])
    return found


def _minor(data: dict[str, Any]) -> int:
    amount, _space, currency = data["amount"].partition(" ")
    return parse_amount(amount, currency).minor


def _customers(numbers: list[str]) -> dict[str, int]:
    """Whose order each was, by the event that its payment came in."""
    rows = Event.objects.filter(action="payment.received", subject__in=numbers)
    return {number: customer_id or 0 for number, customer_id in rows.values_list("subject", "customer_id")}
