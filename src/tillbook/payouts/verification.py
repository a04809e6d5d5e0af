"""Sendings through payment gateways against the refunds that they pay, and against their history."""

from __future__ import annotations

from collections.abc import Iterator

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.numbering import number_sql, public_number

_REFUND, _SENDING = number_sql("RF", "r.id"), number_sql("GS", "s.id")
# A refund is sent once at most, and is bound to its sending from then on: the key begins with its number.
# What was paid may have come back since, by the gateway's word or somebody's; what nobody knows the end of
# holds its refund open.
_SENDINGS = (
    "SELECT r.customer_id, 'GS' AS document, s.id AS id, CASE "
    "WHEN s.amount_minor <> r.amount_minor OR s.currency <> r.currency OR s.gateway <> r.gateway "
    f"OR s.charge <> r.charge OR r.sending <> {_SENDING} "
    f"OR substr(s.key, 1, length({_REFUND}) + 1) <> {_REFUND} || '-' "
    "THEN 'other' "
    "WHEN s.state = 'succeeded' AND r.status <> 'completed' "
    "AND NOT (r.status = 'failed' AND r.completed_at IS NOT NULL) THEN 'paid' "
    "WHEN s.state = 'failed' AND r.status <> 'failed' THEN 'failed' "
    "WHEN s.state IN ('unknown', 'pending') AND r.status NOT IN ('requested', 'approved') THEN 'open' "
    "ELSE '' END AS problem "
    "FROM payouts_sending AS s JOIN refunds_refund AS r ON r.id = s.refund_id"
)
# Who completes by hand what goes back to a charge sends nothing: there is no such event and no sending then.
# Events are found by their subject: the sum keeps SQLite from going through all of a customer's.
_REFUNDS = (
    "SELECT r.customer_id, 'RF', r.id, CASE "
    "WHEN r.sending = '' AND e.id IS NULL AND s.id IS NULL THEN '' "
    f"WHEN r.sending = {_SENDING} AND e.id IS NOT NULL THEN '' "
    "ELSE 'unsent' END FROM refunds_refund AS r "
    f"LEFT JOIN events_event AS e ON e.subject = {_REFUND} "
    "AND e.customer_id + 0 = r.customer_id AND e.action = 'refund.sent' "
    "LEFT JOIN payouts_sending AS s ON s.refund_id = r.id WHERE NOT (r.charge = '')"
)
_WRONG = (
    "SELECT DISTINCT customer_id, document, id, problem FROM "
    f"({_SENDINGS} UNION ALL {_REFUNDS}) AS found WHERE problem <> '' ORDER BY document, id"
)

_PROBLEMS = {
    "other": "has another amount, currency, charge or refund than the one that it was sent for",
    "paid": "says that it was paid, and its refund was never completed",
    "failed": "says that it failed, and its refund does not",
    "open": "waits for its gateway, and its refund has ended",
    "unsent": "did not go through its gateway as its history says",
}


def findings() -> Iterator[Finding]:
    """Sendings and refunds through gateways that do not agree with each other, or with their history."""
    for customer_id, document, row_id, problem in statements.select(_WRONG, []):
        yield Finding(customer_id, public_number(document, row_id), _PROBLEMS[problem])
