"""Recalculate a customer: the orders' sums from payments and transfers, then all that follows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Sum

from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money, check_currency
from tillbook.credit import recalculation as credit
from tillbook.credit.queries import balances_of, reversed_by_source, sums_of_documents
from tillbook.credit.recalculation import Agreeing, Difference, Recalculation
from tillbook.credit.services import lock_many
from tillbook.customers.queries import by_id as customer_by_id
from tillbook.ledger.models import House
from tillbook.ledger.steady import Range, of_range, steady
from tillbook.orders.explaining import trace
from tillbook.orders.models import Order, Payment

_SUMS = ("received_minor", "credit_used_minor", "overpaid_minor", "reversed_minor")
_FIGURES = ("received", "paid with credit", "overpaid", "reversed")


@transaction.atomic
def recalculate(customer_id: int, *, repair: bool, actor: Actor, now: datetime) -> Recalculation:
    """Compare every stored figure of the customer with payments, transfers and orders.

    `repair` rewrites what differs, with an event, unless the history itself is broken; without it
    nothing at all is written. Raises CustomerNotFound, PermissionDenied.
    """
    customer = customer_by_id(customer_id)
    currencies = Order.objects.filter(customer_id=customer_id).values_list("currency", flat=True)
    known = set(currencies.distinct()) | {row.currency for row in balances_of(customer_id)}
    lock_many((customer_id, check_currency(currency)) for currency in known)
    orders = list(Order.objects.filter(customer_id=customer_id).order_by("id"))
    differences = _set_true_sums(customer_id, orders)
    result = credit.recalculate(
        customer_id, subject=customer.username, owing=dict.fromkeys(known, 0) | _owing(orders),
        documents=differences, documents_compared=len(_SUMS) * len(orders),
        trace=partial(trace, orders), repair=repair, actor=actor, now=now,
    )  # fmt: skip
    if result.repaired and differences:
        wrong = {each.entry for each in differences}
        changed = [order for order in orders if order.number in wrong]
        Order.objects.bulk_update(changed, [*_SUMS, "paid_status"])
    if not repair:
        transaction.set_rollback(True)  # taking the locks makes books that are missing
    return result


def agreeing(wanted: Range, *, actor: Actor) -> Agreeing:
    """Whom of a range of customers `recalculate` would find nothing of, and how much it would compare.

    Reads all of them at once, as of one moment and without a lock. Raises PermissionDenied.
    """
    actor.require(Permission.RECALCULATE)
    compared: Counter[int] = Counter()
    owing: Counter[tuple[int, str]] = Counter()
    wrong: set[int] = set()
    with steady():
        history = _History(wanted)
        for order in Order.objects.filter(of_range(wanted)).order_by("id").iterator(chunk_size=2000):
            customer_id = order.customer_id
            compared[customer_id] += len(_SUMS)
            if any(stored != minor for _, stored, minor in _set_true(order, history)):
                wrong.add(customer_id)
            owing[customer_id, order.currency] += order.owing_minor
        return credit.agreeing(wanted, owing, Agreeing(compared, wrong))


def _set_true_sums(customer_id: int, orders: Iterable[Order]) -> list[Difference]:
    """Give each order, in memory, the sums that its history gives; what differed from the stored ones."""
    history = _History((customer_id, customer_id))
    differences = []
    for order in orders:
        for figure, before, minor in _set_true(order, history):
            if before != minor:
                money = (Money(before, order.currency), Money(minor, order.currency))
                differences.append(Difference(order.number, figure, *money))
        order.paid_status = order.paid_status_by_sums
    return differences


def _set_true(order: Order, history: _History) -> list[tuple[str, int, int]]:
    """Give the order its true sums; each figure as it was stored, and as it is now, in minor units."""
    stored = [getattr(order, field) for field in _SUMS]
    history.give(order)
    return list(zip(_FIGURES, stored, [getattr(order, field) for field in _SUMS], strict=True))


class _History:
    """What payments and transfers say of the orders of a range of customers, in minor units."""

    def __init__(self, wanted: Range) -> None:
        first, last = wanted
        received = Payment.objects.filter(voided_at=None).order_by().values_list("order_id")
        if first is not None:  # by their orders: a payment's own customer has no index
            received = received.filter(order__customer_id__gte=first)
        if last is not None:
            received = received.filter(order__customer_id__lte=last)
        self._received = dict(received.annotate(Sum("amount_minor")))
        self._given_back = sums_of_documents(wanted, House.ORDERS)
        self._issued = sums_of_documents(wanted, House.RECEIPTS)
        self._reversed = reversed_by_source(wanted)

    def give(self, order: Order) -> None:
        """Set the order's sums to those of its history."""
        place = (order.customer_id, order.number)
        order.received_minor = int(self._received.get(order.pk, 0))
        order.credit_used_minor = -self._given_back.get(place, 0)
        order.overpaid_minor = self._issued.get(place, 0)
        order.reversed_minor = self._reversed.get(place, 0)
        order.use_reversed()


def _owing(orders: Iterable[Order]) -> dict[str, int]:
    """currency -> minor units still to pay on the orders."""
    owing: dict[str, int] = defaultdict(int)
    for order in orders:
        owing[order.currency] += order.owing_minor
    return dict(owing)
