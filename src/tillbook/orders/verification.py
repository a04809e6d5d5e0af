"""Orders against their lines, payments and transfers, and what the projection says is owing."""

from __future__ import annotations

from collections.abc import Iterator

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.weighing import Carried, Pair, Term, agreeing, new_seed, number_hash, text_hash

_OWING = (
    "SELECT customer_id, currency, sum(CASE WHEN due > paid THEN due - paid ELSE 0 END) FROM ("
    "SELECT customer_id, currency, CASE WHEN status = 'cancelled' THEN 0 ELSE total_minor END AS due, "
    "received_minor + credit_used_minor - overpaid_minor AS paid FROM orders_order) AS each_order "
    "GROUP BY customer_id, currency"
)
_TOTALS = (
    "SELECT o.customer_id, o.number FROM orders_order AS o LEFT JOIN ("
    "SELECT order_id, sum(amount_minor) AS lines FROM orders_orderline GROUP BY order_id) AS l "
    "ON l.order_id = o.id "
    "WHERE o.total_minor <> coalesce(l.lines, 0) + o.shipping_minor + o.surcharge_minor ORDER BY o.id"
)
_RECEIVED = (
    "SELECT o.customer_id, o.number FROM orders_order AS o LEFT JOIN ("
    "SELECT order_id, sum(amount_minor) AS received FROM orders_payment WHERE voided_at IS NULL "
    "GROUP BY order_id) AS p ON p.order_id = o.id "
    "WHERE o.received_minor <> coalesce(p.received, 0) ORDER BY o.id"
)
# From each order to its own transfers by their index, instead of grouping all transfers there are.
_CREDIT_USED = (
    "SELECT o.customer_id, o.number FROM orders_order AS o LEFT JOIN ledger_transfer AS t "
    "ON t.customer_id = o.customer_id AND t.reference = o.number AND t.house = 'orders' "
    "AND t.kind IN ('post', 'capture') GROUP BY o.id, o.customer_id, o.number, o.credit_used_minor "
    "HAVING coalesce(sum(CASE WHEN t.inward THEN -t.amount_minor ELSE t.amount_minor END), 0) "
    "<> o.credit_used_minor ORDER BY o.id"
)


# An overpayment's credit came in from receipts, and what was taken back or reversed of it went out there.
_OVERPAID = (
    "SELECT o.customer_id, o.number FROM orders_order AS o LEFT JOIN ("
    "SELECT c.customer_id, c.source_reference, sum(CASE WHEN t.inward THEN t.amount_minor "
    "ELSE -t.amount_minor END) AS minor FROM credit_credit AS c JOIN ledger_transfer AS t "
    "ON t.customer_id = c.customer_id AND t.account_id = c.id WHERE c.source = 'overpayment' "
    "AND t.house = c.house AND t.kind IN ('post', 'capture') GROUP BY c.customer_id, c.source_reference"
    ") AS made ON made.customer_id = o.customer_id AND made.source_reference = o.number "
    "WHERE o.overpaid_minor - o.reversed_minor <> coalesce(made.minor, 0) ORDER BY o.id"
)
_LOST = (
    "SELECT e.customer_id, e.subject FROM events_event AS e LEFT JOIN orders_order AS o "
    "ON o.number = e.subject WHERE e.action = 'order.placed' AND o.id IS NULL ORDER BY e.id"
)

_USED_OTHERWISE = "was paid with other credit than its transfers say"

#: What is compared -> the statement that finds the orders that do not agree, and what is wrong with them.
_EXACT = {
    "total": (_TOTALS, "has a total that is not the sum of its lines, shipping and surcharge"),
    "received": (_RECEIVED, "has received something else than its payments"),
    "overpaid": (_OVERPAID, "made other credit of what was too much than its transfers say"),
}
_PAYMENTS = "t.house = 'orders' AND t.kind IN ('post', 'capture')"
_PAID = "CASE WHEN t.inward THEN -t.amount_minor ELSE t.amount_minor END"


def findings(*, credit_used: bool = True) -> Iterator[Finding]:
    """Orders whose sums are not those of their records, and customers whose owing is not their orders'.

    Whoever reads all transfers anyway leaves `credit_used` out here, and asks `CreditUsed` there.
    """
    agreed = agreeing(_pairs())
    for name, (statement, problem) in _EXACT.items():
        for customer_id, number in statements.select(statement, []) if name not in agreed else []:
            yield Finding(customer_id, f"order {number}", problem)
    if "owing" not in agreed:
        yield from _wrong_owing()
    if credit_used:
        yield from CreditUsed().findings()


class CreditUsed:
    """What credit paid of each order, by the order and by the transfers that name it.

    `transfers` may be carried by whoever reads all of these anyway.
    """

    def __init__(self) -> None:
        seed = new_seed()
        self._orders = Term("orders_order", text_hash(seed, "customer_id", "number"), "credit_used_minor")
        reference = text_hash(seed, "t.customer_id", "t.reference")
        self.transfers = Carried(Term("ledger_transfer AS t", reference, _PAID, _PAYMENTS))

    def findings(self) -> Iterator[Finding]:
        """Orders that were paid with other credit than their transfers say."""
        term, total = self.transfers.term, self.transfers.total
        pairs = {"credit": Pair(self._orders, term)}
        agreed = agreeing(pairs, {} if total is None else {term: total})
        # Checkouts may be of no order.
        if not (agreed or agreeing(_pair_of_orders_alone())):
            for customer_id, number in statements.select(_CREDIT_USED, []):
                yield Finding(customer_id, f"order {number}", _USED_OTHERWISE)


def lost() -> Iterator[Finding]:
    """Orders that were placed and are not there any more: none is ever deleted."""
    for customer_id, number in statements.select(_LOST, []):
        yield Finding(customer_id or 0, f"order {number}", "was placed and is not there any more")


def _pairs() -> dict[str, Pair]:
    """What `_EXACT` compares for each order, and what the projection says is owing, to be weighed."""
    seed = new_seed()
    order, of_order = number_hash(seed, "id"), number_hash(seed, "order_id")
    whose = text_hash(seed, "customer_id", "currency")
    lines = "total_minor - shipping_minor - surcharge_minor"
    due = "CASE WHEN status = 'cancelled' THEN 0 ELSE total_minor END"
    owing = f"greatest({due} - (received_minor + credit_used_minor - overpaid_minor), 0)"
    received = "CASE WHEN voided_at IS NULL THEN amount_minor ELSE 0 END"
    return {
        "total": Pair(Term("orders_order", order, lines), Term("orders_orderline", of_order, "amount_minor")),
        "received": Pair(
            Term("orders_order", order, "received_minor"), Term("orders_payment", of_order, received)
        ),
        "owing": Pair(Term("orders_order", whose, owing), Term("ledger_balance", whose, "owing_minor")),
    }


def _pair_of_orders_alone() -> dict[str, Pair]:
    """The credit that orders say was used, and their own transfers: of others none is looked at."""
    seed = new_seed()
    joined = (
        "orders_order AS o JOIN ledger_transfer AS t ON t.customer_id = o.customer_id "
        "AND t.reference = o.number"
    )
    used = Term("orders_order", number_hash(seed, "id"), "credit_used_minor")
    return {"credit": Pair(used, Term(joined, number_hash(seed, "o.id"), _PAID, _PAYMENTS))}


def _wrong_owing() -> Iterator[Finding]:
    owing = {
        (customer_id, currency): int(minor) for customer_id, currency, minor in statements.select(_OWING, [])
    }
    for customer_id, currency, minor in statements.select(
        "SELECT customer_id, currency, owing_minor FROM ledger_balance ORDER BY customer_id, currency", []
    ):
        if owing.get((customer_id, currency), 0) != minor:
            yield Finding(customer_id, "", f"has a {currency} owing that the orders do not give")
