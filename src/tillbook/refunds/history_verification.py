"""Refunds against their history: what was asked for and by whom, who approved it, and how it ended."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from operator import attrgetter
from typing import Any, NamedTuple

from tillbook.common import statements
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import number_sql, public_number
from tillbook.common.sealing import marks
from tillbook.events.models import Event
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds.accounts import identity, plain
from tillbook.refunds.models import Approval, Refund, RefundSource
from tillbook.refunds.payees import content_of_request, payee_of
from tillbook.refunds.services import RESOLVED, content_of_reversal

_REQUESTED = ("refund.requested", "refund.reversal_requested")
_CHANGED = "refund.changed"
_APPROVED = "refund.approved"
_ENDS: dict[str, Refund.Status] = {
    action: Refund.Status(status) for (_kind, status), action in RESOLVED.items()
}
_TOLD = (
    *_REQUESTED, _CHANGED, _APPROVED, *_ENDS, "refund.cheque_numbered", "refund.received",
    "refund.entered_payout", "refund.left_payout",
)  # fmt: skip

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
    received_at: datetime | None
    failed_at: datetime | None
    payout: str
    sending: str
    account_mark: str


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
    """An approval, as its row or its event says."""

    by: str
    by_user_id: int | None
    at: datetime
    acknowledged: list[str]
    content: str | None
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
        own = {"refund_id__gte": refunds[0].id, "refund_id__lte": last}
        for refund_id, credit_id in RefundSource.objects.filter(**own).values_list("refund_id", "credit_id"):
            sources[refund_id].append(credit_id)
        approvals: defaultdict[int, list[_Approved]] = defaultdict(list)
        rows_of = Approval.objects.filter(**own).order_by("pk").values_list("refund_id", *_Approved._fields)
        for refund_id, *given in rows_of:
            approvals[refund_id].append(_Approved._make(given))
        for refund, number in zip(refunds, numbers, strict=True):
            of_customer = [each for each in told[number] if each.customer_id == refund.customer_id]
            yield refund, of_customer, sources[refund.id], approvals[refund.id]


#: what is wrong -> the columns that say otherwise than what the events made of them
_PROBLEMS = {
    "was asked for by somebody else, or at another time, than its history says": (
        "requested_by", "requested_by_user_id", "requested_at",
    ),
    "is in another state than its history says": ("status",),
    "did not end as its history says": (
        "resolved_by", "resolved_at", "decline_reason", "fail_reason", "failed_at", "completed_at",
    ),
    "has another cheque number than its history says": ("cheque_number",),
    "was received on another day than its history says": ("received_on", "received_at"),
    "was not cancelled as its history says": ("was_unclaimed",),
    "is in another payout than its history says": ("payout",),
}  # fmt: skip
_compared = attrgetter(*itertools.chain.from_iterable(_PROBLEMS.values()))  # at once: hardly any differ


def _problems(
    refund: _Stands, told: Sequence[_Told], credit_ids: Sequence[int], approvals: Sequence[_Approved]
) -> Iterator[str]:
    history = _History()
    for event in told:
        history.take(event)
    if not _is_what_was_asked_for(refund, told, credit_ids):
        yield "is not what was asked for: its amount, payee, account, date or note was changed"
    if _compared(refund) != _compared(history):
        for problem, columns in _PROBLEMS.items():
            if any(getattr(refund, column) != getattr(history, column) for column in columns):
                yield problem
    if not history.has_approvals(approvals):
        yield "was approved otherwise than its history says"
    # Of those that go back to a charge the sendings' own check says it.
    if refund.sending and not refund.charge:
        yield "did not go through its gateway as its history says"


@dataclass(slots=True)
class _History:
    """What a refund's events make of its row, one after the other."""

    requested_by: str = ""
    requested_by_user_id: int | None = None
    requested_at: datetime | None = None
    status: str = ""
    resolved_by: str = ""
    resolved_at: datetime | None = None
    decline_reason: str = ""
    fail_reason: str = ""
    failed_at: datetime | None = None
    completed_at: datetime | None = None
    cheque_number: str = ""
    received_on: date | None = None
    received_at: datetime | None = None
    was_unclaimed: bool = False
    payout: str = ""
    approvals: list[_Approved] = field(default_factory=list)

    def take(self, event: _Told) -> None:
        """Do to this row what was done to the refund's when the event was written."""
        if event.action in _REQUESTED:
            self.requested_by, self.requested_by_user_id = event.actor_name, event.actor_user_id
            self.requested_at, self.status = event.recorded_at, Refund.Status.REQUESTED
        elif event.action == _CHANGED:
            self._void(event.recorded_at)
            self.status = Refund.Status.REQUESTED
            method = event.data.get("changed", {}).get("method")
            if method and method[-1] != Refund.Method.CHEQUE:
                self.cheque_number = ""
        elif event.action == _APPROVED:
            self._approve(event)
        elif event.action in _ENDS:
            self._end(event, _ENDS[event.action])
        elif event.action == "refund.received":
            self.received_on = _day(event.data.get("received_on", ""))
            self.received_at = event.recorded_at
        elif event.action == "refund.entered_payout":
            self.payout = event.data.get("payout", "")
        elif event.action == "refund.left_payout":
            self.payout = ""
        self.cheque_number = event.data.get("cheque_number", self.cheque_number)

    def _void(self, at: datetime, by: str | None = None) -> None:
        """End the approvals that stand: all, or those of one person."""
        self.approvals = [
            each._replace(voided_at=at) if each.voided_at is None and by in (None, each.by) else each
            for each in self.approvals
        ]

    def _approve(self, event: _Told) -> None:
        self._void(event.recorded_at, event.actor_name)
        acknowledged = [each for each in event.data.get("acknowledged", "").split(", ") if each]
        self.approvals.append(
            _Approved(
                event.actor_name, event.actor_user_id, event.recorded_at, acknowledged, event.content, None
            )
        )
        given, _, wanted = event.data.get("approvals", "").partition(" of ")
        if given.isdigit() and wanted.isdigit() and int(given) >= int(wanted):
            self.status = Refund.Status.APPROVED

    def _end(self, event: _Told, status: Refund.Status) -> None:
        self.status, self.resolved_by, self.resolved_at = status, event.actor_name, event.recorded_at
        if status == Refund.Status.COMPLETED:
            self.completed_at = event.recorded_at
        elif status == Refund.Status.DECLINED:
            self.decline_reason = event.note
        else:
            self.fail_reason, self.failed_at = event.note, event.recorded_at
            self.was_unclaimed = event.reason == "unclaimed"

    def has_approvals(self, approvals: Sequence[_Approved]) -> bool:
        """Whether these are the ones; before events told what was approved, that is not known."""
        pairs = zip(approvals, self.approvals, strict=False)
        return len(approvals) == len(self.approvals) and all(
            given == (told if told.content is not None else told._replace(content=given.content))
            for given, told in pairs
        )


def _day(text: str) -> date | None:
    """The day, or None where somebody wrote over it what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _is_what_was_asked_for(refund: _Stands, told: Sequence[_Told], credit_ids: Sequence[int]) -> bool:
    """Whether its content is that of the last request or change, and its account's mark that account's."""
    asked = [each.content for each in told if each.action in (*_REQUESTED, _CHANGED)]
    if not asked or asked[-1] not in _contents(refund, credit_ids, _charge_found(told)):
        return False
    if refund.kind == Refund.Kind.REFUND and refund.reverse_reason:
        return False
    account = refund.bank_account
    if not refund.account_mark:
        return not (account and refund.method == Refund.Method.BANK_TRANSFER)
    # Until accounts are sealed anew, one that was typed with its BIC has the mark of both.
    return refund.account_mark in marks(identity(account)) or refund.account_mark in marks(plain(account))


def _charge_found(told: Sequence[_Told]) -> Charge | None:
    """The charge that was found where the request named none."""
    for each in told:
        if each.action == "refund.requested" and each.data.get("method") == "gateway":
            return Charge(each.data.get("gateway", ""), each.data.get("charge", ""))
    return None


def _contents(refund: _Stands, credit_ids: Sequence[int], found: Charge | None) -> Iterator[str | None]:
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
