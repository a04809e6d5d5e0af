"""What customers ask for on their own page: a refund, or to keep the credit after all.

Nothing is held while an ask waits. A member of staff accepts it, which requests the refund in their name and
looks at the amount anew, or declines it with a reason that the customer reads.
"""

from __future__ import annotations

from dataclasses import astuple
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_reason
from tillbook.common.errors import InvalidInput, NotFound, PermissionDenied, Refusal, WrongState
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.common.numbering import row_id
from tillbook.common.paging import ordered_after
from tillbook.credit import services as credit
from tillbook.credit.queries import available_at, balances_of, usable
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, content_of, internal_key, record, replay
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds import approvals, services
from tillbook.refunds.approvals import Flag
from tillbook.refunds.charges import Possible, charge_to, charges_of
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee, direct, payee_of
from tillbook.refunds.state import PAYEE_COLUMNS, amount_of
from tillbook.shop.details import RefundMethod
from tillbook.shop.policies import shop

MOST_IN_A_DAY = 5  # of one customer: more is a mistake, or somebody else's play
_LONGEST_REASON = 1_000

#: state -> the states it may become
TRANSITIONS: dict[str, frozenset[str]] = {
    Ask.Status.WAITING: frozenset({Ask.Status.ACCEPTED, Ask.Status.DECLINED, Ask.Status.WITHDRAWN}),
    Ask.Status.ACCEPTED: frozenset(),
    Ask.Status.DECLINED: frozenset(),
    Ask.Status.WITHDRAWN: frozenset(),
}


class AskNotFound(NotFound):
    """Nobody asked under that number."""

    code = "ask_not_found"


class AlreadyAsked(Refusal):
    """One ask in this currency waits already."""

    code = "already_asked"


class TooManyAsks(Refusal):
    """The customer asked too often within a day."""

    code = "too_many_asks"
    status = 429


class AskChanged(Refusal):
    """What is asked for is not what the customer asked for: it was changed behind the program's back."""

    code = "ask_changed"


def content_of_ask(amount: Money, method: str, payee: Payee) -> str:
    """The digest of all that an ask says; `accept` and `verify` compare it with the ask."""
    return content_of("refund.asked", amount=amount, method=str(method), payee=list(astuple(payee)))


@transaction.atomic
def ask(
    *, customer_id: int, amount: Money, method: str, payee: Payee, key: str, actor: Actor, now: datetime
) -> Ask:
    """Ask for `amount` of all refundable credits, by a method that the shop lets customers choose.

    Raises PermissionDenied for anybody but that customer, AlreadyAsked, TooManyAsks, InsufficientCredit,
    InvalidInput, KeyReused.
    """
    _require_own(customer_id, actor)
    credit.lock(customer_id, check_currency(amount.currency))
    payee = payee.stripped()
    content = content_of_ask(amount, method, payee)
    if (first := replay(customer_id, key, content)) is not None:
        return Ask.objects.get(pk=first.data["id"])
    _check_may_ask(customer_id, amount, now)
    made = _directed(customer_id, amount, method, payee, now)
    made.save(force_insert=True)
    data = {"id": made.pk, "amount": str(amount), "method": made.method}
    event = NewEvent("refund.asked", made.number, customer_id, key=key, content=content, data=data)
    record(event, actor=actor, now=now)
    return made


def available_to_ask(customer_id: int, currency: str, now: datetime) -> Money:
    """What of the customer's credit could be paid out now."""
    return Money(available_at(customer_id, currency, now, refundable=True), currency)


def currencies_of(customer: Customer) -> list[str]:
    """The customer's own currency first, then the others that there is or was credit in."""
    others = [each.currency for each in balances_of(customer.pk) if each.currency != customer.currency]
    return [customer.currency, *others]


@transaction.atomic
def withdraw(ask_id: int, *, actor: Actor, now: datetime) -> Ask:
    """Keep the credit after all. Again on a withdrawn one: nothing more. Raises AskNotFound, WrongState."""
    found = _locked(ask_id)
    if actor.customer_id != found.customer_id:  # somebody else's is none of theirs, and is not there
        raise _no_ask()
    _require_own(found.customer_id, actor)
    if found.status == Ask.Status.WITHDRAWN:
        return found
    return _resolve(found, Ask.Status.WITHDRAWN, "refund.ask_withdrawn", actor, now)


@transaction.atomic
def accept(ask_id: int, *, charge: Charge = NO_CHARGE, actor: Actor, now: datetime) -> Ask:
    """Request what was asked for, in the actor's name. Again on an accepted one: the same refund.

    What the customer wants back on their card or wallet goes to `charge`; where only one has room for the
    amount, to that. The amount is looked at now. Raises PermissionDenied, AskNotFound, AskChanged,
    WrongState, also where it was accepted for another charge, and what `refunds.services.request` raises.
    """
    actor.require(Permission.REQUEST_REFUND)
    found = _locked(ask_id)
    if found.refund is not None and charge in (NO_CHARGE, charge_to(found.refund)):
        return found
    _check_move(found, Ask.Status.ACCEPTED)
    _check_as_asked(found)
    found.refund = services.request(
        customer_id=found.customer_id, amount=amount_of(found), method=found.method, payee=payee_of(found),
        payment_date=now.astimezone(shop().time_zone).date(), charge=charge,
        key=internal_key(found.number, "accepted"), actor=actor, now=now,
    )  # fmt: skip
    return _resolve(found, Ask.Status.ACCEPTED, "refund.ask_accepted", actor, now)


@transaction.atomic
def decline(ask_id: int, *, reason: str, actor: Actor, now: datetime) -> Ask:
    """Decline with a reason, which the customer reads.

    Raises PermissionDenied, InvalidInput without a reason, AskNotFound, WrongState.
    """
    actor.require(Permission.REQUEST_REFUND)
    found = _locked(ask_id)
    ask = _("Say why it is declined. The customer reads it.")
    reason = check_reason(reason, ask=ask, longest=_LONGEST_REASON)
    if found.status == Ask.Status.DECLINED and found.decline_reason == reason:
        return found
    found.decline_reason = reason
    return _resolve(found, Ask.Status.DECLINED, "refund.ask_declined", actor, now)


def by_number(number: str) -> Ask:
    """The ask ASK-... with its customer and refund. Raises AskNotFound."""
    rows = Ask.objects.select_related("customer", "refund")
    found = rows.filter(pk=row_id("ASK", number) or 0).first()
    if found is None:
        raise _not_there(number)
    return found


def own_by_number(number: str, customer_id: int) -> Ask:
    """The customer's own ask of that number. Raises AskNotFound, in the same words for somebody else's."""
    found = by_number(number)
    if found.customer_id != customer_id:
        raise _not_there(number)
    return found


def listed(
    status: str = "", *, customer_id: int | None = None, after: Ask | None = None, limit: int = 50
) -> list[Ask]:
    """A page of what customers asked for, the oldest first; `after` is the last one of the page before."""
    rows = Ask.objects.select_related("customer", "refund")
    if status:
        rows = rows.filter(status=status)
    if customer_id is not None:
        rows = rows.filter(customer_id=customer_id)
    return list(ordered_after(rows, "asked_at", after)[:limit])


def waiting_of(customer_id: int) -> list[Ask]:
    """What of the customer waits for staff, at most one in a currency, the newest first."""
    rows = Ask.objects.filter(customer_id=customer_id, status=Ask.Status.WAITING)
    return list(rows.order_by("-asked_at", "-pk"))


def declined_of(customer_id: int, *, limit: int) -> list[Ask]:
    """What the customer asked for and staff declined, the newest first."""
    rows = Ask.objects.filter(customer_id=customer_id, status=Ask.Status.DECLINED)
    return list(rows.order_by("-asked_at", "-pk")[:limit])


def of_refund(refund_id: int) -> Ask | None:
    """What the customer asked for, if that became the refund."""
    return Ask.objects.filter(refund_id=refund_id).first()


def count_waiting(most: int) -> int:
    """How many wait for staff, counted up to `most`."""
    return Ask.objects.filter(status=Ask.Status.WAITING)[:most].count()


def flags(found: Ask) -> list[Flag]:
    """What is unusual about where the money should go, as an approver of the refund would see it."""
    return approvals.flags(
        Refund(
            customer_id=found.customer_id, currency=found.currency, amount_minor=found.amount_minor,
            bank_account=found.bank_account, payee_name=found.payee_name,
        )
    )  # fmt: skip


def charges_for(found: Ask, now: datetime) -> list[Possible]:
    """The charges that what was asked for may go back to now, the oldest first; none by another method."""
    return _charges(found.customer_id, found.currency, now) if found.method == Refund.Method.GATEWAY else []


def ways(customer_id: int, currency: str, now: datetime) -> list[RefundMethod]:
    """How the customer may ask for money: back to a card or wallet only where one paid what is left."""
    offered = shop().methods_to_ask_for()
    if all(each.code != Refund.Method.GATEWAY for each in offered) or _charges(customer_id, currency, now):
        return offered
    return [each for each in offered if each.code != Refund.Method.GATEWAY]


def _charges(customer_id: int, currency: str, now: datetime) -> list[Possible]:
    credits = usable(customer_id, currency, now, refundable=True)
    return [each for each in charges_of(credits) if each.minor]


def _require_own(customer_id: int, actor: Actor) -> None:
    actor.require(Permission.ASK_REFUND)
    if actor.customer_id != customer_id:
        raise PermissionDenied(_("Only the customer may do this, on their own page."))


def _check_may_ask(customer_id: int, amount: Money, now: datetime) -> None:
    check_amount(amount.minor)
    asked = Ask.objects.filter(customer_id=customer_id)
    if asked.filter(currency=amount.currency, status=Ask.Status.WAITING).exists():
        raise AlreadyAsked(_("You have asked for a refund already. Keep that credit first to ask anew."))
    if asked.filter(asked_at__gt=now - timedelta(days=1)).count() >= MOST_IN_A_DAY:
        raise TooManyAsks(_("You have asked often today. Try again tomorrow, or write to us."))
    credit.check_refundable(amount, available_to_ask(customer_id, amount.currency, now))


def _directed(customer_id: int, amount: Money, method: str, payee: Payee, now: datetime) -> Ask:
    """What was asked for, its payee checked as a refund's is."""
    if method not in {each.code for each in shop().methods_to_ask_for()}:
        raise InvalidInput(_("Choose one of the ways that are offered."), field="method")
    like = Refund(customer_id=customer_id, currency=amount.currency, amount_minor=amount.minor)
    direct(like, method, payee, now.astimezone(shop().time_zone).date(), "", now)
    return Ask(
        customer_id=customer_id, currency=amount.currency, amount_minor=amount.minor, method=like.method,
        account_mark=like.account_mark, asked_at=now, **{name: getattr(like, name) for name in PAYEE_COLUMNS},
    )  # fmt: skip


def _locked(ask_id: int) -> Ask:
    """The ask as it stands under its customer's lock. Raises AskNotFound."""
    found = Ask.objects.filter(pk=ask_id).first()
    if found is None:
        raise _no_ask()
    credit.lock(found.customer_id, found.currency)
    return Ask.objects.select_related("customer", "refund").get(pk=ask_id)


def _not_there(number: str) -> AskNotFound:
    return AskNotFound(_("There is no ask %(number)s.") % {"number": number})


def _no_ask() -> AskNotFound:
    return AskNotFound(_("There is no such ask."))


def _check_move(found: Ask, to: str) -> None:
    if to not in TRANSITIONS[found.status]:
        raise WrongState(
            _("%(number)s is already %(state)s.")
            % {"number": found.number, "state": found.get_status_display().lower()}
        )


def _check_as_asked(found: Ask) -> None:
    """Raise AskChanged unless it is what its customer's own event says, to the letter."""
    events = Event.objects.filter(
        customer_id=found.customer_id, subject=found.number, action="refund.asked"
    ).values_list("content", flat=True)
    if events.first() != content_of_ask(amount_of(found), found.method, payee_of(found)):
        raise AskChanged(
            _(
                "%(number)s is not what the customer asked for: its amount, payee or account was changed "
                "behind the program's back. Decline it and have the book checked."
            )
            % {"number": found.number}
        )


def _resolve(found: Ask, to: Ask.Status, action: str, actor: Actor, now: datetime) -> Ask:
    _check_move(found, to)
    found.status, found.resolved_by, found.resolved_at = to, actor.name, now
    found.save(update_fields=["status", "resolved_by", "resolved_at", "decline_reason", "refund"])
    data = {"amount": str(amount_of(found))}
    if found.refund is not None:
        data["document"] = found.refund.number
    event = NewEvent(action, found.number, found.customer_id, public_note=found.decline_reason, data=data)
    record(event, actor=actor, now=now)
    return found
