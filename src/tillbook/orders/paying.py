"""Orders paid with the customer's credit: at most what is owing, and never what money alone can pay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.common.money import Money, check_amount
from tillbook.credit import services as credit
from tillbook.credit.services import Part
from tillbook.events.services import content_of, derived_key, replay
from tillbook.orders.lines import locked_order, record_on, refuse_if_cancelled
from tillbook.orders.models import Order
from tillbook.orders.settling import given_without_money, settle


class MoreThanOwing(Refusal):
    """Credit pays at most what is owing."""

    code = "more_than_owing"


def check_payable(order: Order, amount: Money) -> None:
    """Raise unless money or credit of that amount can come in for the order."""
    check_amount(amount.minor)
    if amount.currency != order.currency:
        raise credit.CurrencyMismatch(
            _("Order %(number)s is in %(currency)s, not in %(other)s.")
            % {"number": order.number, "currency": order.currency, "other": amount.currency},
            field="amount",
        )


def check_payable_with_credit(order: Order, amount: Money) -> None:
    """Raise unless the order owes at least that amount, in its currency.

    What it owes for credit whose payment was voided, money alone can pay, or that credit itself: paid with
    goodwill, it would look as if there were money behind it.
    """
    check_payable(order, amount)
    # A cancelled order may still be owed what a voided payment left unbacked.
    if not order.owing_minor:
        refuse_if_cancelled(order)
    payable = max(0, order.owing_minor - given_without_money(order))
    if amount.minor > payable:
        raise MoreThanOwing(
            _("Of what order %(number)s owes, credit can pay %(payable)s.")
            % {"number": order.number, "payable": Money(payable, order.currency)}
            if payable < order.owing_minor
            else _("Order %(number)s owes %(owing)s. Pay at most that with credit.")
            % {"number": order.number, "owing": Money(order.owing_minor, order.currency)},
            field="amount",
        )


@transaction.atomic
def pay_with_credit(
    order_id: int,
    *,
    amount: Money,
    credits: Mapping[int, int] | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> Order:
    """Pay at most what is owing from the customer's credits: chosen {credit id: minor}, or in order.

    Raises MoreThanOwing, InsufficientCredit, CurrencyMismatch, WrongState, OrderNotFound, KeyReused.
    """
    actor.require(Permission.SPEND_CREDIT)
    order = locked_order(order_id)
    pay_locked(order, amount=amount, credits=credits, key=key, actor=actor, now=now)
    return order


def pay_locked(
    order: Order,
    *,
    amount: Money,
    credits: Mapping[int, int] | None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part] | None:
    """What `pay_with_credit` does, for an order that was read under the lock of its customer's book.

    Returns what was taken of which credit; None if the key paid it before.
    """
    chosen = None if credits is None else sorted(credits.items())
    content = content_of("order.paid_with_credit", order_id=order.pk, amount=amount, credits=chosen)
    if replay(order.customer_id, key, content) is not None:
        return None
    check_payable_with_credit(order, amount)
    parts = credit.spend(
        customer_id=order.customer_id, amount=amount, reference=order.number, credits=credits,
        key=derived_key(key, "spend"), actor=actor, now=now,
    )  # fmt: skip
    owed_before = order.owing_minor
    order.credit_used_minor += amount.minor
    settle(order, owed_before, key, actor, now)
    record_on(order, "order.paid_with_credit", key, content, {"amount": str(amount)}, actor, now)
    return parts
