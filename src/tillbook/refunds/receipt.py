"""Whether the payee has the money yet: a cheque is presented, cash collected, a PayPal payment claimed.

Completing a refund says that the shop paid. A bank transfer arrives by itself or comes back; what else the
payee must do something for is out until the bank's statement, or whoever sees it, says that they did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.events.services import NewEvent, record
from tillbook.refunds.models import Refund
from tillbook.refunds.state import OPEN, locked
from tillbook.shop.policies import shop

#: The methods by which nobody has the money before they do something for it.
CLAIMED = (Refund.Method.CHEQUE, Refund.Method.CASH, Refund.Method.PAYPAL)

_LONGEST_NUMBER = 20
_DIGITS = re.compile(rf"[0-9]{{1,{_LONGEST_NUMBER}}}", re.ASCII)


class ChequeTaken(Refusal):
    """Another refund's cheque of that number is still out."""

    code = "cheque_taken"


class NotOut(Refusal):
    """A refund whose money nobody waits to be taken: not paid, arrived by itself, or received already."""

    code = "not_out"


def is_out(refund: Refund) -> bool:
    """Whether it was paid, and nothing says yet that the payee has the money."""
    return (
        not refund.pays_nobody
        and refund.status == Refund.Status.COMPLETED
        and refund.method in CLAIMED
        and refund.received_at is None
    )


def cheque_digits(text: str) -> str:
    """The number of a cheque without leading zeros, by which statements are compared. Raises InvalidInput."""
    digits = text.strip()
    plain = digits.lstrip("0")
    if not _DIGITS.fullmatch(digits) or not plain:
        raise InvalidInput(
            _("The number of a cheque is 1 to %(most)s digits.") % {"most": _LONGEST_NUMBER},
            field="cheque_number",
        )
    return plain


@transaction.atomic
def number_cheque(refund_id: int, *, cheque_number: str, actor: Actor, now: datetime) -> Refund:
    """Say or correct which cheque pays the refund, until it is presented.

    The same number again changes nothing. Raises PermissionDenied, ChequeTaken, InvalidInput, WrongState,
    RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    before = refund.cheque_number
    put_cheque_number(refund, cheque_number)
    if refund.cheque_number == before:
        return refund
    if refund.status not in OPEN and not is_out(refund):
        raise WrongState(
            _("%(number)s is not out any more: its cheque keeps its number.") % {"number": refund.number}
        )
    with one_cheque_each(refund):
        refund.save(update_fields=["cheque_number"])
    data = {"cheque_number": refund.cheque_number}
    record(
        NewEvent("refund.cheque_numbered", refund.number, refund.customer_id, data=data), actor=actor, now=now
    )
    return refund


def put_cheque_number(refund: Refund, text: str) -> None:
    """Put the checked number into a refund by cheque. Raises InvalidInput, ChequeTaken."""
    if refund.method != Refund.Method.CHEQUE:
        raise InvalidInput(
            _("%(number)s is not paid by cheque.") % {"number": refund.number}, field="cheque_number"
        )
    number = cheque_digits(text)
    others = Refund.objects.filter(
        cheque_number=number, currency=refund.currency, status=Refund.Status.COMPLETED, received_at=None
    )
    if others.exclude(pk=refund.pk).exists():
        raise _taken(number)
    refund.cheque_number = number


@contextmanager
def one_cheque_each(refund: Refund) -> Iterator[None]:
    """Save within: two refunds that get one number at the same moment are told apart by the database."""
    if not refund.cheque_number:
        yield
        return
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise _taken(refund.cheque_number) from error


def _taken(number: str) -> ChequeTaken:
    return ChequeTaken(
        _("Cheque %(cheque)s pays another refund, and is not presented yet.") % {"cheque": number},
        field="cheque_number",
    )


@transaction.atomic
def receive(refund_id: int, *, received_on: date, actor: Actor, now: datetime) -> Refund:
    """Mark as presented, collected or claimed: the payee has had the money since that day.

    Again on a received one: nothing more happens. Raises PermissionDenied, NotOut, InvalidInput,
    RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    if refund.received_at is not None and refund.status == Refund.Status.COMPLETED:
        return refund
    if not is_out(refund):
        raise NotOut(
            _("%(number)s is not out: only a paid refund by cheque, cash or PayPal waits to be received.")
            % {"number": refund.number}
        )
    put_received(refund, received_on, actor, now)
    return refund


def check_claimed(refund: Refund) -> None:
    """Raise InvalidInput for a refund whose money no payee has to take: a transfer arrives by itself."""
    if refund.method not in CLAIMED:  # a reversal has no method
        raise InvalidInput(
            _("%(number)s is not paid by cheque, cash or PayPal: leave out when it was received.")
            % {"number": refund.number},
            field="received_on",
        )


def put_received(refund: Refund, received_on: date, actor: Actor, now: datetime) -> None:
    """Record under the book's lock that the payee has the money of a completed refund.

    Raises InvalidInput for a day before it was asked for, or to come.
    """
    zone = shop().time_zone
    first, last = refund.requested_at.astimezone(zone).date(), now.astimezone(zone).date()
    if not first <= received_on <= last:
        raise InvalidInput(
            _("Enter a day from %(first)s, when it was asked for, to today.") % {"first": first.isoformat()},
            field="received_on",
        )
    refund.received_on, refund.received_at = received_on, now
    refund.save(update_fields=["received_on", "received_at"])
    event = NewEvent(
        "refund.received", refund.number, refund.customer_id, data={"received_on": received_on.isoformat()}
    )
    record(event, actor=actor, now=now)
