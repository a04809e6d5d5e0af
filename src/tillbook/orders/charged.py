"""How much of a credit came from which charge, at most (R7).

An overpayment's credit came from the payments that `provenance` names. The credit of a return may
hold any of the money that stayed in its order: the parts of payments behind no overpayment, and
what the credits brought that paid it. So two returns of one order share a stock, and draw on it together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tillbook.common import statements
from tillbook.credit.models import Credit, Source
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.orders.models import Payment
from tillbook.orders.provenance import money_of_orders

_FARTHEST = 20  # orders back, from a return's credit to the credit that paid the order, and so on


# Written out, for SQLite finds a partial index only by the very words of its condition.
_ANY_CHARGE = "SELECT 1 FROM orders_payment WHERE customer_id = %s AND NOT (charge = '') LIMIT 1"


class Stock(NamedTuple):
    """What credits draw on together: of an order its returns' credits, else one credit alone."""

    order: str
    credit_id: int

    @classmethod
    def of(cls, source: str, order_reference: str, credit_id: int) -> Stock:
        """The stock of the credit with these."""
        return cls(order_reference, 0) if source == Source.RETURN and order_reference else cls("", credit_id)


def stock_of(credit: Credit) -> Stock:
    """The stock that the credit draws on."""
    return Stock.of(credit.source, credit.order_reference, credit.id)


@dataclass(frozen=True, slots=True)
class Charged:
    """What stocks hold of charges: stock -> payment id -> minor units, of payments that stand."""

    held: Mapping[Stock, Mapping[int, int]]
    payments: Mapping[int, Payment]


def charged(credits: Collection[Credit]) -> Charged:
    """What the credits, all of one customer, draw on, as far as charges brought it."""
    if not credits:
        return Charged({}, {})
    customer_id = next(iter(credits)).customer_id
    # Most customers never paid by a charge that anybody recorded: of them no history is read.
    if not statements.select(_ANY_CHARGE, [customer_id]):
        return Charged({}, {})
    trail = _Trail(customer_id, credits)
    held = {stock: trail.held(stock) for stock in {stock_of(each) for each in credits}}
    wanted = {payment_id for parts in held.values() for payment_id in parts}
    return Charged(held, {each: trail.money.payments[each] for each in sorted(wanted)})


class _Trail:
    """The credits behind credits, and the orders between them."""

    def __init__(self, customer_id: int, credits: Collection[Credit]) -> None:
        self._known: dict[int, Credit] = {}
        self._payers: dict[str, Mapping[int, int]] = {}
        new = {each.id: each for each in credits}
        for _ in range(_FARTHEST):
            self._known |= new
            orders = {stock_of(each).order for each in new.values()} - {"", *self._payers}
            if not orders:
                break
            self._payers |= _payers(customer_id, orders)
            ids = {each for number in orders for each in self._payers[number]} - self._known.keys()
            new = {each.id: each for each in Credit.objects.filter(customer_id=customer_id, id__in=ids)}
        numbers = {
            each.source_reference for each in self._known.values() if each.source == Source.OVERPAYMENT
        }
        self.money = money_of_orders(customer_id, numbers | self._payers.keys())
        self._found: dict[Stock, Mapping[int, int]] = {}

    def held(self, stock: Stock) -> Mapping[int, int]:
        """payment id -> minor units of it that the stock holds at most."""
        if stock not in self._found:
            self._found[stock] = {}  # a circle brings nothing new
            self._found[stock] = self._of_order(stock.order) if stock.order else self._of(stock.credit_id)
        return self._found[stock]

    def _of(self, credit_id: int) -> dict[int, int]:
        return self._charges(self.money.behind.get(credit_id, {}))

    def _of_order(self, number: str) -> dict[int, int]:
        total: dict[int, int] = defaultdict(int, self._charges(self.money.left.get(number, {})))
        for credit_id, paid in self._payers.get(number, {}).items():
            if credit_id in self._known:
                for payment_id, minor in self.held(stock_of(self._known[credit_id])).items():
                    total[payment_id] += min(paid, minor)
        return {each: min(minor, self.money.payments[each].amount_minor) for each, minor in total.items()}

    def _charges(self, parts: Mapping[int, int]) -> dict[int, int]:
        payments = self.money.payments
        return {
            each: minor
            for each, minor in parts.items()
            if minor and payments[each].charge and payments[each].voided_at is None
        }


def _payers(customer_id: int, numbers: Collection[str]) -> dict[str, dict[int, int]]:
    """order number -> credit id -> what the credit paid of the order and did not get back, in minor units."""
    paid: dict[str, dict[int, int]] = {number: defaultdict(int) for number in numbers}
    rows = Transfer.objects.filter(
        customer_id=customer_id, reference__in=numbers, house=House.ORDERS.value,
        kind__in=(Kind.POST.value, Kind.CAPTURE.value),
    )  # fmt: skip
    for number, credit_id, inward, minor in rows.values_list(
        "reference", "account_id", "inward", "amount_minor"
    ):
        paid[number][credit_id] += -minor if inward else minor
    return {number: {each: minor for each, minor in of.items() if minor > 0} for number, of in paid.items()}
