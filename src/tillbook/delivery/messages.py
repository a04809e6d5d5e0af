"""How programs are told of an event: by a webhook, the same bytes at each attempt, and by the API.

Of what the event keeps only the fields listed here: nothing of payees or bank accounts. A webhook leaves out
the notes that staff wrote for themselves too, and what fields were before and after. Who needs that asks the
API, whose answer is the same with these added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
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

_CHANGING = ("expires_at", "total")  # of a credit and an order: told as they are, or before and after


def body_of(event: Event, customer: str | None) -> str:
    """The JSON that is sent; `customer` is the username, if it happened to one."""
    told = {"type": event.action, "timestamp": _utc(event.recorded_at), "data": data_of(event, customer)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def data_of(event: Event, customer: str | None) -> dict[str, Any]:
    """What a program is told of an event."""
    return {
        "id": public_number("EV", event.pk),
        "action": event.action,
        "subject": event.subject,
        "customer": customer,
        "actor": event.actor_name,
        "reason": event.reason,
        "public_note": event.public_note,
        "details": {
            name: _value(value)
            for name, value in event.data.items()
            if name in _TOLD and not _is_change(name, value)
        },
        "changed": [{"name": name} for name, _, _ in changes_of(event)],
        "recorded_at": _utc(event.recorded_at),
    }


def changes_of(event: Event) -> Iterator[tuple[str, Any, Any]]:
    """Each field that the event changed: its name, and its value before and after."""
    for name, (before, after) in sorted(event.data.get("changed", {}).items()):
        yield name, _value(before), _value(after)
    for name in _CHANGING:
        if _is_change(name, value := event.data.get(name)):
            yield name, _value(value[0]), _value(value[1])
    for figure, stored, derived in event.data.get("differences", []):
        yield figure, _value(stored), _value(derived)


def _is_change(name: str, value: Any) -> bool:
    return name in _CHANGING and isinstance(value, list)


def _value(value: Any) -> Any:
    """A value in the API's shapes: "12.34 GBP" is an amount of money."""
    if isinstance(value, list):
        return [_value(each) for each in value]
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    return value if found is None else {"amount": found[1], "currency": found[2]}


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
