"""What happens to orders: placed, edited, paid with money or credit, cancelled, returned in part.

Each change ends in `settle`: what was paid too much goes on as credit, and the projection's
owing follows, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_note, check_past, check_reason, check_text
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import Money
from tillbook.common.numbering import public_number, row_id
from tillbook.credit import services as credit
from tillbook.credit.queries import spent_on
from tillbook.events.services import content_of, replay
from tillbook.orders import lines as order_lines
from tillbook.orders.charges import NO_CHARGE, Charge, check_charge, insert
from tillbook.orders.lines import (
    LineInput,
    ReturnClaim,
    check_returns_are_paid,
    claim_return,
    locked_order,
    order_of_customer,
    record_on,
    refuse_if_cancelled,
    release_claim,
)
from tillbook.orders.models import Order, OrderLine, Payment
from tillbook.orders.paying import MoreThanOwing, check_payable, pay_with_credit
from tillbook.orders.queries import payment_by_id
from tillbook.orders.settling import (
    give_back,
    given_without_money,
    release_holds,
    settle,
    take_back,
    use_return_credits,
)

__all__ = [
    "LineInput", "MoreThanOwing", "NumberTaken", "OrderHasReturns", "ReturnClaim", "StaleEdit", "Voided",
    "cancel", "check_returns_are_paid", "claim_return", "edit", "order_of_customer", "pay_with_credit",
    "place", "receive_payment", "release_claim", "void_payment",
]  # fmt: skip

_SERIES = "SO"  # of the numbers that Tillbook gives itself


class NumberTaken(Refusal):
    """Another order has that number."""

    code = "number_taken"


class StaleEdit(Refusal):
    """Somebody else changed the order since the page with this change was opened."""

    code = "stale_edit"


class OrderHasReturns(Refusal):
    """Goods of the order came back, or are on their way: their money would be given twice."""

    code = "order_has_returns"


@dataclass(frozen=True, slots=True)
class Voided:
    """What voiding a payment brought back of its credit, in minor units, and what is gone."""

    payment: Payment
    taken_back_minor: int
    missing_minor: int


@transaction.atomic
def place(
    *,
    customer_id: int,
    currency: str,
    lines: Sequence[LineInput],
    number: str | None = None,
    shipping_minor: int = 0,
    surcharge_minor: int = 0,
    note: str = "",
    placed_at: datetime | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> Order:
    """Place an order; without `number` it gets the next one of the shop's own series.

    Amounts are minor units of `currency`. Raises InvalidInput, NumberTaken, CustomerNotFound, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    credit.lock(customer_id, currency)
    content = content_of(
        "order.placed", currency=currency, lines=list(lines), number=number, shipping_minor=shipping_minor,
        surcharge_minor=surcharge_minor, note=note, placed_at=placed_at,
    )  # fmt: skip
    if (first := replay(customer_id, key, content)) is not None:
        return Order.objects.get(pk=first.data["id"])
    check_note(note)
    order_lines.check_lines(lines)
    if not lines or any(line.line_id is not None for line in lines):
        raise InvalidInput(
            _("A new order needs at least one line, and all its lines are new."), field="lines"
        )
    check_past(placed_at, now, field="placed_at")
    total = order_lines.total_of(lines, shipping_minor=shipping_minor, surcharge_minor=surcharge_minor)
    order = Order(
        customer_id=customer_id, currency=currency, shipping_minor=shipping_minor, total_minor=total,
        surcharge_minor=surcharge_minor, note=note, placed_at=placed_at or now, created_at=now,
    )  # fmt: skip
    _insert(order, number)
    OrderLine.objects.bulk_create(order_lines.new_lines(order, lines))
    order.credit_used_minor = _paid_before(order)
    settle(order, 0, key, actor, now)
    data = {"total": str(_money(order, order.total_minor))}
    record_on(order, "order.placed", key, content, data, actor, now, note=note)
    return order


def _paid_before(order: Order) -> int:
    """What a checkout paid of it with credit before the order itself came, in minor units."""
    paid = spent_on(order.customer_id, order.number)
    if paid.keys() - {order.currency}:
        raise credit.CurrencyMismatch(
            _("%(number)s was paid with credit in another currency than %(currency)s.")
            % {"number": order.number, "currency": order.currency},
            field="currency",
        )
    return paid.get(order.currency, 0)


def _insert(order: Order, number: str | None) -> None:
    order.paid_status = Order.PaidStatus.PENDING
    order.number = uuid4().hex if number is None else _checked_number(number)
    try:
        # A savepoint: another customer's order may take the number at the same moment.
        with transaction.atomic():
            order.save(force_insert=True)
    except IntegrityError as error:
        raise NumberTaken(
            _("There is already an order %(number)s.") % {"number": number}, field="number"
        ) from error
    if number is None:
        order.number = public_number(_SERIES, order.pk)


def _checked_number(number: str) -> str:
    if not 1 <= len(number) <= 50 or number != number.strip() or not number.isprintable():
        raise InvalidInput(_("An order number is 1 to 50 printable characters."), field="number")
    # It stands in addresses, between slashes and where other words stand too.
    if "/" in number or number in {"new", "cancel", "edit", "payments", ".", ".."}:
        raise InvalidInput(
            _("%(number)r can't be an order number. Leave out slashes.") % {"number": number}, field="number"
        )
    if any(row_id(series, number) is not None for series in (_SERIES, "CR", "RF", "RMA", "AN")):
        raise InvalidInput(
            _("Numbers like %(number)s are given by Tillbook. Leave it empty, or choose another.")
            % {"number": number},
            field="number",
        )
    if Order.objects.filter(number=number).exists():
        raise NumberTaken(_("There is already an order %(number)s.") % {"number": number}, field="number")
    return number


def _money(order: Order, minor: int) -> Money:
    return Money(minor, order.currency)


@transaction.atomic
def edit(
    order_id: int,
    *,
    lines: Sequence[LineInput],
    shipping_minor: int,
    surcharge_minor: int,
    note: str,
    seen: str | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> Order:
    """Replace the order's lines and sums (minor units); what was then paid too much is credit at once.

    `seen` is the `version_of` the order that the change was made from: StaleEdit if somebody
    changed it since. Raises WrongState, BelowReturned, InvalidInput, OrderNotFound, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    order = locked_order(order_id)
    content = content_of(
        "order.edited", order_id=order_id, lines=list(lines), shipping_minor=shipping_minor,
        surcharge_minor=surcharge_minor, note=note,
    )  # fmt: skip
    if replay(order.customer_id, key, content) is not None:
        return order
    refuse_if_cancelled(order)
    if seen is not None and seen != order_lines.version_of(order):
        raise StaleEdit(
            _("Order %(number)s was changed meanwhile. Open it again and repeat your change.")
            % {"number": order.number}
        )
    check_note(note)
    order_lines.check_lines(lines)
    if not lines:
        raise InvalidInput(_("An order keeps at least one line. Cancel it instead."), field="lines")
    total = order_lines.total_of(lines, shipping_minor=shipping_minor, surcharge_minor=surcharge_minor)
    owed_before, total_before = order.owing_minor, order.total_minor
    lines_before = order_lines.told(order)
    order_lines.replace_lines(order, lines, shipping_minor=shipping_minor, surcharge_minor=surcharge_minor)
    order.shipping_minor, order.surcharge_minor = shipping_minor, surcharge_minor
    order.total_minor, order.note = total, note
    # What was too much before and is due now pays it again, as far as it is still there.
    taken_back = take_back(order, key, actor, now) if total > total_before else 0
    settled = settle(order, owed_before, key, actor, now)
    data = {
        "total": [str(_money(order, total_before)), str(_money(order, total))],
        "overpayment_taken_back": str(_money(order, taken_back)),
        "overpaid": str(_money(order, settled.made_credit_minor)),
        "credit_given_back": str(_money(order, settled.given_back_minor)),
        "lines": [lines_before, order_lines.told(order)],
    }
    record_on(order, "order.edited", key, content, data, actor, now, note=note)
    return order


def content_of_payment(
    order_id: int, amount: Money, method: str, reference: str, received_at: datetime | None, charge: Charge
) -> str:
    """The digest of all that a payment's request says; None for `received_at` where it left that out."""
    return content_of(
        "payment.received", order_id=order_id, amount=amount, method=method, reference=reference,
        received_at=received_at, **_taken_by(charge),
    )  # fmt: skip


def _taken_by(charge: Charge) -> dict[str, str]:
    return {"gateway": charge.gateway, "charge": charge.id} if charge else {}


@transaction.atomic
def receive_payment(
    order_id: int,
    *,
    amount: Money,
    method: str,
    reference: str = "",
    charge: Charge = NO_CHARGE,
    received_at: datetime | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> Payment:
    """Record money that came in for the order; what is more than owing becomes a credit at once.

    Money that comes after the order was cancelled came all the same: all of it becomes one.
    `charge` is what a gateway took it by; without `received_at` it came in now. Raises
    CurrencyMismatch, ChargeUsed, InvalidInput, OrderNotFound, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    order = locked_order(order_id)
    content = content_of_payment(order_id, amount, method, reference, received_at, charge)
    if (first := replay(order.customer_id, key, content)) is not None:
        return Payment.objects.get(pk=first.data["id"])
    check_payable(order, amount)
    if method not in Payment.Method.values:
        raise InvalidInput(_("Choose a payment method."), field="method")
    check_text(reference, field="reference", longest=100)
    check_charge(charge)
    check_past(received_at, now, field="received_at")
    payment = Payment(
        order=order, customer_id=order.customer_id, amount_minor=amount.minor, method=method,
        reference=reference, gateway=charge.gateway, charge=charge.id, received_at=received_at or now,
        recorded_at=now, recorded_by=actor.name,
    )  # fmt: skip
    insert(payment)
    owed_before = order.owing_minor
    order.received_minor += amount.minor
    settled = settle(order, owed_before, key, actor, now, received_at)
    overpaid = _money(order, settled.made_credit_minor)
    data = {"id": payment.pk, "amount": str(amount), "overpaid": str(overpaid)}
    data |= _taken_by(charge)
    record_on(order, "payment.received", key, content, data, actor, now)
    return payment


@transaction.atomic
def void_payment(payment_id: int, *, reason: str, key: str, actor: Actor, now: datetime) -> Voided:
    """Take a payment off its order, and the overpayment credit it made as far as it is unspent.

    What can't be taken back stays visible: the order owes it. Raises WrongState when it is
    voided already, InvalidInput without a reason, PaymentNotFound, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    order = locked_order(payment_by_id(payment_id).order_id)
    content = content_of("payment.voided", payment_id=payment_id, reason=reason)
    first = replay(order.customer_id, key, content)
    payment = payment_by_id(payment_id)
    if first is not None:
        return Voided(payment, first.data["taken_back_minor"], first.data["missing_minor"])
    if payment.voided_at is not None:
        raise WrongState(_("This payment is voided already."), field="payment")
    check_reason(reason, ask=_("Say why."))
    payment.voided_at, payment.void_reason = now, reason
    payment.save(update_fields=["voided_at", "void_reason"])
    owed_before = order.owing_minor
    order.received_minor -= payment.amount_minor
    taken_back = take_back(order, key, actor, now) + use_return_credits(order, key, actor, now)
    missing = order.unbacked_minor + max(0, order.returned_minor - max(0, order.paid_minor))
    missing = max(missing, given_without_money(order))
    settle(order, owed_before, key, actor, now)
    data = {
        "id": payment.pk, "amount": str(_money(order, payment.amount_minor)),
        "taken_back_minor": taken_back, "missing_minor": missing,
    }  # fmt: skip
    record_on(order, "payment.voided", key, content, data, actor, now, note=reason)
    payment.order = order
    return Voided(payment, taken_back, missing)


@transaction.atomic
def cancel(order_id: int, *, reason: str, key: str, actor: Actor, now: datetime) -> Order:
    """Cancel the order: credit used goes back to the same credits, money received becomes credit.

    Credit held for it is released: nothing is left that a checkout could capture.
    Raises OrderHasReturns, WrongState, InvalidInput without a reason, OrderNotFound, KeyReused.
    """
    actor.require(Permission.WORK_ORDERS)
    order = locked_order(order_id)
    content = content_of("order.cancelled", order_id=order_id, reason=reason)
    if replay(order.customer_id, key, content) is not None:
        return order
    refuse_if_cancelled(order)
    check_reason(reason, ask=_("Say why."))
    if order.returned_minor:
        raise OrderHasReturns(
            _(
                "%(returned)s of order %(number)s is in returns. "
                "Cancel those that are open, or return the rest instead of cancelling."
            )
            % {"returned": _money(order, order.returned_minor), "number": order.number}
        )
    owed_before, restored = order.owing_minor, order.credit_used_minor
    order.status, order.cancelled_at = Order.Status.CANCELLED, now  # from here on nothing is due for it
    if restored:
        give_back(order, restored, key, actor, now)
    released = release_holds(order, key, actor, now)
    settled = settle(order, owed_before, key, actor, now)
    data = {
        "credit_given_back": str(_money(order, restored)),
        "credit_released": str(_money(order, released)),
        "money_made_credit": str(_money(order, settled.made_credit_minor)),
    }  # fmt: skip
    record_on(order, "order.cancelled", key, content, data, actor, now, note=reason)
    return order
