"""Which payments an overpayment's credit arose from.

Money in an order has no name. So a rule tells: what was too much came from the payment recorded
last, then from the one before it. What went back to the order with a credit that was taken back
may stand behind a later credit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from tillbook.credit.models import Credit, Source
from tillbook.ledger.models import Kind, Transfer
from tillbook.orders.models import Payment


@dataclass(frozen=True, slots=True)
class Portion:
    """So much of a payment, in minor units of its order's currency."""

    payment: Payment
    amount_minor: int


class _What(IntEnum):
    """What changed an order's money; of one moment, in the order in which services do it."""

    PAID = 0
    VOIDED = 1
    TAKEN_BACK = 2
    ISSUED = 3


@dataclass(slots=True)
class _Money:
    """An order's payments as time goes on, and what of them each credit arose from."""

    left: dict[int, int] = field(default_factory=dict)  # payment -> minor units behind no credit, newest last
    behind: defaultdict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def taken(self, credit_id: int, minor: int) -> dict[int, int]:
        """payment -> minor units, the newest first, for a credit that is issued now."""
        portions: dict[int, int] = {}
        for payment_id in reversed(self.left):
            if not minor:
                break
            if part := min(minor, self.left[payment_id]):
                portions[payment_id] = part
                self.left[payment_id] -= part
                minor -= part
        self.behind[credit_id] = dict(portions)
        return portions

    def give_back(self, credit_id: int, minor: int) -> None:
        """The credit is taken back in part or whole: the money of voided payments is gone, other is left."""
        portions = self.behind[credit_id]
        for payment_id in sorted(portions, key=lambda each: each in self.left):
            part = min(minor, portions[payment_id])
            portions[payment_id] -= part
            minor -= part
            if payment_id in self.left:
                self.left[payment_id] += part


@dataclass(frozen=True, slots=True)
class MoneyOfOrders:
    """Where the money of some orders' payments is: `portions` as each credit arose, the rest as it is now.

    `behind` is credit id -> payment id -> minor units, `left` order number -> payment id -> what of the
    payment stands behind no credit of an overpayment.
    """

    payments: Mapping[int, Payment]
    portions: Mapping[int, Sequence[Portion]]
    behind: Mapping[int, Mapping[int, int]]
    left: Mapping[str, Mapping[int, int]]


def payments_behind(credits: Collection[Credit]) -> dict[int, list[Portion]]:
    """credit id -> the payments it arose from, for those of one customer that are overpayments.

    What a credit's portions lack of its amount came with no payment that is known.
    """
    numbers = {each.source_reference for each in credits if each.source == Source.OVERPAYMENT}
    if not numbers:
        return {}
    found = money_of_orders(next(iter(credits)).customer_id, numbers).portions
    return {each.id: list(found[each.id]) for each in credits if each.id in found}


def money_of_orders(customer_id: int, numbers: Collection[str]) -> MoneyOfOrders:
    """What became of the money of the customer's orders with these numbers."""
    payments = {
        each.pk: each
        for each in Payment.objects.filter(order__customer_id=customer_id, order__number__in=numbers)
        .select_related("order")
        .order_by("recorded_at", "id")
    }
    overpaid = Credit.objects.filter(
        customer_id=customer_id, source=Source.OVERPAYMENT, source_reference__in=numbers
    )
    siblings = {each.id: each for each in overpaid}
    found: dict[int, list[Portion]] = {}
    money: defaultdict[str, _Money] = defaultdict(_Money)
    for _, what, place, minor in _steps(list(payments.values()), siblings):
        if what in (_What.PAID, _What.VOIDED):
            left = money[payments[place].order.number].left
            if what == _What.PAID:
                left[place] = minor
            else:
                left.pop(place)
            continue
        of_order = money[siblings[place].source_reference]
        if what == _What.TAKEN_BACK:
            of_order.give_back(place, minor)
            continue
        portions = of_order.taken(place, minor)
        found[place] = [Portion(payments[each], part) for each, part in portions.items()]
    behind = {credit_id: each for of_order in money.values() for credit_id, each in of_order.behind.items()}
    return MoneyOfOrders(payments, found, behind, {number: each.left for number, each in money.items()})


def _steps(
    payments: Sequence[Payment], overpaid: dict[int, Credit]
) -> list[tuple[datetime, _What, int, int]]:
    """(when, what, payment or credit, minor units) of all that moved the orders' money, in its order."""
    steps = [(each.recorded_at, _What.PAID, each.pk, each.amount_minor) for each in payments]
    steps += [
        # Never before it was paid: two servers' clocks may differ.
        (max(each.voided_at, each.recorded_at), _What.VOIDED, each.pk, 0)
        for each in payments
        if each.voided_at is not None
    ]
    for row in _at_source(overpaid):
        what = _What.ISSUED if row.inward else _What.TAKEN_BACK
        steps.append((row.recorded_at, what, row.account_id, row.amount_minor))
    return sorted(steps, key=lambda step: step[:3])


def _at_source(overpaid: dict[int, Credit]) -> list[Transfer]:
    """The transfers between these credits and the account that they came from."""
    if not overpaid:
        return []
    customer_id = next(iter(overpaid.values())).customer_id
    rows = Transfer.objects.filter(
        customer_id=customer_id, account_id__in=overpaid, kind__in=(Kind.POST, Kind.CAPTURE)
    )
    return [row for row in rows if row.house == overpaid[row.account_id].house]
