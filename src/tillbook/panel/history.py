"""Events as sentences for people: what happened, who did it, from where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from tillbook.events.models import Event

# Where an action's own words are not what people call it. Everything else is made from the action.
_WHAT = {
    "credit.issued": "Credit issued",
    "credit.spent": "Credit spent",
    "credit.held": "Credit held",
    "credit.captured": "Held credit used",
    "credit.released": "Held credit released",
    "credit.restored": "Credit given back",
    "credit.reversed": "Credit taken back",
    "refund.completed": "Marked as paid and complete",
    "refund.reversal_completed": "Reversal completed",
    "refund.reversal_declined": "Reversal declined",
    "refund.slip_sent": "Refund slip sent",
    "rma.opened": "RMA opened",
    "rma.closed": "RMA closed",
    "rma.cancelled": "RMA cancelled",
    "customer.recalculated": "Account balances recalculated",
}

# A refund's own events say the same, in the shop's words.
_SAID_BY_REFUND = {"credit.held", "credit.captured", "credit.released"}

_PAGES = {"CR": "panel:credit", "RF": "panel:refund", "RMA": "panel:rma"}
_ORDER_ACTIONS = ("order.", "payment.")

_NOT_SHOWN = {"amount", "id", "key", "differences"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a history."""

    at: datetime
    what: str
    subject: str
    url: str
    detail: str
    note: str
    public_note: str
    who: str
    origin: str


def entries(events: Iterable[Event]) -> list[Entry]:
    """The events, in their order, as lines of a history."""
    return [_entry(event) for event in events if not _is_echo(event)]


def document_url(number: str) -> str:
    """The page of a credit, refund or RMA by its public number; empty for anything else."""
    prefix, dash, _ = number.partition("-")
    return reverse(_PAGES[prefix], args=[number]) if dash and prefix in _PAGES else ""


def _is_echo(event: Event) -> bool:
    return event.action in _SAID_BY_REFUND and event.subject.startswith("RF-")


def _entry(event: Event) -> Entry:
    return Entry(
        at=event.recorded_at,
        what=_WHAT.get(event.action) or event.action.replace(".", " ").replace("_", " ").capitalize(),
        subject=event.subject,
        url=_url(event),
        detail=_detail(event.data, event.reason),
        note=event.note,
        public_note=event.public_note,
        who=event.actor_name,
        origin=event.origin,
    )


def _url(event: Event) -> str:
    if event.action.startswith(_ORDER_ACTIONS):
        return reverse("panel:order", args=[event.subject])
    return document_url(event.subject)


def _detail(data: dict[str, Any], reason: str) -> str:
    """Amount and reason first, then what else the event says in plain values."""
    parts = [str(data["amount"])] if data.get("amount") else []
    if reason:
        parts.append(reason.replace("_", " "))
    parts += [f"{_words(name)}: {_words(value)}" for name, value in data.items() if _is_plain(name, value)]
    for figure, stored, derived in data.get("differences", []):
        parts.append(f"{figure} was {stored}, is {derived}")
    return " · ".join(parts)


def _is_plain(name: str, value: Any) -> bool:
    return name not in _NOT_SHOWN and value not in ("", None) and isinstance(value, str | int)


def _words(value: Any) -> str:
    """A value of a closed list as words; any other text as it stands."""
    text = str(value)
    return text.replace("_", " ") if text.isascii() and text.replace("_", "").islower() else text
