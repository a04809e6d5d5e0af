"""What to do about money that was paid too much: a suggestion for each, with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise

from tillbook.common.money import exponent
from tillbook.credit.models import Credit
from tillbook.credit.overpaid import page_of_open
from tillbook.ledger.models import Balance
from tillbook.orders.models import Order, Payment

_TWICE_WITHIN = timedelta(days=7)
_LEAST_UNIT = 10  # minor units, where the currency has no smaller ones


class Choice(StrEnum):
    PAY = "pay"  # another order with it
    REFUND = "refund"
    KEEP = "keep"  # as credit
    ASK = "ask"  # the customer: nothing tells


class Why(StrEnum):
    UNPAID_ORDER = "unpaid_order"  # the same customer owes something
    PAID_TWICE = "paid_twice"  # the same amount came twice within days
    ROUNDING = "rounding"  # it is less than one unit of the currency
    CANCELLED = "cancelled"  # the order was cancelled after it was paid
    UNCLEAR = "unclear"


CHOICES = {
    Why.UNPAID_ORDER: Choice.PAY,
    Why.PAID_TWICE: Choice.REFUND,
    Why.ROUNDING: Choice.KEEP,
    Why.CANCELLED: Choice.REFUND,
    Why.UNCLEAR: Choice.ASK,
}


@dataclass(frozen=True, slots=True)
class Overpayment:
    """An overpayment's credit that nobody has dealt with.

    `unpaid` is the customer's order that it could pay, with `pay_minor` of it. `twice` are the two
    payments that look like one.
    """

    credit: Credit
    order: Order | None
    why: Why
    unpaid: Order | None = None
    pay_minor: int = 0
    twice: tuple[Payment, Payment] | None = None

    @property
    def choice(self) -> Choice:
        """What is suggested; what the shop's policy lets nobody pay out is kept as credit."""
        chosen = CHOICES[self.why]
        return Choice.KEEP if chosen == Choice.REFUND and not self.credit.refundable else chosen

    @property
    def pays_exactly(self) -> bool:
        """Whether what is left of it is just what the other order owes."""
        left = self.credit.account.available_minor
        return self.unpaid is not None and self.unpaid.owing_minor == left


def page(*, after: Credit | None = None, limit: int = 50) -> list[Overpayment]:
    """A page of the overpayments to be dealt with, the oldest first; `after` is the last credit seen."""
    credits = page_of_open(after=after, limit=limit)
    customers = {credit.customer_id for credit in credits}
    numbers = {credit.source_reference for credit in credits}
    rows = Order.objects.filter(customer_id__in=customers, number__in=numbers)
    orders = {(order.customer_id, order.number): order for order in rows}
    payments = _payments(orders.values())
    unpaid = _unpaid(customers)
    found = []
    for credit in credits:
        order = orders.get((credit.customer_id, credit.source_reference))
        came = payments[order.pk] if order else []
        found.append(_suggested(credit, order, came, unpaid[credit.customer_id, credit.currency]))
    return found


def _payments(orders: Iterable[Order]) -> Mapping[int, list[Payment]]:
    """order id -> its payments as they came in, voided ones left out."""
    found: dict[int, list[Payment]] = defaultdict(list)
    rows = Payment.objects.filter(order__in=[order.pk for order in orders], voided_at=None)
    for payment in rows.order_by("received_at", "id"):
        found[payment.order_id].append(payment)
    return found


def _unpaid(customers: set[int]) -> Mapping[tuple[int, str], list[Order]]:
    """(customer_id, currency) -> the open orders that owe something, the oldest first.

    The projection tells who owes anything: of the others no order is read.
    """
    owing = Balance.objects.filter(customer_id__in=customers, owing_minor__gt=0)
    found: dict[tuple[int, str], list[Order]] = defaultdict(list)
    rows = Order.objects.filter(
        customer_id__in=set(owing.values_list("customer_id", flat=True)),
        status=Order.Status.OPEN,
        paid_status__in=[Order.PaidStatus.PENDING, Order.PaidStatus.PART_PAID],
    )
    for order in rows.order_by("placed_at", "id"):
        found[order.customer_id, order.currency].append(order)
    return found


def _suggested(
    credit: Credit, order: Order | None, payments: Sequence[Payment], unpaid: Sequence[Order]
) -> Overpayment:
    left = credit.account.available_minor
    if unpaid:
        exact = (each for each in unpaid if each.owing_minor == left)
        other = next(exact, unpaid[0])
        return Overpayment(credit, order, Why.UNPAID_ORDER, other, min(left, other.owing_minor))
    twice = _paid_twice(credit, payments)
    if twice:
        return Overpayment(credit, order, Why.PAID_TWICE, twice=twice)
    if left < max(_LEAST_UNIT, 10 ** exponent(credit.currency)):
        return Overpayment(credit, order, Why.ROUNDING)
    cancelled = order is not None and order.status == Order.Status.CANCELLED
    return Overpayment(credit, order, Why.CANCELLED if cancelled else Why.UNCLEAR)


def _paid_twice(credit: Credit, payments: Sequence[Payment]) -> tuple[Payment, Payment] | None:
    """A payment and its likely repetition: what came the second time is all that was too much."""
    same = [payment for payment in payments if payment.amount_minor == credit.issued_minor]
    for first, second in pairwise(same):
        alike = first.method == second.method or (first.reference and first.reference == second.reference)
        if alike and second.received_at - first.received_at <= _TWICE_WITHIN:
            return first, second
    return None
