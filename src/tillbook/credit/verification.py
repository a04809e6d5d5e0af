"""Credits against the book: each is what its first transfer issued, on the terms of its request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit.issuing import content_of_issue
from tillbook.credit.models import Source
from tillbook.events.models import Event
from tillbook.ledger.models import House
from tillbook.ledger.steady import EVERYBODY, Range, of_range, streamed, within


class _Issued(NamedTuple):
    """A credit, and what its first transfer says of the request that issued it."""

    customer_id: int
    id: int
    issued_minor: int
    currency: str
    source: Source
    house: House
    reason: str
    source_reference: str
    refundable: bool
    expires_at: datetime | None
    issued_at: datetime
    note: str
    public_note: str
    order_reference: str
    content: str | None  # None: there is no such transfer
    transfer_minor: int
    effective_at: datetime | None


_ISSUED = (
    f"SELECT {', '.join(f'c.{name}' for name in _Issued._fields[:-3])}, t.content, t.amount_minor, "
    "t.effective_at "
    "FROM credit_credit AS c LEFT JOIN ledger_transfer AS t "
    "ON t.customer_id = c.customer_id AND t.account_id = c.id AND t.seq = 1 "
    "WHERE {range} ORDER BY c.customer_id, c.id"
)


def findings(wanted: Range = EVERYBODY) -> Iterator[Finding]:
    """Credits that are not what was issued, and accounts without a credit, of customers in the range.

    Streams: call it inside `steady`.
    """
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
    yield from ownerless(wanted)
    extended = _first_expiries(wanted)
    condition, bounds = within(wanted, "c.customer_id")
    for credit in map(_Issued._make, streamed(_ISSUED.format(range=condition), bounds)):
        number = public_number("CR", credit.id)
        if credit.content is None:
            yield Finding(credit.customer_id, number, "was never issued in the book")
        elif not _is_what_was_issued(credit, extended.get(number)):
            problem = "is not what was issued: its amount, terms, reason or notes were changed"
            yield Finding(credit.customer_id, number, problem)


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


def ownerless(wanted: Range = EVERYBODY) -> Iterator[Finding]:
    """Customers of the range who have a book and are not there any more: none is ever deleted."""
    condition, bounds = within(wanted, "b.customer_id")
    rows = statements.select(
        "SELECT DISTINCT b.customer_id FROM ledger_balance AS b LEFT JOIN customers_customer AS c "
        f"ON c.id = b.customer_id WHERE c.id IS NULL AND {condition} ORDER BY b.customer_id",
        bounds,
    )
    for (customer_id,) in rows:
        yield Finding(customer_id, "", "has a book and is not there any more")


def _first_expiries(wanted: Range) -> dict[str, tuple[str, str]]:
    """Credit number -> its expiry before the first and after the last grace period, as text."""
    found: dict[str, tuple[str, str]] = {}
    extended = Event.objects.filter(of_range(wanted), action="credit.extended")
    for number, data in extended.order_by("id").values_list("subject", "data"):
        before, after = data["expires_at"]
        found[number] = (found.get(number, (before, ""))[0], after)
    return found


def _is_what_was_issued(credit: _Issued, extended: tuple[str, str] | None) -> bool:
    expires_at = _in_utc(credit.expires_at)
    if extended is not None:
        before, after = extended
        if expires_at != datetime.fromisoformat(after):
            return False
        expires_at = datetime.fromisoformat(before)
    if _in_utc(credit.issued_at) != _in_utc(credit.effective_at):
        return False
    # A request without a moment of its own was issued at the moment of its transfer.
    return credit.transfer_minor == credit.issued_minor and (
        credit.content == _content(credit, expires_at, None)
        or credit.content == _content(credit, expires_at, _in_utc(credit.issued_at))
    )


def _in_utc(moment: datetime | None) -> datetime | None:
    """A moment as the driver gives it: SQLite's names no zone."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _content(credit: _Issued, expires_at: datetime | None, effective_at: datetime | None) -> str:
    """The digest of the request that issues such a credit."""
    asked = (
        credit.customer_id, Money(credit.issued_minor, credit.currency), credit.source, credit.house,
        credit.reason, credit.source_reference, credit.refundable, expires_at, effective_at, credit.note,
        credit.public_note, credit.order_reference,
    )  # fmt: skip
    return content_of_issue(asked)
