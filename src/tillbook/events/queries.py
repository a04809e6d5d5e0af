"""History: what happened, to whom, by whom."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from tillbook.common.paging import newest_before
from tillbook.events.models import Event

LOOKED_THROUGH = 20_000  # events, for a page that no index finds

# A refund's own events say the same, in the shop's words.
SAID_BY_REFUND = frozenset({"credit.held", "credit.captured", "credit.released"})

_MOVED = ("credit.spent", "credit.held", "credit.captured", "credit.released", "credit.restored")
_EACH = 10  # events that there may be of one document


def history_of_customer(customer_id: int, *, before: int | None = None, limit: int = 100) -> list[Event]:
    """The customer's newest events first; `before` is the id of the last event seen."""
    return list(newest_before(Event.objects.filter(customer_id=customer_id), before)[:limit])


def history_of_subject(
    subject: str, *, customer_id: int | None, before: int | None = None, limit: int = 100
) -> list[Event]:
    """The newest events of one document of that customer, by its public number, first.

    Without a customer: of what is nobody's, such as the shop's settings.
    """
    rows = Event.objects.filter(subject=subject, customer_id=customer_id)
    return list(newest_before(rows, before)[:limit])


def page_of_events(
    *,
    customer_id: int | None = None,
    subject: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Event]:
    """A page of what happened to customers, the newest first, without what their refunds' own events say.

    `before` is the id of the last event seen.
    """
    wanted = {"customer_id": customer_id, "subject": subject, "action": action}
    rows = Event.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    rows = rows.exclude(customer_id=None).exclude(action__in=SAID_BY_REFUND, subject__startswith="RF-")
    return list(newest_before(rows, before)[:limit])


class Found(NamedTuple):
    """A page of events, the newest first; `next_before` goes on after it, None where nothing is left."""

    events: list[Event]
    next_before: int | None


def page_of_activity(
    *,
    of_shop: bool,
    actor: str = "",
    action: str = "",
    subject: str = "",
    before: int | None = None,
    limit: int = 50,
) -> Found:
    """A page of what was done: to the shop itself (users, keys, webhooks), or to anything.

    `action` is its beginning, "user."; the others are whole. An index finds the shop's own events and
    those of a subject. For anything else so many events are looked through, and the caller may go on:
    a page takes as long in a shop with a hundred million events.
    """
    wanted = {"actor_name": actor, "action__startswith": action, "subject": subject}
    rows = Event.objects.filter(**{name: value for name, value in wanted.items() if value})
    if of_shop:
        rows = rows.filter(customer_id=None)
    end = 0
    if not of_shop and not subject:
        top = before or (Event.objects.order_by("-id").values_list("id", flat=True).first() or 0) + 1
        end = max(0, top - LOOKED_THROUGH)
        rows = rows.filter(id__gte=end)
    found = list(newest_before(rows, before)[: limit + 1])
    if len(found) > limit:
        return Found(found[:limit], found[limit - 1].pk)
    return Found(found, end or None)


def moved_for(reference: str, *, limit: int) -> list[Event]:
    """The newest event of each customer by which credit went to the document of that name."""
    newest: dict[int | None, Event] = {}
    rows = Event.objects.filter(subject=reference, action__in=_MOVED).order_by("-id")
    for event in rows[: limit * _EACH]:
        newest.setdefault(event.customer_id, event)
    return list(newest.values())[:limit]


def last_of_customer(customer_id: int, action: str) -> Event | None:
    """The newest event of that action that happened to the customer."""
    return Event.objects.filter(customer_id=customer_id, action=action).order_by("-id").first()


def actors_of_keys(customer_id: int, keys: Collection[str]) -> dict[str, tuple[str, int | None]]:
    """Who asked for each of the customer's keyed requests: their name then, and their user's id."""
    rows = Event.objects.filter(customer_id=customer_id, key__in=keys)
    return {
        str(key): (name, user_id)
        for key, name, user_id in rows.values_list("key", "actor_name", "actor_user_id")
    }


def last_of_subjects(customer_id: int, subjects: Collection[str]) -> dict[str, Event]:
    """The newest event of each of the customer's documents, by its number."""
    rows = Event.objects.filter(customer_id=customer_id, subject__in=subjects)
    rows = rows.exclude(action__startswith="customer.")  # a username may look like a document's number
    return {event.subject: event for event in rows.order_by("id")}


def by_id(event_id: int) -> Event | None:
    """The event of that id."""
    return next(iter(Event.objects.raw("SELECT * FROM events_event WHERE id = %s", [event_id])), None)


def of_key(customer_id: int, key: str) -> Event | None:
    """The event that this key wrote for the customer."""
    found = Event.objects.raw(
        "SELECT * FROM events_event WHERE customer_id = %s AND key = %s", [customer_id, key]
    )
    return next(iter(found), None)


def contents_of_keys(requests: Iterable[tuple[int, str]]) -> dict[tuple[int, str], str | None]:
    """The content that each known (customer_id, key) stands for: a batch's way to find repeats (R4)."""
    wanted = set(requests)
    rows = Event.objects.filter(
        customer_id__in={customer_id for customer_id, _ in wanted}, key__in={key for _, key in wanted}
    ).values_list("customer_id", "key", "content")
    return {
        (customer_id, key): content
        for customer_id, key, content in rows
        if customer_id is not None and key is not None and (customer_id, key) in wanted
    }
