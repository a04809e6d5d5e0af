"""Refunds against the book: their money, their sources, and the request that somebody made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import NamedTuple

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.events.models import Event
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee, content_of_request
from tillbook.refunds.services import content_of_reversal

# From each refund to its own transfers by their index, instead of grouping all transfers there are.
# A checkout's document may have any name, a refund's too: its transfers are those of orders.
_MONEY = (
    "SELECT r.customer_id, r.id FROM refunds_refund AS r LEFT JOIN ledger_transfer AS t "
    "ON t.customer_id = r.customer_id AND t.reference = 'RF-' || CAST(r.id + 1000 AS text) "
    "AND (t.kind <> 'post' OR t.inward) AND t.house <> 'orders' "
    "GROUP BY r.id, r.customer_id, r.amount_minor, r.status "
    "HAVING sum(CASE WHEN t.kind = 'hold' THEN t.amount_minor ELSE 0 END) <> r.amount_minor "
    "OR sum(CASE WHEN t.kind = 'capture' THEN t.amount_minor ELSE 0 END) "
    "+ sum(CASE WHEN t.kind = 'release' THEN t.amount_minor ELSE 0 END) "
    "<> CASE WHEN r.status IN ('requested', 'approved') THEN 0 ELSE r.amount_minor END "
    # What was captured is gone, unless it came back: a payment that failed after it was completed.
    "OR sum(CASE WHEN t.kind = 'capture' THEN t.amount_minor ELSE 0 END) "
    "- sum(CASE WHEN t.kind = 'post' THEN t.amount_minor ELSE 0 END) "
    "<> CASE WHEN r.status = 'completed' THEN r.amount_minor ELSE 0 END ORDER BY r.id"
)
_SOURCES = (
    "SELECT r.customer_id, r.id FROM refunds_refund AS r LEFT JOIN ("
    "SELECT s.refund_id, sum(s.amount_minor) AS amount, count(t.seq) AS held, count(*) AS sources "
    "FROM refunds_refundsource AS s JOIN refunds_refund AS own ON own.id = s.refund_id "
    "LEFT JOIN ledger_transfer AS t ON t.customer_id = own.customer_id AND t.key = own.hold_key "
    "AND t.account_id = s.credit_id AND t.amount_minor = s.amount_minor GROUP BY s.refund_id) AS s "
    "ON s.refund_id = r.id WHERE coalesce(s.amount, 0) <> r.amount_minor OR s.held <> s.sources ORDER BY r.id"
)


def money_findings() -> Iterator[Finding]:
    """Refunds whose state or sources are not what their transfers give."""
    for statement, problem in (
        (_MONEY, "has a state or amount that its transfers do not give"),
        (_SOURCES, "has sources that are not the credits held for it"),
    ):
        for customer_id, refund_id in statements.select(statement, []):
            yield Finding(customer_id, public_number("RF", refund_id), problem)


def findings() -> Iterator[Finding]:
    """Refunds whose state, sources or payee are not what the book and their request say."""
    yield from money_findings()
    asked_for = ["refund.requested", "refund.reversal_requested", "refund.changed"]
    requests = dict(  # of each refund the last: what it was asked for, or changed to
        Event.objects.filter(action__in=asked_for).order_by("pk").values_list("subject", "content")
    )
    rows = Refund.objects.order_by("id").values_list(*_Asked._fields, "sources__credit_id")
    for asked, sources in groupby(rows.iterator(chunk_size=2000), key=lambda row: row[:-1]):
        refund = _Asked._make(asked)
        number = public_number("RF", refund.id)
        contents = _contents(refund, [row[-1] for row in sources])
        if not any(requests.get(number) == content for content in contents):
            problem = "is not what was asked for: its amount, payee, account, date or note was changed"
            yield Finding(refund.customer_id, number, problem)


class _Asked(NamedTuple):
    """What a refund says of the request for it."""

    id: int
    customer_id: int
    kind: str
    currency: str
    amount_minor: int
    method: str
    payee_name: str
    bank_account: str
    paypal_email: str
    postal_address: str
    payee_reference: str
    payment_date: date | None
    reverse_reason: str
    note: str


def _contents(refund: _Asked, credit_ids: Sequence[int | None]) -> Iterator[str]:
    """The digests that the request for this refund may have: of all refundable credits, or of one."""
    if refund.kind == Refund.Kind.REVERSAL:
        for credit_id in credit_ids:
            if credit_id is not None:
                yield content_of_reversal(credit_id, refund.reverse_reason, refund.note)
        return
    amount = Money(refund.amount_minor, refund.currency)
    payee = Payee(
        refund.payee_name, refund.bank_account, refund.paypal_email, refund.postal_address,
        refund.payee_reference,
    )  # fmt: skip
    for credit_id in (None, *credit_ids):
        yield content_of_request(amount, refund.method, payee, refund.payment_date, refund.note, credit_id)
