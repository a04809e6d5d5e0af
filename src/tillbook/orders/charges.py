"""Charges: what a payment gateway took from a card or wallet, by the name that the gateway gave it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_reason
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import Money, check_amount
from tillbook.credit.services import CurrencyMismatch
from tillbook.events.services import NewEvent, content_of, record, replay
from tillbook.orders.lines import locked_order
from tillbook.orders.models import Payment
from tillbook.orders.queries import payment_by_id

LONGEST_GATEWAY = 20  # characters
LONGEST_CHARGE = 100
_GATEWAY = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CHARGE = re.compile(r"[!-~]+", re.ASCII)


class ChargeUsed(Refusal):
    """The charge stands behind another payment: it brought its money once."""

    code = "charge_used"


@dataclass(frozen=True, slots=True)
class Charge:
    """A gateway's short name, and its own id of what it took; both empty: none."""

    gateway: str = ""  # "stripe", "paypal"
    id: str = ""  # Stripe's ch_… or pi_…, PayPal's id of the capture

    def __bool__(self) -> bool:
        return bool(self.gateway or self.id)

    def __str__(self) -> str:
        return f"{self.gateway} {self.id}".strip()


NO_CHARGE = Charge()


def check_charge(charge: Charge) -> None:
    """Raise InvalidInput unless it is a gateway with its id of a charge, or neither."""
    if not charge:
        return
    if not charge.gateway:
        raise InvalidInput(_("Name the gateway that took the charge, such as stripe."), field="gateway")
    if not _GATEWAY.fullmatch(charge.gateway) or len(charge.gateway) > LONGEST_GATEWAY:
        raise InvalidInput(
            _("A gateway's name is at most %(most)s small letters, digits and underscores, such as stripe.")
            % {"most": LONGEST_GATEWAY},
            field="gateway",
        )
    if not charge.id:
        raise InvalidInput(_("Enter the gateway's id of the charge, such as ch_3P8."), field="charge")
    if not _CHARGE.fullmatch(charge.id) or len(charge.id) > LONGEST_CHARGE:
        raise InvalidInput(
            _("A charge's id is at most %(most)s letters, digits and signs without spaces.")
            % {"most": LONGEST_CHARGE},
            field="charge",
        )


def insert(payment: Payment) -> None:
    """Write the payment, in the caller's transaction. Raises ChargeUsed."""
    try:
        # A savepoint: another customer's payment may name the charge at the same moment.
        with transaction.atomic():
            payment.save(force_insert=True)
    except IntegrityError as error:
        other = payment_of(charge_of(payment))
        if other is None:
            raise
        raise ChargeUsed(
            _("The charge %(charge)s stands behind a payment of order %(order)s already.")
            % {"charge": payment.charge, "order": other.order.number},
            field="charge",
        ) from error


@transaction.atomic
def note_paid_back(
    payment_id: int, *, amount: Money, reason: str, key: str, actor: Actor, now: datetime
) -> Payment:
    """Note what the gateway paid back of a charge past Tillbook: so much less may go back to it from here.

    No credit changes: reverse or decline what was meant to pay it out. Raises PermissionDenied,
    WrongState when the payment is voided, CurrencyMismatch, InvalidInput, PaymentNotFound, KeyReused.
    """
    actor.require(Permission.COMPLETE_REFUND)
    order = locked_order(payment_by_id(payment_id).order_id)
    content = content_of("payment.paid_back", payment_id=payment_id, amount=amount, reason=reason)
    first = replay(order.customer_id, key, content)
    payment = payment_by_id(payment_id)
    if first is not None:
        return payment
    _check_paid_back(payment, amount)
    check_reason(reason, ask=_("Say why."))
    payment.paid_back_minor += amount.minor
    payment.save(update_fields=["paid_back_minor"])
    data = {"id": payment.pk, "amount": str(amount), "gateway": payment.gateway, "charge": payment.charge}
    event = NewEvent(
        "payment.paid_back", order.number, order.customer_id, key, content, note=reason, data=data
    )
    record(event, actor=actor, now=now)
    return payment


def _check_paid_back(payment: Payment, amount: Money) -> None:
    check_amount(amount.minor)
    if payment.voided_at is not None:
        raise WrongState(_("This payment is voided already."), field="payment")
    if not payment.charge:
        raise InvalidInput(_("No charge of a gateway stands behind this payment."), field="payment")
    currency = payment.order.currency
    if amount.currency != currency:
        raise CurrencyMismatch(
            _("Order %(number)s is in %(currency)s, not in %(other)s.")
            % {"number": payment.order.number, "currency": currency, "other": amount.currency},
            field="amount",
        )
    left = payment.amount_minor - payment.paid_back_minor
    if amount.minor > left:
        raise InvalidInput(
            _("The charge brought %(brought)s. Enter at most %(left)s.")
            % {"brought": Money(payment.amount_minor, currency), "left": Money(left, currency)},
            field="amount",
        )


def charge_of(payment: Payment) -> Charge:
    return Charge(payment.gateway, payment.charge)


def payment_of(charge: Charge) -> Payment | None:
    """The payment with its order that the charge stands behind; None if it is voided, or there is none."""
    if not charge:
        return None
    rows = Payment.objects.select_related("order").filter(voided_at=None)
    return rows.filter(gateway=charge.gateway, charge=charge.id).first()
