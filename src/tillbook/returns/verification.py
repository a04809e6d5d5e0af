"""Returns against the orders that they take from, and against their credits."""

from __future__ import annotations

from collections.abc import Iterator

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.numbering import number_sql, public_number

# What counts on an order: what is announced, and what was credited and not reversed since.
_COUNTS = "(m.status = 'open' OR m.outcome = 'credit')"
_LINES = (
    "SELECT DISTINCT o.id, o.customer_id, o.number FROM orders_orderline AS l "
    "JOIN orders_order AS o ON o.id = l.order_id LEFT JOIN ("
    "SELECT r.order_line_id, sum(r.quantity) AS pieces, sum(r.amount_minor) AS minor "
    "FROM returns_rmaline AS r JOIN returns_rma AS m ON m.id = r.rma_id "
    f"WHERE {_COUNTS} AND r.order_line_id IS NOT NULL GROUP BY r.order_line_id) AS c "
    "ON c.order_line_id = l.id WHERE l.returned_quantity <> coalesce(c.pieces, 0) "
    "OR l.returned_minor <> coalesce(c.minor, 0) ORDER BY o.id"
)
_ORDERS = (
    "SELECT o.id, o.customer_id, o.number FROM orders_order AS o LEFT JOIN ("
    "SELECT order_id, sum(returned_minor) AS minor FROM orders_orderline WHERE returned_minor <> 0 "
    "GROUP BY order_id) AS l "
    "ON l.order_id = o.id LEFT JOIN ("
    "SELECT m.order_id, sum(m.shipping_minor) AS shipping, sum(m.surcharge_minor) AS surcharge "
    f"FROM returns_rma AS m WHERE {_COUNTS} AND m.order_id IS NOT NULL GROUP BY m.order_id) AS e "
    "ON e.order_id = o.id WHERE o.returned_shipping_minor <> coalesce(e.shipping, 0) "
    "OR o.returned_surcharge_minor <> coalesce(e.surcharge, 0) OR o.returned_minor "
    "<> coalesce(l.minor, 0) + o.returned_shipping_minor + o.returned_surcharge_minor ORDER BY o.id"
)
_OWN_CREDITS = (
    "FROM returns_rma AS m LEFT JOIN credit_credit AS c ON c.customer_id = m.customer_id "
    f"AND c.source = 'return' AND c.source_reference = {number_sql('RMA', 'm.id')} "
)
_ISSUED = (
    f"SELECT m.id, m.customer_id {_OWN_CREDITS} GROUP BY m.id, m.customer_id, m.outcome, m.total_minor "
    "HAVING coalesce(sum(c.issued_minor), 0) "
    "<> CASE WHEN m.outcome IN ('credit', 'reversed') THEN m.total_minor ELSE 0 END ORDER BY m.id"
)
# A credit that was captured to the house account it came from was reversed. From each RMA to its own
# transfers by their index, instead of grouping all transfers there are.
_REVERSED = (
    f"SELECT m.id, m.customer_id {_OWN_CREDITS} LEFT JOIN ledger_transfer AS t "
    "ON t.customer_id = c.customer_id AND t.account_id = c.id AND t.kind = 'capture' AND t.house = c.house "
    "GROUP BY m.id, m.customer_id, m.outcome, m.total_minor "
    "HAVING CASE WHEN coalesce(sum(t.amount_minor), 0) = m.total_minor THEN 1 ELSE 0 END "
    "<> CASE WHEN m.outcome = 'reversed' THEN 1 ELSE 0 END ORDER BY m.id"
)


def findings() -> Iterator[Finding]:
    """Orders that count other returns than there are, and returns whose outcome their credits do not give."""
    for _, customer_id, number in statements.select(_LINES, []):
        yield Finding(customer_id, f"order {number}", "has lines that count other returns than its RMAs")
    for _, customer_id, number in statements.select(_ORDERS, []):
        yield Finding(customer_id, f"order {number}", "has a sum of returns that its RMAs do not give")
    for statement, problem in (
        (_ISSUED, "has other credits than its outcome says"),
        (_REVERSED, "has an outcome that the reversals of its credits do not give"),
    ):
        for rma_id, customer_id in statements.select(statement, []):
            yield Finding(customer_id, public_number("RMA", rma_id), problem)
