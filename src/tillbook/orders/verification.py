"""Orders against their lines, payments and transfers, and what the projection says is owing."""

from __future__ import annotations

from collections.abc import Iterator

from tillbook.common import statements
from tillbook.common.findings import Finding

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


def findings() -> Iterator[Finding]:
    """Orders whose sums are not those of their records, and customers whose owing is not their orders'."""
    for statement, problem in (
        (_TOTALS, "has a total that is not the sum of its lines, shipping and surcharge"),
        (_RECEIVED, "has received something else than its payments"),
        (_CREDIT_USED, "was paid with other credit than its transfers say"),
    ):
        for customer_id, number in statements.select(statement, []):
            yield Finding(customer_id, f"order {number}", problem)
    owing = {
        (customer_id, currency): int(minor) for customer_id, currency, minor in statements.select(_OWING, [])
    }
    for customer_id, currency, minor in statements.select(
        "SELECT customer_id, currency, owing_minor FROM ledger_balance ORDER BY customer_id, currency", []
    ):
        if owing.get((customer_id, currency), 0) != minor:
            yield Finding(customer_id, "", f"has a {currency} owing that the orders do not give")
