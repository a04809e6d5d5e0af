"""Sending what is due: claim some deliveries, send each, record how it went.

A process that dies in between leaves the claim to run out, and the same is sent again: at least once. What
is sent again has the same id. Nothing is locked and no transaction is open while a receiver answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import httpcore
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from standardwebhooks import Webhook

from tillbook.common.errors import Refusal
from tillbook.common.targets import Guarded, trusted
from tillbook.customers.models import Customer
from tillbook.delivery.messages import body_of
from tillbook.delivery.models import Delivery
from tillbook.delivery.targets import FENCE, check_url
from tillbook.events.models import Event

GIVEN_UP_AFTER = timedelta(days=3)
LEASE = timedelta(minutes=2)  # longer than a name can be looked for and a receiver can take
_AT_ONCE = 20  # deliveries of one claim: finding what is due costs more than sending it
_SECONDS = 20  # that a receiver can take, in all
_ANSWER = 2000  # bytes of an answer that are read and kept

# After each failure, the pause before the next attempt; the last one stays.
_PAUSES = [
    timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30),
    timedelta(hours=1), timedelta(hours=2), timedelta(hours=4), timedelta(hours=8),
]  # fmt: skip


class Request(NamedTuple):
    """What is sent."""

    url: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt went; `status` is None if there was no answer, and `answer` says why."""

    status: int | None
    answer: str
    ms: int = 0

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """Sends to one endpoint over a connection that stays open from one delivery to the next."""

    def __init__(self) -> None:
        self._guarded = Guarded(FENCE)
        self._pool = httpcore.ConnectionPool(
            max_connections=1, ssl_context=trusted(), network_backend=self._guarded
        )

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def send(self, request: Request) -> Outcome:
        """POST it. No redirect is followed: it could lead anywhere."""
        start = time.monotonic_ns()
        self._guarded.begin(_SECONDS)
        try:
            check_url(request.url)  # what is allowed may have changed since it was added
            status, answer = self._post(request)
        except Refusal as refusal:
            status, answer = None, refusal.message
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            status, answer = None, f"No answer: {str(error) or type(error).__name__}"
        return Outcome(status, answer, (time.monotonic_ns() - start) // 10**6)

    def _post(self, request: Request) -> tuple[int, str]:
        headers = list(request.headers.items())
        with self._pool.stream(
            "POST", request.url, headers=headers, content=request.body.encode()
        ) as response:
            read = b""
            for chunk in response.iter_stream():
                read += chunk
                if len(read) >= _ANSWER:
                    break
            return response.status, read[:_ANSWER].decode(errors="replace").replace(
                "\0", "\N{REPLACEMENT CHARACTER}"
            )


def send_due(endpoint_id: int, sender: Sender, clock: Callable[[], datetime]) -> list[Outcome]:
    """Send what the endpoint is due next, up to the first that is not taken; none if nothing is due."""
    claimed = claim(endpoint_id, clock(), most=_AT_ONCE)
    outcomes: list[Outcome] = []
    for delivery in claimed:
        now = clock()
        if outcomes and (now > _last_start(delivery) or not outcomes[-1].delivered):
            break
        outcomes.append(sender.send(request_of(delivery, now)))
        record_outcome(delivery, outcomes[-1], clock())
    rest = [each.pk for each in claimed[len(outcomes) :]]
    if rest:
        Delivery.objects.filter(pk__in=rest).update(leased_until=None)
    return outcomes


def _last_start(delivery: Delivery) -> datetime:
    """After this the claim could run out before an answer is there."""
    assert delivery.leased_until is not None  # it is claimed
    return delivery.leased_until - LEASE / 2


def is_due(endpoint_id: int, now: datetime) -> bool:
    """Whether the endpoint has something to be sent now."""
    return _due(endpoint_id, now).exists()


def claim(endpoint_id: int, now: datetime, *, most: int = 1) -> list[Delivery]:
    """The deliveries that are due first, each of another subject, claimed for this process.

    One whose subject has an earlier event not yet delivered or given up is not due.
    """
    if not is_due(endpoint_id, now):  # on SQLite a transaction would stop all who write
        return []
    with transaction.atomic():
        rows = _due(endpoint_id, now).select_related("endpoint")
        rows = rows.select_for_update(skip_locked=True, of=("self",)).order_by("next_at", "event_id")
        claimed = list(rows[:most])
        for each in claimed:
            each.leased_until = now + LEASE
        Delivery.objects.filter(pk__in=[each.pk for each in claimed]).update(leased_until=now + LEASE)
    return claimed


def _due(endpoint_id: int, now: datetime) -> models.QuerySet[Delivery]:
    earlier = Delivery.objects.filter(
        endpoint=OuterRef("endpoint"), subject=OuterRef("subject"), state=Delivery.State.PENDING,
        event_id__lt=OuterRef("event_id"),
    )  # fmt: skip
    return Delivery.objects.filter(
        ~Exists(earlier), Q(leased_until=None) | Q(leased_until__lte=now), endpoint=endpoint_id,
        endpoint__disabled_at=None, state=Delivery.State.PENDING, next_at__lte=now,
    )  # fmt: skip


def request_of(delivery: Delivery, now: datetime) -> Request:
    """The signed request, as the Standard Webhooks specification has it."""
    body = body_of_delivery(delivery)
    signature = Webhook(delivery.endpoint.secret).sign(delivery.webhook_id, now, body)
    headers = {
        "content-type": "application/json",
        "user-agent": "Tillbook",
        "webhook-id": delivery.webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    return Request(delivery.endpoint.url, headers, body)


def body_of_delivery(delivery: Delivery) -> str:
    """What is sent, made from the event anew: neither ever changes."""
    event = Event.objects.get(pk=delivery.event_id)
    usernames = Customer.objects.filter(pk=event.customer_id or 0).values_list("username", flat=True)
    return body_of(event, usernames.first())


def record_outcome(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """Keep how it went, and when to try again; nothing if it has come to an end meanwhile."""
    ends = delivery.since + GIVEN_UP_AFTER
    pause = _PAUSES[min(delivery.attempts, len(_PAUSES) - 1)]
    state = Delivery.State.PENDING
    if outcome.delivered:
        state = Delivery.State.DELIVERED
    elif now >= ends:
        state = Delivery.State.GIVEN_UP
    Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING).update(
        state=state, attempts=delivery.attempts + 1, next_at=min(now + pause, max(ends, now)),
        leased_until=None, last_at=now, last_status=outcome.status,
        last_answer=outcome.answer, last_ms=outcome.ms,
    )  # fmt: skip
