"""Finding each new event, and none twice: docs/decisions/0012-no-event-is-overtaken.md.

Ids are handed out before transactions commit, so on PostgreSQL an event may turn up below others that were
read long before. `Endpoint.seen_id` therefore moves only to what is settled: up to it no transaction can
still bring an event. All above is read again each time; one row per endpoint and event keeps it from being
sent twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Q
from django.db.models.functions import Greatest

from tillbook.common import statements
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.events.models import Event

_AT_ONCE = 1000  # events

# Whoever inserts takes this lock before the id and keeps it to the end of the transaction.
_WRITERS = """
SELECT virtualtransaction FROM pg_locks
WHERE locktype = 'relation' AND relation = %s::regclass AND mode = 'RowExclusiveLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
"""


class Settled:
    """Up to which event nothing can turn up any more, as one process finds out by looking again and again.

    It remembers a newest id and who was writing when it was read. Once they have all ended, every event up
    to that id is there to be read, or never will be.
    """

    def __init__(self) -> None:
        self.upto = 0
        self._newest = 0
        self._writers: set[str] = set()

    def look(self) -> int:
        """The id up to which all is settled now. Read events after this, never before."""
        writing = self._writing()
        if not self._writers & writing:
            self.upto = self._newest
            # The newest first: who then has a lower id is writing still, or has ended.
            self._newest = Event.objects.aggregate(newest=Max("id"))["newest"] or 0
            self._writers = self._writing()
            if not self._writers:
                self.upto = self._newest
        return self.upto

    @staticmethod
    def _writing() -> set[str]:
        if not statements.is_postgresql():
            return set()  # one transaction writes at a time: ids come in the order of commits
        return {str(who) for (who,) in statements.select(_WRITERS, ["events_event"])}


def find(settled: Settled, now: datetime) -> int:
    """Make a delivery of each new event for each endpoint that wants it; returns how many."""
    if not enabled():
        return 0
    upto = settled.look()
    # Read after it: of what is there by then, none may be passed over for an endpoint that wants it by now.
    endpoints = enabled()
    return sum(_find_for(each, upto, now) for each in endpoints)


def enabled() -> list[Endpoint]:
    return list(Endpoint.objects.filter(disabled_at=None).order_by("pk"))


def _find_for(endpoint: Endpoint, upto: int, now: datetime) -> int:
    found = 0
    while True:
        events = _new(endpoint)
        Delivery.objects.bulk_create(
            [_delivery(endpoint, each, now) for each in events], ignore_conflicts=True
        )
        found += len(events)
        if len(events) < _AT_ONCE:
            break
    if upto > endpoint.seen_id:
        # Another process may have come further.
        Endpoint.objects.filter(pk=endpoint.pk).update(seen_id=Greatest("seen_id", upto))
    return found


def _new(endpoint: Endpoint) -> Sequence[Event]:
    known = Delivery.objects.filter(endpoint=endpoint, event_id=OuterRef("pk"))
    events = Event.objects.filter(pk__gt=endpoint.seen_id).filter(~Exists(known))
    return list(events.filter(_wanted(endpoint.actions)).order_by("pk").only("action", "subject")[:_AT_ONCE])


def _wanted(actions: Sequence[str]) -> Q:
    wanted = Q()
    for each in actions:
        wanted |= Q(action__startswith=each[:-1]) if each.endswith("*") else Q(action=each)
    return wanted


def _delivery(endpoint: Endpoint, event: Event, now: datetime) -> Delivery:
    return Delivery(
        endpoint=endpoint, event_id=event.pk, action=event.action, subject=event.subject, created_at=now,
        since=now, next_at=now,
    )  # fmt: skip
