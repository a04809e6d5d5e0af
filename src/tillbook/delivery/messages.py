"""What is sent of an event: the same bytes at each attempt.

Of what the event keeps only the fields listed here: nothing of payees or bank accounts, no notes that staff
wrote for themselves, and of a customer's details which of them changed. Who needs more asks the API.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from tillbook.common.numbering import public_number
from tillbook.events.models import Event

_MONEY = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) ([A-Z]{3})", re.ASCII)

_TOLD = {
    "amount", "overpaid", "total", "credits", "credit", "credit_given_back", "money_made_credit", "reference",
    "adjustment_note", "document", "method", "kind", "expires_at", "placed_at", "received_at", "opened_at",
    "name", "owner", "scopes", "role", "username", "host",
}  # fmt: skip


def body_of(event: Event, customer: str | None) -> str:
    """The JSON that is sent; `customer` is the username, if it happened to one."""
    told = {"type": event.action, "timestamp": _utc(event.recorded_at), "data": data_of(event, customer)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def data_of(event: Event, customer: str | None) -> dict[str, Any]:
    """What a program is told of an event."""
    kept = event.data
    details = {name: _value(value) for name, value in kept.items() if name in _TOLD}
    if "changed" in kept:
        details["changed"] = sorted(kept["changed"])
    return {
        "id": public_number("EV", event.pk),
        "action": event.action,
        "subject": event.subject,
        "customer": customer,
        "actor": event.actor_name,
        "reason": event.reason,
        "public_note": event.public_note,
        "details": details,
        "recorded_at": _utc(event.recorded_at),
    }


def _value(value: Any) -> Any:
    """A value in the API's shapes: "12.34 GBP" is an amount of money."""
    if isinstance(value, list):
        return [_value(each) for each in value]
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else {"amount": found[1], "currency": found[2]}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
