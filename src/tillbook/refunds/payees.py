"""Where a refund's money goes: checked, corrected while it is open, and shown to those who pay it."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_note, check_text
from tillbook.common.errors import InvalidInput, WrongState
from tillbook.common.money import Money
from tillbook.common.sealing import mark
from tillbook.events.services import NewEvent, content_maker, record
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds.accounts import BankAccount, mask, read
from tillbook.refunds.approvals import check_seen, void
from tillbook.refunds.charges import charge_to, redirected
from tillbook.refunds.models import Refund
from tillbook.refunds.state import DESTINATION, OPEN, PAYEE_COLUMNS, amount_of, check_free, locked
from tillbook.shop.details import PAYEE_FIELDS, Asked, RefundMethod
from tillbook.shop.policies import shop


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

    def details(self) -> list[tuple[str, str]]:
        """Each detail with its name, as `PAYEE_FIELDS` has it."""
        return list(zip(PAYEE_FIELDS, astuple(self), strict=True))


_texts_of = attrgetter(*PAYEE_COLUMNS)


def payee_of(found: Any) -> Payee:
    """Who gets the money of a refund or an ask, or of whatever else was read with their columns."""
    return Payee(*_texts_of(found))


_LONGEST = {
    "payee_name": 200,
    "bank_account": 60,
    "paypal_email": 254,
    "postal_address": 1000,
    "reference": 60,
}
_FARTHEST_PAYMENT = timedelta(days=366)


_ASKED = ("amount", "method", "payee", "payment_date", "note", "credit_id")
_content = content_maker("refund.requested", _ASKED)
_content_of_charged = content_maker("refund.requested", (*_ASKED, "gateway", "charge"))


def content_of_request(
    amount: Money,
    method: str,
    payee: Payee,
    payment_date: date | None,
    note: str,
    credit_id: int | None,
    charge: Charge = NO_CHARGE,
) -> str:
    """The digest of all that a refund's request asks for; `verify` compares it with the refund."""
    paid_to = [payee.name, payee.bank_account, payee.paypal_email, payee.postal_address]
    if payee.reference:  # it came later: digests of refunds without one stay what they were
        paid_to.append(payee.reference)
    asked = [amount, str(method), paid_to, payment_date, note, credit_id]
    return _content_of_charged([*asked, charge.gateway, charge.id]) if charge else _content(asked)


#: What to say where a detail that the method needs is missing, or is none.
_WANTED = {
    "payee_name": gettext_lazy("Enter the payee's name."),
    "bank_account": gettext_lazy(
        "Enter the payee's bank account: branch code and account number, or an IBAN."
    ),
    "paypal_email": gettext_lazy("Enter the payee's PayPal e-mail address."),
    "postal_address": gettext_lazy("Enter the address that the money goes to."),
    "reference": gettext_lazy("Enter the payee's reference."),
}


def method_to_pay_by(code: str) -> RefundMethod:
    """The shop's method of that code. Raises InvalidInput if no refund is paid by it now."""
    method = shop().methods.get(code)
    if method is None or not method.on:
        ways = ", ".join(each.code for each in shop().methods.values() if each.on)
        raise InvalidInput(
            _("No refund is paid by %(code)r. Use one of %(ways)s.") % {"code": code[:60], "ways": ways},
            field="method",
        )
    return method


def check_detail(method: RefundMethod, field: str, text: str) -> None:
    """Raise InvalidInput unless the payee's detail is what the method asks for."""
    check_text(text, field=field, longest=_LONGEST[field])
    asked = method.asks(field)
    if (asked == Asked.REQUIRED and not text) or (asked != Asked.NOT_ASKED and not _may_be(field, text)):
        raise InvalidInput(str(_WANTED[field]), field=field)


def account_of(method: RefundMethod, payee: Payee, currency: str) -> BankAccount | None:
    """The bank account, where the method asks for one and it is given. Raises InvalidInput."""
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


def check_payment_date(day: date, now: datetime) -> None:
    """Raise InvalidInput for a day that is farther than a year away: anything else is a mistyped year."""
    if abs(day - now.astimezone(shop().time_zone).date()) > _FARTHEST_PAYMENT:
        raise InvalidInput(_("Enter a date at most one year from today."), field="payment_date")


@transaction.atomic
def change(
    refund_id: int,
    *,
    method: str,
    payee: Payee,
    payment_date: date,
    note: str,
    charge: Charge = NO_CHARGE,
    keep_account: bool = False,
    seen: str | None = None,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Correct where an open refund goes. It was approved as it stood: its approvals end.

    Amount and credits stay; to change those, decline it and ask again. `charge` is what the method
    gateway pays back to. With `keep_account` a payee without a bank account keeps the refund's, as long
    as the method stays too. `seen` is the `approvals.version_of` what the actor looked at. With nothing
    changed nothing happens. Raises PermissionDenied, InPayout, InSending, WrongState, StaleRefund,
    ChargeLimit, ChargeFirst, InvalidInput, RefundNotFound.
    """
    actor.require(Permission.REQUEST_REFUND)
    refund = locked(refund_id)
    _check_changeable(refund)
    payee = payee.stripped()
    if keep_account and not payee.bank_account and method == refund.method:
        payee = replace(payee, bank_account=refund.bank_account)
    if not _stands_so(refund, method, payee, payment_date, note, charge):  # their own change, sent twice
        check_seen(refund, seen)
    before = _said(refund)
    direct(refund, method, payee, payment_date, note, now)
    redirected(refund, charge, now)
    after = _said(refund)
    if before == after:
        return refund
    ended = void(refund, now)
    refund.save(update_fields=[*after, "account_mark", "cheque_number", "status"])
    content = content_of_request(
        amount_of(refund), refund.method, payee_of(refund), refund.payment_date, refund.note, None,
        charge_to(refund),
    )  # fmt: skip
    changed = {name: _shown(name, before[name], after[name]) for name in after if before[name] != after[name]}
    data = {"changed": changed, "approvals_ended": ended}
    event = NewEvent("refund.changed", refund.number, refund.customer_id, content=content, data=data)
    record(event, actor=actor, now=now)
    return refund


def _check_changeable(refund: Refund) -> None:
    """Raise WrongState, InPayout or InSending if nobody may correct where the refund goes any more."""
    if refund.status not in OPEN or refund.kind != Refund.Kind.REFUND:
        raise WrongState(
            _("%(number)s can't be changed: it is %(state)s.")
            % {"number": refund.number, "state": refund.get_status_display().lower()}
        )
    check_free(refund)


def _stands_so(
    refund: Refund, method: str, payee: Payee, payment_date: date, note: str, charge: Charge
) -> bool:
    """Whether the refund goes there already: nobody else's correction is lost then."""
    asked = (str(method), payee, payment_date, note, charge)
    return asked == (refund.method, payee_of(refund), refund.payment_date, refund.note, charge_to(refund))


_CHANGEABLE = (*DESTINATION, "payment_date", "note")


def _said(refund: Refund) -> dict[str, str]:
    return {name: str(getattr(refund, name) or "") for name in _CHANGEABLE}


def _shown(name: str, before: str, after: str) -> list[str]:
    """A change as the event keeps it: account numbers are not for everyone who reads history."""
    if name == "bank_account":
        return [mask(before), mask(after)]
    return [before, after]


def direct(refund: Refund, method: str, payee: Payee, payment_date: date, note: str, now: datetime) -> None:
    """Put the checked details of the payment into the refund. Raises InvalidInput."""
    way = method_to_pay_by(method)
    for field, text in payee.details():
        check_detail(way, field, text)
    check_note(note)
    account = account_of(way, payee, refund.currency)
    check_payment_date(payment_date, now)
    refund.method = str(method)
    if method != Refund.Method.CHEQUE:
        refund.cheque_number = ""
    for column, text in zip(PAYEE_COLUMNS, astuple(payee), strict=True):
        setattr(refund, column, text)
    refund.payment_date, refund.note = payment_date, note
    refund.account_mark = mark(account.whole) if account else ""


@transaction.atomic
def take_accounts(*, actor: Actor, now: datetime) -> None:
    """Keep in the history that somebody took a list with whole account numbers."""
    actor.require(Permission.REVEAL_ACCOUNT)
    record(NewEvent("refund.accounts_taken", "refunds"), actor=actor, now=now)


@transaction.atomic
def reveal(refund_id: int, *, actor: Actor, now: datetime) -> str:
    """The payee's whole account number. The history keeps who looked. Raises RefundNotFound."""
    actor.require(Permission.REVEAL_ACCOUNT)
    refund = locked(refund_id)
    event = NewEvent("refund.account_revealed", refund.number, refund.customer_id)
    record(event, actor=actor, now=now)
    return str(refund.bank_account)
