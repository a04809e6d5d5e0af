"""Credit that is set aside: what a hold is, which are open, and what for."""

from __future__ import annotations

from typing import Literal, NamedTuple

from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.numbering import public_number, row_id
from tillbook.credit.batch import Part
from tillbook.events.models import Event
from tillbook.events.queries import by_id as event_by_id
from tillbook.ledger.book import HoldNotFound
from tillbook.ledger.models import House, Kind

_OPEN = (
    "NOT EXISTS (SELECT 1 FROM ledger_transfer AS r WHERE r.customer_id = t.customer_id "
    "AND r.account_id = t.account_id AND r.hold_seq = t.seq)"
)


HoldState = Literal["held", "captured", "released"]


class Hold(NamedTuple):
    """Credit set aside under a key. `captured_minor` is None while it lasts."""

    reference: str
    house: str
    currency: str
    parts: list[Part]
    captured_minor: int | None

    @property
    def state(self) -> HoldState:
        if self.captured_minor is None:
            return "held"
        return "captured" if self.captured_minor else "released"


def hold_named(customer_id: int, key: str) -> Hold | None:
    """The hold that this key made, if it made one."""
    rows = statements.select(
        "SELECT t.account_id, t.amount_minor, t.reference, t.house, a.currency, r.kind, r.amount_minor "
        "FROM ledger_transfer AS t JOIN ledger_account AS a ON a.customer_id = t.customer_id "
        "AND a.id = t.account_id LEFT JOIN ledger_transfer AS r ON r.customer_id = t.customer_id "
        "AND r.account_id = t.account_id AND r.hold_seq = t.seq "
        "WHERE t.customer_id = %s AND t.key = %s AND t.kind = %s ORDER BY t.part",
        [customer_id, key, Kind.HOLD.value],
    )
    if not rows:
        return None
    _, _, reference, house, currency, ending, _ = rows[0]
    captured = sum(row[6] for row in rows if row[5] == Kind.CAPTURE)
    parts = [Part(row[0], row[1]) for row in rows]
    return Hold(reference, house, currency, parts, None if ending is None else captured)


def open_holds(customer_id: int, currency: str, reference: str) -> list[str]:
    """The keys of the holds in `currency` for the document that were neither captured nor released."""
    rows = statements.select(
        "SELECT t.key FROM ledger_transfer AS t "
        "JOIN ledger_account AS a ON a.customer_id = t.customer_id AND a.id = t.account_id "
        "WHERE t.customer_id = %s AND t.reference = %s AND t.house = %s AND t.kind = %s AND a.currency = %s "
        f"AND {_OPEN} ORDER BY t.recorded_at, t.key, t.part",
        [customer_id, reference, House.ORDERS.value, Kind.HOLD.value, currency],
    )
    return list(dict.fromkeys(key for (key,) in rows))  # each once, however many credits it holds of


def held_for(customer_id: int, currency: str, *, limit: int) -> list[tuple[str, int]]:
    """(reference, minor units) of the documents that credit is set aside for, the latest first."""
    rows = statements.select(
        "SELECT t.reference, sum(t.amount_minor) FROM ledger_account AS a "
        "JOIN ledger_transfer AS t ON t.customer_id = a.customer_id AND t.account_id = a.id "
        f"WHERE a.customer_id = %s AND a.currency = %s AND a.held_minor > 0 AND t.kind = %s AND {_OPEN} "
        "GROUP BY t.reference ORDER BY max(t.recorded_at) DESC, t.reference LIMIT %s",
        [customer_id, currency, Kind.HOLD.value, limit],
    )
    return [(reference, int(minor)) for reference, minor in rows]


def beginning_of(number: str) -> Event:
    """The event that the hold of this public number, HO-1042, began with. Raises HoldNotFound."""
    event = event_by_id(row_id("HO", number) or 0)
    if event is None or event.action != "credit.held":
        raise _no_hold(number)
    return event


def hold_begun_by(event: Event) -> Hold:
    """The checkout's hold, as it stands.

    Raises HoldNotFound for what a refund holds: that is ended by the refund alone.
    """
    hold = hold_named(event.customer_id or 0, event.key or "")
    if hold is None or hold.house != House.ORDERS:
        raise _no_hold(public_number("HO", event.pk))
    return hold


def _no_hold(number: str) -> HoldNotFound:
    return HoldNotFound(_("There is no hold %(number)s.") % {"number": number}, field="hold")
