"""Refunds: requested by staff, completed or declined by an admin.

The money is held in the ledger from the request on; state and money change in one
transaction (R5). A reversal is the same way out for a credit given by mistake, with no payee.
Approving stands in `approvals`, where the money goes in `payees`, which states may follow in `state`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_reason
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import Money, check_amount
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, ReverseReason
from tillbook.credit.queries import houses_of
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, content_of, internal_key, record, replay
from tillbook.ledger.models import House
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.orders.settling import book_reversals, take_back_unbacked
from tillbook.refunds.approvals import check_approved, check_seen, standing
from tillbook.refunds.backing import check_backed
from tillbook.refunds.charges import bound, check_first
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.payees import Payee, content_of_request, direct
from tillbook.refunds.receipt import (
    check_claimed,
    cheque_digits,
    one_cheque_each,
    put_cheque_number,
    put_received,
)
from tillbook.refunds.state import OPEN, amount_of, check_free, check_move, check_sending, is_own, locked
from tillbook.returns import services as returns
from tillbook.shop.policies import shop


class SelfCompletion(Refusal):
    """Above the shop's threshold, whoever asked may not complete (R6)."""

    code = "self_completion"
    status = 403


#: (kind, state it got) -> the event
RESOLVED: dict[tuple[str, str], str] = {
    (Refund.Kind.REFUND, Refund.Status.COMPLETED): "refund.completed",
    (Refund.Kind.REFUND, Refund.Status.DECLINED): "refund.declined",
    (Refund.Kind.REFUND, Refund.Status.FAILED): "refund.failed",
    (Refund.Kind.REVERSAL, Refund.Status.COMPLETED): "refund.reversal_completed",
    (Refund.Kind.REVERSAL, Refund.Status.DECLINED): "refund.reversal_declined",
}


def content_of_reversal(credit_id: int, reason: str, note: str) -> str:
    """The digest of all that a reversal's request asks for."""
    return content_of("refund.reversal_requested", credit_id=credit_id, reason=str(reason), note=note)


@transaction.atomic
def request(
    *,
    customer_id: int,
    amount: Money,
    method: str,
    payee: Payee,
    payment_date: date,
    note: str = "",
    credit_id: int | None = None,
    charge: Charge = NO_CHARGE,
    key: str,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Hold `amount` for paying out: of one credit, or of all refundable ones, oldest first.

    By the method gateway it goes back to `charge`; where only one has room for the amount, to that.
    Raises InsufficientCredit, CreditNotRefundable, CurrencyMismatch, SourceNotBacked, ChargeLimit,
    ChargeFirst, InvalidInput, KeyReused.
    """
    actor.require(Permission.REQUEST_REFUND)
    credit.lock(customer_id, amount.currency)
    payee = payee.stripped()
    content = content_of_request(amount, method, payee, payment_date, note, credit_id, charge)
    if (first := replay(customer_id, key, content)) is not None:
        return Refund.objects.get(pk=first.data["id"])
    check_amount(amount.minor)
    refund = Refund(
        customer_id=customer_id, kind=Refund.Kind.REFUND, currency=amount.currency, amount_minor=amount.minor
    )
    direct(refund, method, payee, payment_date, note, now)
    chosen = bound(refund, credit_id, charge, now)
    return _record(refund, chosen, House.PAYOUTS, key, content, actor, now)


@transaction.atomic
def request_reversal(
    *,
    customer_id: int,
    credit_id: int,
    reason: ReverseReason,
    note: str = "",
    key: str,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Ask for a credit given by mistake to be reversed: all that is available of it is held.

    Completing it returns the money to the account the credit came from. Raises
    CreditNotFound, InsufficientCredit when nothing is left, InvalidInput.
    """
    actor.require(Permission.REQUEST_REFUND)
    wrong = Credit.objects.filter(customer_id=customer_id, id=credit_id).first()
    if wrong is None:
        raise credit.CreditNotFound(_("This customer has no such credit."), field="credit")
    credit.lock(customer_id, wrong.currency)
    content = content_of_reversal(credit_id, reason, note)
    if (first := replay(customer_id, key, content)) is not None:
        return Refund.objects.get(pk=first.data["id"])
    if reason not in ReverseReason:
        raise InvalidInput(_("Choose a reason from the list."), field="reason")
    left = Credit.objects.select_related("account").get(customer_id=customer_id, id=credit_id)
    minor = left.account.available_minor
    if minor == 0:
        raise credit.InsufficientCredit(Money(0, wrong.currency))
    refund = Refund(
        customer_id=customer_id, kind=Refund.Kind.REVERSAL, currency=wrong.currency, amount_minor=minor,
        reverse_reason=reason, note=note,
    )  # fmt: skip
    return _record(refund, {credit_id: minor}, House(wrong.house), key, content, actor, now)


def _record(
    refund: Refund,
    chosen: dict[int, int] | None,
    house: House,
    key: str,
    content: str,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Write the refund, its hold, its sources and its event; the caller has the lock."""
    hold_key = refund.hold_key = internal_key("hold", content_of("refund.hold", key=key))
    refund.requested_by = actor.name
    refund.requested_by_user_id = actor.user_id
    refund.requested_at = now
    refund.save(force_insert=True)
    reversal = refund.kind == Refund.Kind.REVERSAL
    parts = credit.hold(
        customer_id=refund.customer_id,
        amount=amount_of(refund),
        reference=refund.number,
        credits=chosen,
        refundable_only=not reversal,
        house=house,
        reason="reversal" if reversal else "refund",
        key=hold_key,
        actor=actor,
        now=now,
    )
    RefundSource.objects.bulk_create(
        RefundSource(
            refund=refund,
            customer_id=refund.customer_id,
            credit_id=part.credit_id,
            amount_minor=part.amount_minor,
        )
        for part in parts
    )
    data = {"id": refund.pk, "amount": str(amount_of(refund)), "method": refund.method}
    if not reversal:
        if not refund.pays_nobody:
            check_backed(refund)
        if refund.charge:
            data |= {"gateway": refund.gateway, "charge": refund.charge}
        else:
            check_first(refund, now)
    event = NewEvent(
        "refund.reversal_requested" if reversal else "refund.requested",
        refund.number,
        refund.customer_id,
        key=key,
        content=content,
        reason=refund.reverse_reason,
        note=refund.note,
        data=data,
    )
    record(event, actor=actor, now=now)
    return refund


@transaction.atomic
def complete(
    refund_id: int,
    *,
    cheque_number: str = "",
    received_on: date | None = None,
    sending: str = "",
    seen: str | None = None,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Mark as Paid and Complete: the held credit is gone for good.

    With the number of the cheque, and with the day on which the payee had the money, where they are known
    already. `sending` is the one whose gateway says that it has paid: what may keep a refund from being
    paid was asked before it was sent. `seen` is the `approvals.version_of` what the actor looked at.
    Completing it again gives the completed refund, and nothing moves twice; with another number or day than
    it has, it is refused.
    Raises PermissionDenied, StaleRefund, ApprovalMissing, SelfCompletion, SourceNotBacked, ChargeLimit,
    InSending, ChequeTaken, InvalidInput, WrongState when it was declined, RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    if refund.status == Refund.Status.COMPLETED:
        _check_same_payment(refund, cheque_number, received_on)
        return refund
    check_seen(refund, seen)
    check_move(refund, Refund.Status.COMPLETED)
    check_sending(refund, sending)
    if not (refund.payout or sending):  # whoever put it into a payout was asked then
        check_payer(refund, actor, now)
    # What the bank or a gateway paid is only recorded.
    if not (refund.pays_nobody or sending or refund.payout):
        check_backed(refund)
    if cheque_number:
        put_cheque_number(refund, cheque_number)
    if received_on is not None:
        check_claimed(refund)
    refund.completed_at = now
    _resolve(refund, Refund.Status.COMPLETED, actor, now)
    if received_on is not None:
        put_received(refund, received_on, actor, now)
    key = internal_key(refund.number, "completed")
    if refund.pays_nobody:
        _take_back_mistake(refund, key, actor, now)
    else:
        credit.capture(
            customer_id=refund.customer_id, hold_key=refund.hold_key, key=key, actor=actor, now=now
        )
    return refund


def _check_same_payment(refund: Refund, cheque_number: str, received_on: date | None) -> None:
    """Raise WrongState where somebody else completed it, and knew otherwise or not yet."""
    same_cheque = not cheque_number or cheque_digits(cheque_number) == refund.cheque_number
    if not (same_cheque and received_on in (None, refund.received_on)):
        raise WrongState(
            _("%(number)s is completed already. Put what you know of the payment on its page.")
            % {"number": refund.number}
        )


def _take_back_mistake(refund: Refund, key: str, actor: Actor, now: datetime) -> None:
    """Each credit goes back where it came from, by whichever way it was asked for: what is booked is one."""
    customer_id = refund.customer_id
    parts = {part.credit_id: part.amount_minor for part in refund.sources.all()}
    credit.capture(
        customer_id=customer_id, hold_key=refund.hold_key, houses=houses_of(customer_id, parts), key=key,
        actor=actor, now=now,
    )  # fmt: skip
    book_reversals(customer_id, parts, key=key, actor=actor, now=now)
    returns.book_reversals(customer_id, parts, actor=actor, now=now)


def check_payer(refund: Refund, actor: Actor, now: datetime, *, under_way_minor: int = 0) -> None:
    """Raise ApprovalMissing or SelfCompletion if the actor may not pay the refund.

    `under_way_minor` is more that they asked for, and puts under way for the customer at the same moment.
    """
    check_approved(refund, now)
    _check_completer(refund, under_way_minor, actor, now)


@transaction.atomic
def decline(refund_id: int, *, reason: str, actor: Actor, now: datetime) -> Refund:
    """Decline with a reason: the held amount becomes available again.

    Raises PermissionDenied, InvalidInput without a reason, InPayout, InSending, WrongState,
    RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    reason = check_reason(reason, ask=_("Say why the refund is declined."))
    if refund.status == Refund.Status.DECLINED and refund.decline_reason == reason:
        return refund
    check_move(refund, Refund.Status.DECLINED)
    check_free(refund)
    refund.decline_reason = reason
    _resolve(refund, Refund.Status.DECLINED, actor, now)
    key = internal_key(refund.number, "declined")
    credit.release(customer_id=refund.customer_id, hold_key=refund.hold_key, key=key, actor=actor, now=now)
    credit_ids = [part.credit_id for part in refund.sources.all()]
    take_back_unbacked(refund.customer_id, credit_ids, key=key, actor=actor, now=now)
    return refund


@transaction.atomic
def fail(refund_id: int, *, reason: str, sending: str = "", actor: Actor, now: datetime) -> Refund:
    """The money did not reach the payee: it is credit again, the same credits on the same terms.

    `sending` is the one whose gateway says so. Again on a failed refund: nothing more happens. Raises
    PermissionDenied, InvalidInput without a reason, InSending, WrongState, RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    if refund.status == Refund.Status.FAILED:
        return refund
    reason = check_reason(reason, ask=_("Say why the payment failed."), longest=1_000)
    if refund.pays_nobody:
        raise WrongState(
            _("%(number)s is a reversal: no payment of it can fail.") % {"number": refund.number}
        )
    check_move(refund, Refund.Status.FAILED)
    check_sending(refund, sending)
    return make_credit_again(refund, reason, actor, now)


def make_credit_again(refund: Refund, reason: str, actor: Actor, now: datetime) -> Refund:
    """Let a refund that may fail do so, under its book's lock in the caller's transaction."""
    key = internal_key(refund.number, "failed")
    was_paid = refund.status == Refund.Status.COMPLETED
    refund.fail_reason, refund.failed_at = reason, now
    _resolve(refund, Refund.Status.FAILED, actor, now)
    if was_paid:
        parts = {part.credit_id: part.amount_minor for part in refund.sources.all()}
        credit.give_back(
            customer_id=refund.customer_id, currency=refund.currency, parts=parts, house=House.PAYOUTS,
            reason="failed", reference=refund.number, key=key, actor=actor, now=now,
        )  # fmt: skip
    else:
        credit.release(
            customer_id=refund.customer_id, hold_key=refund.hold_key, key=key, actor=actor, now=now
        )
    credit_ids = [part.credit_id for part in refund.sources.all()]
    take_back_unbacked(refund.customer_id, credit_ids, key=key, actor=actor, now=now)
    return refund


def _check_completer(refund: Refund, under_way_minor: int, actor: Actor, now: datetime) -> None:
    """Above the shop's limit whoever asked may not complete, in one piece or in several (R6).

    Somebody else's approval is the second pair of eyes: with one they may.
    """
    if not is_own(refund, actor) or any(each.by_user_id != actor.user_id for each in standing(refund)):
        return
    limit = Money(shop().self_completion_limit_minor, shop().currency)
    already = _completed_own(refund, actor, now) + _under_way_own(refund, actor)
    sum_minor = refund.amount_minor + under_way_minor + already
    if refund.currency != limit.currency or sum_minor > limit.minor:
        raise SelfCompletion(
            _(
                "You asked for %(number)s, or said where it goes. Above %(limit)s for one customer in a day "
                "somebody else completes it."
            )
            % {"number": refund.number, "limit": limit}
        )


def _completed_own(refund: Refund, actor: Actor, now: datetime) -> int:
    """What the actor asked for and completed for the same customer in the last day, in minor units."""
    rows = Refund.objects.filter(
        customer_id=refund.customer_id,
        currency=refund.currency,
        status=Refund.Status.COMPLETED,
        resolved_by=actor.name,
        resolved_at__gt=now - timedelta(days=1),
    )
    return sum(each.amount_minor for each in rows if is_own(each, actor))


def _under_way_own(refund: Refund, actor: Actor) -> int:
    """What the actor asked for and put into a payout or sent for the same customer, and has not ended."""
    rows = Refund.objects.filter(
        customer_id=refund.customer_id, currency=refund.currency, status__in=OPEN
    ).exclude(pk=refund.pk).exclude(payout="", sending="")  # fmt: skip
    amounts = {each.number: each.amount_minor for each in rows if is_own(each, actor)}
    put = Event.objects.filter(subject__in=amounts, action__in=("refund.entered_payout", "refund.sent"))
    by = dict(put.order_by("pk").values_list("subject", "actor_name"))  # of each refund the last
    return sum(minor for number, minor in amounts.items() if by.get(number) == actor.name)


_RESOLUTION = (
    "status", "resolved_by", "resolved_at", "decline_reason", "fail_reason", "failed_at", "was_unclaimed",
    "completed_at", "cheque_number",
)  # fmt: skip


def _resolve(refund: Refund, status: Refund.Status, actor: Actor, now: datetime) -> None:
    refund.status = status
    refund.resolved_by = actor.name
    refund.resolved_at = now
    with one_cheque_each(refund):
        refund.save(update_fields=_RESOLUTION)
    data = {"amount": str(amount_of(refund))}
    if refund.cheque_number:
        data["cheque_number"] = refund.cheque_number
    event = NewEvent(
        RESOLVED[refund.kind, status],
        refund.number,
        refund.customer_id,
        reason="unclaimed" if refund.was_unclaimed else "",
        note=refund.fail_reason or refund.decline_reason,
        data=data,
    )
    record(event, actor=actor, now=now)
