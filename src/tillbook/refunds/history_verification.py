"""Refunds against their history: what was asked for and by whom, who approved it, and how it ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import number_sql, public_number
from tillbook.events.models import Event
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds.approvals import content
from tillbook.refunds.models import Approval, Refund, RefundSource
from tillbook.refunds.payees import content_of_request, payee_of
from tillbook.refunds.services import RESOLVED, content_of_reversal

_REQUESTED = ("refund.requested", "refund.reversal_requested")
_CHANGED, _APPROVED, _RECEIVED = "refund.changed", "refund.approved", "refund.received"
_NUMBERED, _FAILED = "refund.cheque_numbered", "refund.failed"
_ENDED = tuple(RESOLVED.values())
_PAID = ("refund.completed", "refund.reversal_completed")
_TOLD = (*_REQUESTED, _CHANGED, _APPROVED, _RECEIVED, _NUMBERED, *_ENDED)

_AT_ONCE = 1_000  # refunds in memory, with their events
_LOST = (
    "SELECT subject FROM events_event "
    "WHERE action IN ('refund.requested', 'refund.reversal_requested', 'refund.changed') "
    f"EXCEPT SELECT {number_sql('RF', 'id')} FROM refunds_refund ORDER BY 1"
)


class _Stands(NamedTuple):
    """A refund as its row says."""

    id: int
    customer_id: int
    kind: str
    status: str
    currency: str
    amount_minor: int
    method: str
    payee_name: str
    bank_account: str
    paypal_email: str
    postal_address: str
    payee_reference: str
    gateway: str
    charge: str
    payment_date: date | None
    reverse_reason: str
    note: str
    requested_by: str
    requested_by_user_id: int | None
    requested_at: datetime
    resolved_by: str
    resolved_at: datetime | None
    decline_reason: str
    fail_reason: str
    was_unclaimed: bool
    completed_at: datetime | None
    cheque_number: str
    received_on: date | None


class _Told(NamedTuple):
    """An event about a refund."""

    subject: str
    customer_id: int | None
    action: str
    actor_name: str
    actor_user_id: int | None
    recorded_at: datetime
    content: str | None
    reason: str
    note: str
    data: Mapping[str, Any]


class _Approved(NamedTuple):
    """An approval as its row says."""

    refund_id: int
    by: str
    by_user_id: int | None
    at: datetime
    acknowledged: Sequence[str]
    content: str
    voided_at: datetime | None


def findings() -> Iterator[Finding]:
    """Refunds that are not, or did not go, as their events tell."""
    for refund, told, credit_ids, approvals in _refunds():
        for problem in _problems(refund, told, credit_ids, approvals):
            yield Finding(refund.customer_id, public_number("RF", refund.id), problem)
    for (number,) in statements.select(_LOST, []):
        asked = Event.objects.filter(subject=number, action__in=_REQUESTED).first()
        customer_id = asked.customer_id if asked else None
        yield Finding(customer_id or 0, number, "was asked for and is not there any more")


def _refunds() -> Iterator[tuple[_Stands, list[_Told], list[int], list[_Approved]]]:
    """Each refund with its events in their order, the credits it comes from, and its approvals."""
    last = 0
    while rows := Refund.objects.filter(pk__gt=last).order_by("pk").values_list(*_Stands._fields)[:_AT_ONCE]:
        refunds = [_Stands._make(row) for row in rows]
        last = refunds[-1].id
        told: defaultdict[str, list[_Told]] = defaultdict(list)
        numbers = [public_number("RF", each.id) for each in refunds]
        events = Event.objects.filter(subject__in=numbers, action__in=_TOLD).order_by("pk")
        for event in map(_Told._make, events.values_list(*_Told._fields)):
            told[event.subject].append(event)
        sources: defaultdict[int, list[int]] = defaultdict(list)
        own = {"refund_id__in": [each.id for each in refunds]}
        for refund_id, credit_id in RefundSource.objects.filter(**own).values_list("refund_id", "credit_id"):
            sources[refund_id].append(credit_id)
        approvals: defaultdict[int, list[_Approved]] = defaultdict(list)
        for given in map(_Approved._make, Approval.objects.filter(**own).values_list(*_Approved._fields)):
            approvals[given.refund_id].append(given)
        for refund, number in zip(refunds, numbers, strict=True):
            of_customer = [each for each in told[number] if each.customer_id == refund.customer_id]
            yield refund, of_customer, sources[refund.id], approvals[refund.id]


def _problems(
    refund: _Stands, told: Sequence[_Told], credit_ids: Sequence[int], approvals: Sequence[_Approved]
) -> Iterator[str]:
    if _last_content(told) not in _contents(refund, credit_ids, _charge_found(told)):
        yield "is not what was asked for: its amount, payee, account, date or note was changed"
    if not _was_asked_for(refund, told):
        yield "was asked for by somebody else, or at another time, than its history says"
    if not _was_approved(refund, told, approvals):
        yield "was approved otherwise than its history says"
    if not _ended(refund, told):
        yield "did not end as its history says"
    if _cheque_number(told) != refund.cheque_number:
        yield "has another cheque number than its history says"
    if _received_on(told) != (refund.received_on.isoformat() if refund.received_on else None):
        yield "was received on another day than its history says"
    if any(each.action == _FAILED and each.reason == "unclaimed" for each in told) != refund.was_unclaimed:
        yield "was not cancelled as its history says"


def _last_content(told: Sequence[_Told]) -> str:
    """The digest of what it was asked for, or changed to since."""
    contents = [each.content or "" for each in told if each.action in (*_REQUESTED, _CHANGED)]
    return contents[-1] if contents else ""


def _charge_found(told: Sequence[_Told]) -> Charge | None:
    """The charge that was found where the request named none."""
    for each in told:
        if each.action == "refund.requested" and each.data.get("method") == "gateway":
            return Charge(each.data["gateway"], each.data["charge"])
    return None


def _contents(refund: _Stands, credit_ids: Sequence[int], found: Charge | None) -> Iterator[str]:
    """The digests that the request for this refund may have: of all refundable credits, or of one."""
    if refund.kind == Refund.Kind.REVERSAL:
        for credit_id in credit_ids:
            yield content_of_reversal(credit_id, refund.reverse_reason, refund.note)
        return
    amount = Money(refund.amount_minor, refund.currency)
    payee = payee_of(refund)
    charge = Charge(refund.gateway, refund.charge)
    for asked in {charge, NO_CHARGE} if charge == found else {charge}:
        for chosen in (None, *credit_ids):
            yield content_of_request(
                amount, refund.method, payee, refund.payment_date, refund.note, chosen, asked
            )


def _was_asked_for(refund: _Stands, told: Sequence[_Told]) -> bool:
    """Whether who asked, and when, are those of the one request."""
    requests = [each for each in told if each.action in _REQUESTED]
    asked = [(each.actor_name, each.actor_user_id, each.recorded_at) for each in requests]
    return asked == [(refund.requested_by, refund.requested_by_user_id, refund.requested_at)]


def _was_approved(refund: _Stands, told: Sequence[_Told], approvals: Sequence[_Approved]) -> bool:
    """Whether each approval has its event, each event its approval, and what is approved one that stands."""
    given = [
        (each.at, each.by, each.by_user_id, ", ".join(each.acknowledged), each.content) for each in approvals
    ]
    said = [
        (
            each.recorded_at,
            each.actor_name,
            each.actor_user_id,
            each.data.get("acknowledged", ""),
            each.content,
        )
        for each in told
        if each.action == _APPROVED
    ]
    given.sort(key=_when_and_who)
    said.sort(key=_when_and_who)
    # What was approved stands in events since they tell it.
    same = [
        own[:4] == event[:4] and event[4] in (own[4], None) for own, event in zip(given, said, strict=False)
    ]
    if len(given) != len(said) or not all(same):
        return False
    return refund.status != Refund.Status.APPROVED or _stands(refund.id, approvals)


def _when_and_who(row: tuple[Any, ...]) -> tuple[datetime, str]:
    return row[0], row[1]


def _stands(refund_id: int, approvals: Sequence[_Approved]) -> bool:
    now_asked = content(Refund.objects.get(pk=refund_id))
    return any(each.voided_at is None and each.content == now_asked for each in approvals)


def _ended(refund: _Stands, told: Sequence[_Told]) -> bool:
    """Whether it is open, or ended in that state, by whom, when and why, as the last such event has it."""
    ends = [each for each in told if each.action in _ENDED]
    paid = [each.recorded_at for each in ends if each.action in _PAID]
    if (paid[-1] if paid else None) != refund.completed_at:
        return False
    action = RESOLVED.get((refund.kind, refund.status))
    if not ends or action is None:
        return not ends and action is None
    last = ends[-1]
    stands = (action, refund.resolved_by, refund.resolved_at, refund.fail_reason or refund.decline_reason)
    return stands == (last.action, last.actor_name, last.recorded_at, last.note)


def _cheque_number(told: Sequence[_Told]) -> str:
    numbers = [each.data["cheque_number"] for each in told if "cheque_number" in each.data]
    return str(numbers[-1]) if numbers else ""


def _received_on(told: Sequence[_Told]) -> str | None:
    days = [each.data.get("received_on") for each in told if each.action == _RECEIVED]
    return days[-1] if days else None
