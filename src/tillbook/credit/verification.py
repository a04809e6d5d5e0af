"""Credits against the book: each is what its first transfer issued, on the terms of its request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit.issuing import Issue
from tillbook.credit.models import Credit, Source
from tillbook.events.models import Event
from tillbook.ledger.models import House
from tillbook.ledger.steady import EVERYBODY, Range, of_range, within

_AT_ONCE = 1_000  # credits


def findings(wanted: Range = EVERYBODY) -> Iterator[Finding]:
    """Credits that are not what was issued, and accounts without a credit, of customers in the range."""
    condition, bounds = within(wanted, "a.customer_id")
    orphans = statements.select(
        "SELECT a.customer_id, a.id FROM ledger_account AS a LEFT JOIN credit_credit AS c "
        "ON c.customer_id = a.customer_id AND c.id = a.id "
        f"WHERE c.id IS NULL AND {condition} ORDER BY a.customer_id, a.id",
        bounds,
    )
    for customer_id, account_id in orphans:
        yield Finding(customer_id, public_number("CR", account_id), "has an account but no terms")
    yield from hidden(wanted)
    extended = _first_expiries()
    rows = Credit.objects.filter(of_range(wanted)).order_by("customer_id", "id").iterator(chunk_size=_AT_ONCE)
    while credits := list(islice(rows, _AT_ONCE)):
        issued = _first_transfers(credits)
        for credit in credits:
            first = issued.get((credit.customer_id, credit.id))
            if first is None:
                yield Finding(credit.customer_id, credit.number, "was never issued in the book")
            elif not _is_what_was_issued(credit, first, extended):
                problem = "is not what was issued: its amount, terms, reason or notes were changed"
                yield Finding(credit.customer_id, credit.number, problem)


def hidden(wanted: Range = EVERYBODY) -> Iterator[Finding]:
    """Credits with something available that are not marked usable: they are not found when credit is used."""
    condition, bounds = within(wanted, "a.customer_id")
    rows = statements.select(
        "SELECT a.customer_id, a.id FROM credit_credit AS c JOIN ledger_account AS a "
        "ON a.customer_id = c.customer_id AND a.id = c.id "
        f"WHERE NOT c.usable AND a.posted_minor > a.held_minor AND {condition} ORDER BY a.customer_id, a.id",
        bounds,
    )
    for customer_id, account_id in rows:
        problem = "has something available but is not marked usable"
        yield Finding(customer_id, public_number("CR", account_id), problem)


class _First(NamedTuple):
    """What a credit's first transfer says of the request that issued it."""

    content: str
    amount_minor: int


def _first_transfers(credits: Iterable[Credit]) -> dict[tuple[int, int], _First]:
    places = [(credit.customer_id, credit.id) for credit in credits]
    table, rows = statements.wanted({"customer_id": "bigint", "id": "bigint"}, places)
    found = statements.select(
        f"SELECT t.customer_id, t.account_id, t.content, t.amount_minor FROM {table} "
        "CROSS JOIN ledger_transfer AS t WHERE t.customer_id = wanted.customer_id "
        "AND t.account_id = wanted.id AND t.seq = 1",
        rows,
    )
    return {(customer_id, account_id): _First(*first) for customer_id, account_id, *first in found}


def _first_expiries() -> dict[str, tuple[str, str]]:
    """Credit number -> its expiry before the first and after the last grace period, as text."""
    found: dict[str, tuple[str, str]] = {}
    for number, data in (
        Event.objects.filter(action="credit.extended").order_by("id").values_list("subject", "data")
    ):
        before, after = data["expires_at"]
        found[number] = (found.get(number, (before, ""))[0], after)
    return found


def _is_what_was_issued(credit: Credit, first: _First, extended: dict[str, tuple[str, str]]) -> bool:
    expires_at = credit.expires_at
    if credit.number in extended:
        before, after = extended[credit.number]
        if expires_at != datetime.fromisoformat(after):
            return False
        expires_at = datetime.fromisoformat(before)
    # A request without a moment of its own was issued at the moment of its transfer.
    return first.amount_minor == credit.issued_minor and any(
        first.content == _request(credit, expires_at, at).content for at in (None, credit.issued_at)
    )


def _request(credit: Credit, expires_at: datetime | None, effective_at: datetime | None) -> Issue:
    return Issue(
        customer_id=credit.customer_id,
        amount=Money(credit.issued_minor, credit.currency),
        source=Source(credit.source),
        house=House(credit.house),
        reason=credit.reason,
        reference=credit.source_reference,
        key="",
        refundable=credit.refundable,
        expires_at=expires_at,
        effective_at=effective_at,
        note=credit.note,
        public_note=credit.public_note,
        order_reference=credit.order_reference,
    )
