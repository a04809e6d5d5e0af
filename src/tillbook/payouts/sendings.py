"""Refunds through a payment gateway: kept first, then sent, and ended by what the gateway says.

A row is committed before anything is sent, so that a process that dies leaves a refund of which nobody
knows, never one that nobody remembers. What is unknown is asked, with the same key, and never assumed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.checks import check_text
from tillbook.common.errors import InvalidInput, NotFound, Refusal, WrongState
from tillbook.common.languages import FOR_PROGRAMS
from tillbook.common.money import Money
from tillbook.events.services import NewEvent, record
from tillbook.payouts.gateway_accounts import get as account_of
from tillbook.payouts.gateway_accounts import known, opened
from tillbook.payouts.gateways.adapter import Attempt, Outcome, State, Unreadable, WrongSignature
from tillbook.payouts.models import Sending
from tillbook.payouts.queries import sending_of
from tillbook.refunds import approvals, in_gateway
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.state import locked

BY_HAND_AFTER = timedelta(days=30)  # without an answer

LEASE = timedelta(minutes=3)  # longer than a gateway is spoken to

# After each answer that is not the outcome, the pause before it is asked again; the last one stays.
_PAUSES = [
    timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30),
    timedelta(hours=2), timedelta(hours=8), timedelta(days=1),
]  # fmt: skip

_S = Sending.State

#: state -> the states it may become: what is told late, twice or out of order moves nothing
_MOVES: dict[str, frozenset[str]] = {
    _S.UNKNOWN: frozenset({_S.PENDING, _S.SUCCEEDED, _S.FAILED}),
    _S.PENDING: frozenset({_S.SUCCEEDED, _S.FAILED}),
    _S.SUCCEEDED: frozenset({_S.FAILED}),  # a card that was closed: the gateway takes the money back
    _S.FAILED: frozenset(),
}

_log = structlog.get_logger("tillbook.gateways")


class TooEarly(Refusal):
    """The gateway may still answer: it is too early to end the refund by hand."""

    code = "too_early"


class NotSent(NotFound):
    """The refund was sent through no gateway, so there is nothing to ask."""

    code = "not_sent"


def send(refund_id: int, *, seen: str | None = None, actor: Actor, now: datetime) -> Sending:
    """Send the refund through its gateway, and wait for the answer.

    Not within a transaction: what is kept must be kept before anything is sent. Raises what `begin` does.
    """
    with transaction.atomic(durable=True):
        sending = begin(refund_id, seen=seen, actor=actor, now=now)
    return speak(sending.pk, now=now)


def send_many(
    refunds: Mapping[int, str | None], *, seconds: int, actor: Actor, now: datetime
) -> dict[int, Sending | Refusal]:
    """Send each refund, and wait for answers as long as `seconds` are not over; what became of each.

    `refunds` are their ids, each with what was seen of it, as `begin` takes it.

    The others are kept as sent, and the round that asks takes them at once. A refusal stops only its own
    refund. Not within a transaction. Raises PermissionDenied.
    """
    actor.require(Permission.COMPLETE_REFUND)
    end = time.monotonic_ns() + seconds * 10**9
    outcomes: dict[int, Sending | Refusal] = {}
    for refund_id, seen in refunds.items():
        try:
            with transaction.atomic(durable=True):
                outcomes[refund_id] = begin(refund_id, seen=seen, actor=actor, now=now)
        except Refusal as refusal:
            outcomes[refund_id] = refusal
    for refund_id, sending in outcomes.items():
        if isinstance(sending, Refusal):
            continue
        if time.monotonic_ns() < end:
            outcomes[refund_id] = speak(sending.pk, now=now)
        else:
            Sending.objects.filter(pk=sending.pk, asks=0).update(next_ask_at=now)
    return outcomes


@transaction.atomic
def begin(refund_id: int, *, seen: str | None = None, actor: Actor, now: datetime) -> Sending:
    """Keep that the refund is sent; the caller then calls `speak`, once this is committed.

    Should it not, the round that asks does. `seen` is the `approvals.version_of` what the actor looked at.
    Raises PermissionDenied, NotForGateway, InSending, GatewayNotFound, WrongState, RefundNotFound, and what
    `refunds.complete` refuses.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    approvals.check_seen(refund, seen)
    in_gateway.check_sendable(refund, actor=actor, now=now)
    opened(account_of(refund.gateway, held=True))  # without one nothing can be sent
    sending = Sending.objects.create(
        refund=refund, gateway=refund.gateway, charge=refund.charge, currency=refund.currency,
        amount_minor=refund.amount_minor, key=f"{refund.number}-{approvals.content(refund)[:32]}",
        sent_by=actor.name, sent_by_user_id=actor.user_id, sent_at=now, next_ask_at=now + LEASE,
    )  # fmt: skip
    in_gateway.enter_gateway(refund, sending.number, actor=actor, now=now)
    return sending


def speak(sending_id: int, *, now: datetime) -> Sending:
    """Ask the gateway, and keep what it says: of a sending that nobody has spoken of, by sending it.

    Not within a transaction, and at any time: the key is the same.
    """
    sending = Sending.objects.get(pk=sending_id)
    adapter = known(sending.gateway).adapter
    attempt = Attempt(
        key=sending.key, refund=sending.refund.number, charge=sending.charge, minor=sending.amount_minor,
        currency=sending.currency, reference=sending.reference, age=now - sending.sent_at,
    )  # fmt: skip
    account = opened(account_of(sending.gateway))
    is_new = sending.asks == 0 and attempt.age < LEASE
    outcome = adapter.refund(account, attempt) if is_new else adapter.ask(account, attempt)
    if outcome.state is not State.FAILED and not _is_of(sending, outcome):
        # Money may have gone, but not this: it stays open until the gateway's own pages were looked at.
        _log.error("a gateway says another amount", sending=sending.number, says=str(outcome.paid))
        reason = f"It says {outcome.paid} by {outcome.reference or 'no id'}, which is another amount."
        outcome = Outcome(State.UNKNOWN, reason=reason)
    return settle(sending_id, outcome, now=now)


def _is_of(sending: Sending, outcome: Outcome) -> bool:
    """Whether what the gateway says is of this sending's amount, as far as it says one."""
    return outcome.paid in (None, Money(sending.amount_minor, sending.currency))


@transaction.atomic
def settle(sending_id: int, outcome: Outcome, *, now: datetime) -> Sending:
    """Keep what the gateway said, and move the refund if that is its end. Said again, nothing happens."""
    refund = locked(Sending.objects.get(pk=sending_id).refund_id)
    sending = Sending.objects.select_for_update().get(pk=sending_id)
    sending.asked_at, sending.asks = now, sending.asks + 1
    state = _S(outcome.state.value)
    if state in _MOVES[sending.state]:
        _move(sending, state, outcome, now)
    elif state != sending.state and state not in (_S.UNKNOWN, _S.PENDING):
        _log.error("a gateway contradicts itself", sending=sending.number, was=sending.state, says=state)
    if sending.is_open:
        pause = _PAUSES[min(sending.asks, len(_PAUSES)) - 1]
        sending.next_ask_at, sending.problem = now + pause, _plain(outcome.reason)
    sending.save()
    sender = Actor(sending.sent_by, Role.SYSTEM, f"gateway {sending.gateway}", sending.sent_by_user_id)
    _follow(refund, sending, sender, now)
    return sending


def _move(sending: Sending, state: Sending.State, outcome: Outcome, now: datetime) -> None:
    sending.state = state
    sending.reference = _plain(outcome.reference)[:100] or sending.reference
    if not sending.is_open:
        sending.next_ask_at, sending.ended_at = None, now
        sending.problem = _plain(outcome.reason)


def _follow(refund: Refund, sending: Sending, actor: Actor, now: datetime) -> None:
    """Complete the refund, or let it fail, as the sending ended."""
    if sending.state == _S.SUCCEEDED:
        if refund.status != Refund.Status.FAILED:  # by hand, after it was paid
            refunds.complete(refund.pk, sending=sending.number, actor=actor, now=now)
    elif sending.state == _S.FAILED:
        with override(FOR_PROGRAMS):  # what is kept is read by others too
            said = sending.problem or _("It was refused.")
            reason = f"{known(sending.gateway).title}: {said}"
        refunds.fail(refund.pk, reason=reason, sending=sending.number, actor=actor, now=now)


def _plain(text: str) -> str:
    """What a gateway said, as a row can keep it: half a character of two is none."""
    return " ".join(text.encode(errors="replace").decode().replace("\0", " ").split())[:500]


@transaction.atomic
def ask_soon(refund_id: int, *, actor: Actor, now: datetime) -> Sending:
    """Let the gateway be asked now what became of the refund; the caller then calls `speak`.

    Nothing of the shop changes, so there is no event. Raises NotSent, PermissionDenied, RefundNotFound.
    """
    _refund, sending = _sent(refund_id, actor)
    if sending.is_open:
        Sending.objects.filter(pk=sending.pk).update(next_ask_at=now + LEASE)
    return sending


@transaction.atomic
def end_by_hand(refund_id: int, *, paid: bool, reason: str, actor: Actor, now: datetime) -> Sending:
    """End a refund of which its gateway has said nothing for a month, as the gateway's own pages show it.

    `reason` is what was seen there. Raises TooEarly, NotSent, WrongState once its end is known, InvalidInput
    without a reason, PermissionDenied, RefundNotFound.
    """
    refund, found = _sent(refund_id, actor)
    sending = Sending.objects.select_for_update().get(pk=found.pk)
    if not sending.is_open:
        raise WrongState(_("It is known what became of %(number)s.") % {"number": refund.number})
    if now < sending.sent_at + BY_HAND_AFTER:
        raise TooEarly(
            _("%(number)s was sent less than %(days)s days ago: its gateway may still answer.")
            % {"number": refund.number, "days": BY_HAND_AFTER.days}
        )
    if not reason.strip():
        raise InvalidInput(_("Say what the gateway's own pages show."), field="reason")
    check_text(reason, field="reason", longest=400)
    _move(sending, _S.SUCCEEDED if paid else _S.FAILED, Outcome(State.UNKNOWN, reason=reason), now)
    sending.save()
    data = {"sending": sending.number, "paid": paid}
    event = NewEvent(
        "refund.ended_by_hand", refund.number, refund.customer_id, note=reason.strip(), data=data
    )
    record(event, actor=actor, now=now)
    _follow(refund, sending, actor, now)
    return sending


def _sent(refund_id: int, actor: Actor) -> tuple[Refund, Sending]:
    """The refund under its lock, and its sending. Raises NotSent, PermissionDenied, RefundNotFound."""
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    sending = sending_of(refund.pk)
    if sending is None:
        raise NotSent(_("%(number)s was not sent through a gateway.") % {"number": refund.number})
    return refund, sending


def hear(gateway: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Sending | None:
    """Take an event that came from a gateway; what it is about, None where that is nothing of ours.

    Not within a transaction: a gateway may have to be asked whether it is true. Raises WrongSignature,
    NotVerified, GatewayNotFound, and Unreadable for one about a refund of ours that can't be read, or says
    another amount.
    """
    account = account_of(known(gateway).name)
    if not account.webhook_secret:
        raise WrongSignature("Nothing could tell whether it is true.")
    outcome = known(gateway).adapter.read_event(opened(account), headers, body)
    if outcome is None:
        return None
    # Anything can stand where other programs of the shop's keep their own names.
    found = Sending.objects.filter(gateway=gateway, key=_plain(outcome.key)).first()
    if found is None:
        return None
    if outcome.state is State.UNKNOWN:
        raise Unreadable(f"What it says of {found.number} can't be read. {outcome.reason}".strip())
    if not _is_of(found, outcome):
        raise Unreadable(f"It says another amount than {found.number}.")
    return settle(found.pk, outcome, now=now)


def due(now: datetime) -> models.QuerySet[Sending]:
    """The sendings of which the gateway is to be asked now, the longest due first."""
    return Sending.objects.filter(next_ask_at__lte=now).order_by("next_ask_at", "pk")


def claim(now: datetime) -> Sending | None:
    """One that is due, claimed for this process until its lease runs out."""
    if not due(now).exists():  # on SQLite a transaction would stop all who write
        return None
    with transaction.atomic():
        found = due(now).select_for_update(skip_locked=True).first()
        if found is not None:
            Sending.objects.filter(pk=found.pk).update(next_ask_at=now + LEASE)
    return found
