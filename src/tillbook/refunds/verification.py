"""Refunds against the book: their money, their sources, their history, and what customers asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.numbering import number_sql, public_number
from tillbook.common.sealing import keys_read_once
from tillbook.common.weighing import Pair, Term, agreeing, new_seed, number_hash, text_hash
from tillbook.events.models import Event
from tillbook.refunds import history_verification
from tillbook.refunds.asks import content_of_ask
from tillbook.refunds.models import Ask
from tillbook.refunds.payees import payee_of
from tillbook.refunds.state import amount_of

# From each refund to its own transfers by their index, instead of grouping all transfers there are.
# A checkout's document may have any name, a refund's too: its transfers are those of orders.
_MONEY = (
    "SELECT r.customer_id, r.id FROM refunds_refund AS r LEFT JOIN ledger_transfer AS t "
    f"ON t.customer_id = r.customer_id AND t.reference = {number_sql('RF', 'r.id')} "
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
# A refund counts against the payments with its charge that were not voided before it was asked for: money
# that went back and is charged back later is a loss, and no row changed behind the program's back.
_CHARGES = (
    "SELECT max(r.customer_id), r.gateway, r.charge FROM (SELECT r.*, coalesce((SELECT max(p.amount_minor) "
    "FROM orders_payment AS p JOIN orders_order AS o ON o.id = p.order_id WHERE p.gateway = r.gateway "
    "AND p.charge = r.charge AND o.currency = r.currency "
    "AND (p.voided_at IS NULL OR p.voided_at >= r.requested_at)), 0) AS brought FROM refunds_refund AS r "
    "WHERE NOT (r.charge = '') AND r.status IN ('requested', 'approved', 'completed')) AS r "
    "GROUP BY r.gateway, r.charge HAVING sum(r.amount_minor) > min(r.brought) ORDER BY r.gateway, r.charge"
)
# By the method gateway, and by no other, money goes back to a charge.
_WITHOUT = (
    "SELECT customer_id, id FROM refunds_refund WHERE kind = 'refund' "
    "AND (method = 'gateway') <> (NOT (charge = '')) ORDER BY id"
)


def charge_findings() -> Iterator[Finding]:
    """Charges to which more goes back than they brought, and refunds whose charge and method do not agree."""
    for customer_id, gateway, charge in statements.select(_CHARGES, []):
        yield Finding(customer_id, f"{gateway} {charge}", "pays back more than it brought")
    for customer_id, refund_id in statements.select(_WITHOUT, []):
        number = public_number("RF", refund_id)
        yield Finding(customer_id, number, "has a charge that its method does not go back to, or lacks one")


def money_findings(*, in_full: bool = False) -> Iterator[Finding]:
    """Refunds whose state or sources are not what their transfers give.

    In full each source is looked up too: then no other transfer may have a hold's key and amount either.
    """
    pairs = _pairs()
    agreed = agreeing(pairs)
    if not {"held", "ended", "gone"} <= agreed:
        yield from _wrong_money()
    if in_full or not {"sources", "holds"} <= agreed:
        yield from _wrong_sources()


def _pairs() -> dict[str, Pair]:
    """What `_MONEY` and `_SOURCES` compare for each refund, to be weighed.

    Another document's transfers count too where it is named like a refund: then the pairs do not agree.
    """
    seed = new_seed()
    moved = "house <> 'orders' AND (kind <> 'post' OR inward) AND starts_with(reference, 'RF-')"
    refund = text_hash(seed, "customer_id", number_sql("RF", "id"))
    reference = text_hash(seed, "customer_id", "reference")
    kept = number_hash(number_hash(number_hash(seed, "customer_id"), "account_id"), "amount_minor")
    source = number_hash(number_hash(number_hash(seed, "own.customer_id"), "s.credit_id"), "s.amount_minor")
    joined = "refunds_refundsource AS s JOIN refunds_refund AS own ON own.id = s.refund_id"
    said = {
        "held": "amount_minor",
        "ended": "CASE WHEN status IN ('requested', 'approved') THEN 0 ELSE amount_minor END",
        "gone": "CASE WHEN status = 'completed' THEN amount_minor ELSE 0 END",
    }
    done = {
        "held": "CASE WHEN kind = 'hold' THEN amount_minor ELSE 0 END",
        "ended": "CASE WHEN kind IN ('capture', 'release') THEN amount_minor ELSE 0 END",
        "gone": "CASE kind WHEN 'capture' THEN amount_minor WHEN 'post' THEN -amount_minor ELSE 0 END",
    }
    return {
        **{
            name: Pair(
                Term("refunds_refund", refund, said[name]),
                Term("ledger_transfer", reference, done[name], moved),
            )
            for name in said
        },
        "sources": Pair(
            Term("refunds_refund", number_hash(seed, "id"), "amount_minor"),
            Term("refunds_refundsource", number_hash(seed, "refund_id"), "amount_minor"),
        ),
        "holds": Pair(
            Term(joined, text_hash(source, "0", "own.hold_key"), "1"),
            Term(
                "ledger_transfer",
                text_hash(kept, "0", "key"),
                "CASE WHEN kind = 'hold' THEN 1 ELSE 0 END",
                moved,
            ),
        ),
    }


def _wrong_money() -> Iterator[Finding]:
    problem = "has a state or amount that its transfers do not give"
    for customer_id, refund_id in statements.select(_MONEY, []):
        yield Finding(customer_id, public_number("RF", refund_id), problem)


def _wrong_sources() -> Iterator[Finding]:
    problem = "has sources that are not the credits held for it"
    for customer_id, refund_id in statements.select(_SOURCES, []):
        yield Finding(customer_id, public_number("RF", refund_id), problem)


def findings() -> Iterator[Finding]:
    """Refunds whose state, sources or payee are not what the book and their request say."""
    yield from money_findings(in_full=True)
    yield from charge_findings()
    with keys_read_once():  # every account number is opened
        changed = [*history_verification.findings(), *_changed_asks()]
    yield from changed


#: what answers an ask -> the state that it gives it
_ANSWERS: dict[str, str] = {
    "refund.ask_accepted": Ask.Status.ACCEPTED,
    "refund.ask_declined": Ask.Status.DECLINED,
    "refund.ask_withdrawn": Ask.Status.WITHDRAWN,
}


def _changed_asks() -> Iterator[Finding]:
    """Asks that are not what their customer asked for: accepted, the money would go elsewhere."""
    told = Event.objects.filter(action="refund.asked").values_list("subject", "customer_id", "content")
    asked = {(subject, customer_id): content for subject, customer_id, content in told}
    events = Event.objects.filter(action__in=_ANSWERS).order_by("pk")
    answers = {
        subject: (_ANSWERS[action], data.get("document"))
        for subject, action, data in events.values_list("subject", "action", "data")
    }
    for each in Ask.objects.select_related("refund").order_by("pk").iterator(chunk_size=2000):
        content = content_of_ask(amount_of(each), each.method, payee_of(each))
        if asked.get((each.number, each.customer_id)) != content:
            problem = "is not what the customer asked for: its amount, payee or account was changed"
            yield Finding(each.customer_id, each.number, problem)
        became = each.refund.number if each.refund is not None else None
        if (each.status, became) != answers.get(each.number, (Ask.Status.WAITING, None)):
            yield Finding(each.customer_id, each.number, "was not answered as its history says")
