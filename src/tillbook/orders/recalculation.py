"""Recalculate a customer: the orders' sums from payments and transfers, then all that follows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from tillbook.common.actor import Actor
from tillbook.common.money import Money, check_currency
from tillbook.credit import recalculation as credit
from tillbook.credit.queries import balances_of, sums_of_documents
from tillbook.credit.recalculation import Difference, Recalculation
from tillbook.credit.services import lock_many
from tillbook.customers.queries import by_id as customer_by_id
from tillbook.ledger.models import House
from tillbook.orders.models import Order, Payment

_SUMS = ("received_minor", "credit_used_minor", "overpaid_minor")
_FIGURES = ("received", "paid with credit", "overpaid")


@dataclass(frozen=True, slots=True)
class _Sums:
    """What an order's payments and transfers give, in minor units, in the order of _SUMS."""

    received: int
    credit_used: int
    overpaid: int

    def __iter__(self) -> Iterator[int]:
        return iter((self.received, self.credit_used, self.overpaid))


@transaction.atomic
def recalculate(customer_id: int, *, repair: bool, actor: Actor, now: datetime) -> Recalculation:
    """Compare every stored figure of the customer with payments, transfers and orders.

    `repair` rewrites what differs, with an event, unless the history itself is broken.
    Raises CustomerNotFound, PermissionDenied.
    """
    customer = customer_by_id(customer_id)
    currencies = Order.objects.filter(customer_id=customer_id).values_list("currency", flat=True)
    known = set(currencies.distinct()) | {row.currency for row in balances_of(customer_id)}
    lock_many((customer_id, check_currency(currency)) for currency in known)
    orders = list(Order.objects.filter(customer_id=customer_id).order_by("id"))
    differences = _set_true_sums(customer_id, orders)
    result = credit.recalculate(
        customer_id, subject=customer.username, owing=dict.fromkeys(known, 0) | _owing(orders),
        documents=differences, documents_compared=len(_SUMS) * len(orders), repair=repair, actor=actor,
        now=now,
    )  # fmt: skip
    if result.repaired and differences:
        wrong = {each.entry for each in differences}
        changed = [order for order in orders if order.number in wrong]
        Order.objects.bulk_update(changed, [*_SUMS, "paid_status"])
    return result


def _set_true_sums(customer_id: int, orders: Iterable[Order]) -> list[Difference]:
    """Give each order, in memory, the sums that its history gives; what differed from the stored ones."""
    true = _true_sums(customer_id)
    differences = []
    for order in orders:
        for field, figure, minor in zip(_SUMS, _FIGURES, true[order.number], strict=True):
            stored = getattr(order, field)
            if stored != minor:
                differences.append(
                    Difference(
                        order.number, figure, Money(stored, order.currency), Money(minor, order.currency)
                    )
                )
                setattr(order, field, minor)
        order.paid_status = order.paid_status_by_sums
    return differences


def _true_sums(customer_id: int) -> defaultdict[str, _Sums]:
    received = dict(
        Payment.objects.filter(customer_id=customer_id, voided_at=None)
        .order_by()
        .values_list("order__number")
        .annotate(Sum("amount_minor"))
    )
    spent = sums_of_documents(customer_id, House.ORDERS)
    issued = sums_of_documents(customer_id, House.RECEIPTS)
    true: defaultdict[str, _Sums] = defaultdict(lambda: _Sums(0, 0, 0))
    for number in {*received, *spent, *issued}:
        true[number] = _Sums(int(received.get(number, 0)), -spent.get(number, 0), issued.get(number, 0))
    return true


def _owing(orders: Iterable[Order]) -> dict[str, int]:
    """currency -> minor units still to pay on the orders."""
    owing: dict[str, int] = defaultdict(int)
    for order in orders:
        owing[order.currency] += order.owing_minor
    return dict(owing)
