"""Refunds: requested by staff, completed or declined by an admin.

The money is held in the ledger from the request on; state and money change in one
transaction (R5). A reversal is the same way out for a credit given by mistake, with no payee.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import date, datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_text
from tillbook.common.errors import InvalidInput, NotFound, Refusal, WrongState
from tillbook.common.money import Money, check_amount
from tillbook.common.sealing import mark
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, ReverseReason
from tillbook.customers.models import Customer
from tillbook.events.services import NewEvent, content_of, internal_key, record, replay
from tillbook.ledger.models import House
from tillbook.orders.settling import book_reversals, source_orders, take_back_unbacked
from tillbook.refunds.accounts import BankAccount, read
from tillbook.refunds.models import Refund, RefundSource
from tillbook.shop.details import PAYEE_FIELDS, Asked
from tillbook.shop.policies import shop


class RefundNotFound(NotFound):
    """There is no such refund."""

    code = "refund_not_found"


class SourceNotBacked(Refusal):
    """The payment that the credit came from was voided: there is no money to pay out (R7)."""

    code = "source_not_backed"


class SelfCompletion(Refusal):
    """Above the shop's threshold, whoever asked may not complete (R6)."""

    code = "self_completion"
    status = 403


@dataclass(frozen=True, slots=True)
class Payee:
    """Who gets the money, and where; which field is needed hangs on the method."""

    name: str = ""
    bank_account: str = ""
    paypal_email: str = ""
    postal_address: str = ""
    reference: str = ""  # what the payee knows the payment by

    def stripped(self) -> Payee:
        """The same without spaces around what was typed."""
        return Payee(*(text.strip() for text in astuple(self)))


_LONGEST = {
    "payee_name": 200,
    "bank_account": 60,
    "paypal_email": 254,
    "postal_address": 1000,
    "reference": 60,
}
_FARTHEST_PAYMENT = timedelta(days=366)

#: state -> the states it may become
TRANSITIONS: dict[str, frozenset[str]] = {
    Refund.Status.REQUESTED: frozenset({Refund.Status.COMPLETED, Refund.Status.DECLINED}),
    Refund.Status.COMPLETED: frozenset(),
    Refund.Status.DECLINED: frozenset(),
}


#: (kind, state it got) -> the event
_RESOLVED: dict[tuple[str, str], str] = {
    (Refund.Kind.REFUND, Refund.Status.COMPLETED): "refund.completed",
    (Refund.Kind.REFUND, Refund.Status.DECLINED): "refund.declined",
    (Refund.Kind.REVERSAL, Refund.Status.COMPLETED): "refund.reversal_completed",
    (Refund.Kind.REVERSAL, Refund.Status.DECLINED): "refund.reversal_declined",
}


def content_of_request(
    amount: Money, method: str, payee: Payee, payment_date: date | None, note: str, credit_id: int | None
) -> str:
    """The digest of all that a refund's request asks for; `verify` compares it with the refund."""
    paid_to = [payee.name, payee.bank_account, payee.paypal_email, payee.postal_address]
    if payee.reference:  # it came later: digests of refunds without one stay what they were
        paid_to.append(payee.reference)
    return content_of(
        "refund.requested", amount=amount, method=str(method), payee=paid_to,
        payment_date=payment_date, note=note, credit_id=credit_id,
    )  # fmt: skip


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
    key: str,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Hold `amount` for paying out: of one credit, or of all refundable ones, oldest first.

    Raises InsufficientCredit, CreditNotRefundable, CurrencyMismatch, SourceNotBacked,
    InvalidInput, KeyReused.
    """
    actor.require(Permission.REQUEST_REFUND)
    credit.lock(_customer(customer_id), amount.currency)
    payee = payee.stripped()
    for field, text in zip(PAYEE_FIELDS, astuple(payee), strict=True):
        check_text(text, field=field, longest=_LONGEST[field])
    check_text(note, field="note", longest=10_000)
    content = content_of_request(amount, method, payee, payment_date, note, credit_id)
    if (first := replay(customer_id, key, content)) is not None:
        return Refund.objects.get(pk=first.data["id"])
    check_amount(amount.minor)
    account = _check_payee(method, payee, amount.currency)
    _check_payment_date(payment_date, now)
    refund = Refund(
        customer_id=customer_id, kind=Refund.Kind.REFUND, currency=amount.currency, amount_minor=amount.minor,
        method=str(method), payee_name=payee.name, bank_account=payee.bank_account,
        paypal_email=payee.paypal_email, postal_address=payee.postal_address, payee_reference=payee.reference,
        payment_date=payment_date, note=note, account_mark=mark(account.whole) if account else "",
    )  # fmt: skip
    chosen = None if credit_id is None else {credit_id: amount.minor}
    return _record(refund, chosen, House.PAYOUTS, key, content, actor, now)


def _customer(customer_id: int) -> int:
    if not Customer.objects.filter(pk=customer_id).exists():
        raise NotFound("There is no such customer.", field="customer")
    return customer_id


#: What to say where a detail that the method needs is missing, or is none.
_WANTED = {
    "payee_name": "Enter the payee's name.",
    "bank_account": "Enter the payee's bank account: branch code and account number, or an IBAN.",
    "paypal_email": "Enter the payee's PayPal e-mail address.",
    "postal_address": "Enter the address that the money goes to.",
    "reference": "Enter the payee's reference.",
}


def _check_payee(code: str, payee: Payee, currency: str) -> BankAccount | None:
    """The method must be one that the shop pays by now, and the payee have what it asks for.

    Returns the bank account, if it is asked for and there is one.
    """
    method = shop().methods.get(code)
    if method is None or not method.on:
        ways = ", ".join(each.code for each in shop().methods.values() if each.on)
        raise InvalidInput(f"No refund is paid by {code[:60]!r}. Use one of {ways}.", field="method")
    for field, text in zip(PAYEE_FIELDS, astuple(payee), strict=True):
        asked = method.asks(field)
        if (asked == Asked.REQUIRED and not text) or (asked != Asked.NOT_ASKED and not _may_be(field, text)):
            raise InvalidInput(_WANTED[field], field=field)
    wanted = method.asks("bank_account") != Asked.NOT_ASKED and payee.bank_account
    return read(payee.bank_account, currency) if wanted else None


def _may_be(field: str, text: str) -> bool:
    """Whether the text could be what the field asks for. Empty: nobody said."""
    if field == "paypal_email" and text:
        try:
            validate_email(text)
        except ValidationError:
            return False
    return True


def _check_payment_date(day: date, now: datetime) -> None:
    """At most a year away: anything else is a mistyped year."""
    if abs(day - now.astimezone(shop().time_zone).date()) > _FARTHEST_PAYMENT:
        raise InvalidInput("Enter a date at most one year from today.", field="payment_date")


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
        raise credit.CreditNotFound("This customer has no such credit.", field="credit")
    credit.lock(customer_id, wrong.currency)
    content = content_of_reversal(credit_id, reason, note)
    if (first := replay(customer_id, key, content)) is not None:
        return Refund.objects.get(pk=first.data["id"])
    if reason not in ReverseReason:
        raise InvalidInput("Choose a reason from the list.", field="reason")
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
    if not reversal:
        _check_backed(refund)
    event = NewEvent(
        "refund.reversal_requested" if reversal else "refund.requested",
        refund.number,
        refund.customer_id,
        key=key,
        content=content,
        reason=refund.reverse_reason,
        note=refund.note,
        data={"id": refund.pk, "amount": str(amount_of(refund)), "method": refund.method},
    )
    record(event, actor=actor, now=now)
    return refund


def amount_of(refund: Refund) -> Money:
    return Money(refund.amount_minor, refund.currency)


@transaction.atomic
def complete(refund_id: int, *, actor: Actor, now: datetime) -> Refund:
    """Mark as Paid and Complete: the held credit is gone for good.

    Completing it again gives the completed refund; nothing moves twice. Raises
    PermissionDenied, SelfCompletion, SourceNotBacked, WrongState when it was declined,
    RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = _locked(refund_id)
    if refund.status == Refund.Status.COMPLETED:
        return refund
    _check_transition(refund, Refund.Status.COMPLETED)
    _check_completer(refund, actor, now)
    reversal = refund.kind == Refund.Kind.REVERSAL
    if not reversal:
        _check_backed(refund)
    _resolve(refund, Refund.Status.COMPLETED, actor, now)
    key = internal_key(refund.number, "completed")
    credit.capture(customer_id=refund.customer_id, hold_key=refund.hold_key, key=key, actor=actor, now=now)
    if reversal:
        parts = {part.credit_id: part.amount_minor for part in refund.sources.all()}
        book_reversals(refund.customer_id, parts, key=key, actor=actor, now=now)
    return refund


def _check_backed(refund: Refund) -> None:
    """Raise SourceNotBacked if a voided payment left a source of the refund without its money."""
    credit_ids = [part.credit_id for part in refund.sources.all()]
    for order in source_orders(refund.customer_id, credit_ids):
        if order.unbacked_minor or order.returned_minor > max(0, order.paid_minor):
            raise SourceNotBacked(
                f"A payment of order {order.number} was voided, and credit of {refund.number} came from it. "
                f"Order {order.number} must be paid before this can be paid out."
            )


@transaction.atomic
def decline(refund_id: int, *, reason: str, actor: Actor, now: datetime) -> Refund:
    """Decline with a reason: the held amount becomes available again.

    Raises PermissionDenied, InvalidInput without a reason, WrongState, RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = _locked(refund_id)
    if not reason.strip():
        raise InvalidInput("Say why the refund is declined.", field="reason")
    if refund.status == Refund.Status.DECLINED and refund.decline_reason == reason.strip():
        return refund
    _check_transition(refund, Refund.Status.DECLINED)
    refund.decline_reason = reason.strip()
    _resolve(refund, Refund.Status.DECLINED, actor, now)
    key = internal_key(refund.number, "declined")
    credit.release(customer_id=refund.customer_id, hold_key=refund.hold_key, key=key, actor=actor, now=now)
    credit_ids = [part.credit_id for part in refund.sources.all()]
    take_back_unbacked(refund.customer_id, credit_ids, key=key, actor=actor, now=now)
    return refund


def _locked(refund_id: int) -> Refund:
    found = Refund.objects.filter(pk=refund_id).first()
    if found is None:
        raise RefundNotFound("There is no such refund.")
    credit.lock(found.customer_id, found.currency)
    return Refund.objects.select_related("customer").get(pk=refund_id)


def _check_transition(refund: Refund, to: str) -> None:
    if to not in TRANSITIONS[refund.status]:
        raise WrongState(f"{refund.number} is already {refund.get_status_display().lower()}.")


def _check_completer(refund: Refund, actor: Actor, now: datetime) -> None:
    """Above the shop's limit whoever asked may not complete, in one piece or in several (R6)."""
    if not _is_own(refund, actor):
        return
    limit = Money(shop().self_completion_limit_minor, shop().currency)
    sum_minor = refund.amount_minor + _completed_own(refund, actor, now)
    if refund.currency != limit.currency or sum_minor > limit.minor:
        raise SelfCompletion(
            f"You asked for {refund.number} yourself. Above {limit} for one customer in a day somebody else "
            "completes it."
        )


def _is_own(refund: Refund, actor: Actor) -> bool:
    if actor.user_id is None:
        return refund.requested_by_user_id is None and refund.requested_by == actor.name
    return refund.requested_by_user_id == actor.user_id


def _completed_own(refund: Refund, actor: Actor, now: datetime) -> int:
    """What the actor asked for and completed for the same customer in the last day, in minor units."""
    rows = Refund.objects.filter(
        customer_id=refund.customer_id,
        currency=refund.currency,
        status=Refund.Status.COMPLETED,
        requested_by_user_id=actor.user_id,
        resolved_by=actor.name,
        resolved_at__gt=now - timedelta(days=1),
    )
    return sum(rows.values_list("amount_minor", flat=True))


def _resolve(refund: Refund, status: Refund.Status, actor: Actor, now: datetime) -> None:
    refund.status = status
    refund.resolved_by = actor.name
    refund.resolved_at = now
    refund.save(update_fields=["status", "resolved_by", "resolved_at", "decline_reason"])
    event = NewEvent(
        _RESOLVED[refund.kind, status],
        refund.number,
        refund.customer_id,
        note=refund.decline_reason,
        data={"amount": str(amount_of(refund))},
    )
    record(event, actor=actor, now=now)
