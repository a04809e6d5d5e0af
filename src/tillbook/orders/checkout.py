"""Credit taken by a checkout: for an order of this shop, whose sums move with it, or for anything else.

A checkout names what it takes credit for by a reference of its own. Where that is the number of one of
this shop's orders, the order's rules hold: nobody pays more than is owing, and what credit paid stands on
the order. Every other reference is a document of another system, and only credit moves: such requests, the
captures of such holds and all releases, which are most of what a checkout asks, share a commit, unless
something comes back to credit that is past its time or whose money is gone. Which it is hangs on whether the
order is there yet, say: that is looked up under the customer's lock, which placing it takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from django.db import transaction

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, Refusal
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.common.statements import Insert, Query
from tillbook.credit import services as credit
from tillbook.credit.batch import Asked, attempt, only
from tillbook.credit.holds import Hold, hold_named
from tillbook.credit.moving import LeftAlone, move_each
from tillbook.credit.queries import parts_of_key
from tillbook.credit.services import HoldNotFound, MoreThanSpent, Part, Resolution, Taking
from tillbook.credit.sharing import SharedCommit
from tillbook.customers.queries import unknown_ids
from tillbook.events.services import content_of, derived_key, is_known, replay
from tillbook.ledger.models import House, Kind
from tillbook.orders.lines import record_on, refuse_if_cancelled
from tillbook.orders.models import Order
from tillbook.orders.paying import check_payable_with_credit, pay_locked
from tillbook.orders.queries import orders_named
from tillbook.orders.services import OrderHasReturns
from tillbook.orders.settling import give_back, settle, take_back_unbacked, unbacked_among


def spend(
    *,
    customer_id: int,
    amount: Money,
    reference: str,
    credits: Mapping[int, int] | None = None,
    key: str,
    beside: Insert | None = None,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Pay `reference` with credit: chosen {credit id: minor units}, or in the order of use.

    `beside` is a row of the caller's that is stored in the same transaction; a repetition may leave it out.
    Outside a transaction, what names no order commits with whatever else is taken or ended right now.
    Raises what `credit.spend` raises, and for an order MoreThanOwing, CurrencyMismatch, WrongState.
    """
    taking = Taking(customer_id, amount, reference, key, credits=credits)
    outcome = _shared.do(Asked(taking, actor, now, beside))
    return _spend_on_order(taking, beside, actor, now) if outcome is None else only([outcome])


def _orders_among(references: Collection[str]) -> Query:
    """Those of the references that are numbers of orders."""
    table, parameters = statements.wanted({"number": "text"}, [(each,) for each in references])
    return Query(
        f"SELECT o.number FROM {table} CROSS JOIN orders_order AS o WHERE o.number = wanted.number",
        parameters,
    )


_move = partial(move_each, left_alone=LeftAlone(_orders_among, unbacked_among))
# A customer whose book somebody keeps, as a payout keeps those of all its refunds, holds up nobody else.
_shared = SharedCommit(partial(_move, at_most_ms=100), _move)


@transaction.atomic
def _spend_on_order(taking: Taking, beside: Insert | None, actor: Actor, now: datetime) -> list[Part]:
    credit.lock(taking.customer_id, taking.amount.currency)
    order = _own_order(taking.customer_id, taking.reference)
    parts = pay_locked(
        order, amount=taking.amount, credits=taking.credits, key=taking.key, actor=actor, now=now
    )
    _store(beside)
    return parts_of_key(order.customer_id, derived_key(taking.key, "spend")) if parts is None else parts


def _store(beside: Insert | None) -> None:
    if beside is not None:
        statements.write([beside])


def spend_many(takings: Sequence[Taking], *, actor: Actor, now: datetime) -> list[list[Part] | Refusal]:
    """Spend credit for many references at once: the parts of each, or its own refusal.

    What names no order of this shop goes in one batch; each order is paid in a transaction of its own.
    """
    with transaction.atomic():
        credit.lock_many(_books(takings))
        numbers = orders_named({taking.reference for taking in takings})
        bare = [each for each in takings if each.reference not in numbers]
        moved = iter(credit.take_many(bare, actor=actor, now=now))
    return [
        attempt(_spend, taking, actor, now) if taking.reference in numbers else next(moved)
        for taking in takings
    ]


def _books(takings: Sequence[Taking]) -> set[tuple[int, str]]:
    """The books of those takings that can have one."""
    unknown = unknown_ids({taking.customer_id for taking in takings})
    return {
        (taking.customer_id, taking.amount.currency)
        for taking in takings
        if taking.customer_id not in unknown
        and not isinstance(attempt(check_currency, taking.amount.currency), Refusal)
    }


def _moved_before(customer_id: int, key: str) -> bool:
    """Whether the key moved credit by itself, before there was an order: then it gets its first answer."""
    return bool(parts_of_key(customer_id, key))


def _spend(taking: Taking, actor: Actor, now: datetime) -> list[Part]:
    return spend(
        customer_id=taking.customer_id, amount=taking.amount, reference=taking.reference,
        credits=taking.credits, key=taking.key, actor=actor, now=now,
    )  # fmt: skip


def hold(
    *,
    customer_id: int,
    amount: Money,
    reference: str,
    credits: Mapping[int, int] | None = None,
    key: str,
    beside: Insert | None = None,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Set credit aside for `reference`; `key` names the hold. For the rest see `spend`."""
    taking = Taking(customer_id, amount, reference, key, Kind.HOLD, credits)
    outcome = _shared.do(Asked(taking, actor, now, beside))
    return _hold_for_order(taking, beside, actor, now) if outcome is None else only([outcome])


@transaction.atomic
def _hold_for_order(taking: Taking, beside: Insert | None, actor: Actor, now: datetime) -> list[Part]:
    credit.lock(taking.customer_id, taking.amount.currency)
    order = _own_order(taking.customer_id, taking.reference)
    if not is_known(taking.customer_id, taking.key):
        check_payable_with_credit(order, taking.amount)
    parts = only(credit.take_many([taking], actor=actor, now=now))
    _store(beside)
    return parts


def capture(
    *,
    customer_id: int,
    hold_key: str,
    amount: Money | None = None,
    key: str,
    beside: Insert | None = None,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """End a hold: its amount, or the part given, is gone, and an order it was for is paid by it.

    What the order no longer owes by then goes back where it came from. Raises what `credit.capture`
    raises, WrongState for a cancelled order, and CurrencyMismatch for one that came in another
    currency than the hold: release that. For `beside` see `spend`.
    """
    wanted = Resolution(customer_id, hold_key, key, Kind.CAPTURE, amount, house=House.ORDERS)
    outcome = _shared.do(Asked(wanted, actor, now, beside))
    return _capture(wanted, beside, actor, now) if outcome is None else only([outcome])


@transaction.atomic
def _capture(wanted: Resolution, beside: Insert | None, actor: Actor, now: datetime) -> list[Part]:
    customer_id, hold_key, key, amount = wanted.customer_id, wanted.hold_key, wanted.key, wanted.amount
    held = _checkouts_hold(customer_id, hold_key)
    credit.lock(customer_id, held.currency)
    _store(beside)
    order = _order(customer_id, held.reference)
    moved_before = _moved_before(customer_id, key)
    if order is None or moved_before:
        parts = credit.capture(
            customer_id=customer_id, hold_key=hold_key, amount=amount, key=key, actor=actor, now=now
        )
        if not moved_before:
            _take_back_unbacked(customer_id, held.parts, key, actor, now)
        return parts
    content = content_of("order.hold_captured", hold_key=hold_key, amount=amount)
    again = replay(customer_id, key, content) is not None
    if not again:
        refuse_if_cancelled(order)
        _check_currency(order, held.currency)
    parts = credit.capture(
        customer_id=customer_id, hold_key=hold_key, amount=amount, key=derived_key(key, "capture"),
        actor=actor, now=now,
    )  # fmt: skip
    if not again:
        owed_before = order.owing_minor
        minor = sum(part.amount_minor for part in parts)
        order.credit_used_minor += minor
        if minor > owed_before:
            give_back(order, minor - owed_before, derived_key(key, "late"), actor, now)
        settle(order, owed_before, key, actor, now)
        # Of what was not captured something is available again.
        _take_back_unbacked(customer_id, held.parts, derived_key(key, "freed"), actor, now)
        record_on(order, "order.paid_with_credit", key, content, _data(order, minor), actor, now)
    return parts


def release(
    *,
    customer_id: int,
    hold_key: str,
    key: str,
    beside: Insert | None = None,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """End a hold: all of it is available again. Raises what `credit.release` raises; see `capture`."""
    wanted = Resolution(customer_id, hold_key, key, Kind.RELEASE, house=House.ORDERS)
    outcome = _shared.do(Asked(wanted, actor, now, beside))
    return _release(wanted, beside, actor, now) if outcome is None else only([outcome])


@transaction.atomic
def _release(wanted: Resolution, beside: Insert | None, actor: Actor, now: datetime) -> list[Part]:
    customer_id, hold_key, key = wanted.customer_id, wanted.hold_key, wanted.key
    held = _checkouts_hold(customer_id, hold_key)
    credit.lock(customer_id, held.currency)
    _store(beside)
    moved_before = _moved_before(customer_id, key)
    parts = credit.release(customer_id=customer_id, hold_key=hold_key, key=key, actor=actor, now=now)
    if not moved_before:
        _take_back_unbacked(customer_id, parts, key, actor, now)
    return parts


@transaction.atomic
def restore(
    *,
    customer_id: int,
    currency: str,
    reference: str,
    amount: Money | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Give back what credit paid of `reference`, to the same credits; without `amount` all of it.

    Raises what `credit.restore` raises, and OrderHasReturns where a return gave it back already.
    """
    credit.lock(customer_id, currency)
    order = _order(customer_id, reference)
    moved_before = _moved_before(customer_id, key)
    if order is None or moved_before:
        parts = credit.restore(
            customer_id=customer_id, currency=currency, reference=reference, amount=amount, key=key,
            actor=actor, now=now,
        )  # fmt: skip
        if not moved_before:
            _take_back_unbacked(customer_id, parts, key, actor, now)
        return parts
    content = content_of("order.credit_restored", order_id=order.pk, currency=currency, amount=amount)
    if replay(customer_id, key, content) is None:
        _check_restorable(order, currency, amount)
        minor = order.credit_used_minor if amount is None else amount.minor
        owed_before = order.owing_minor
        give_back(order, minor, key, actor, now)
        settle(order, owed_before, derived_key(key, "settle"), actor, now)
        record_on(order, "order.credit_restored", key, content, _data(order, minor), actor, now)
    return parts_of_key(customer_id, derived_key(key, "restore"))


def _order(customer_id: int, reference: str) -> Order | None:
    """The customer's order of that number. Another's may bear the name of a checkout's own document.

    It may be read under the lock of another currency's book than its own: then all that follows is a refusal,
    or the answer that the key had before.
    """
    try:
        return Order.objects.get(number=reference, customer_id=customer_id)
    except Order.DoesNotExist:
        return None


def _own_order(customer_id: int, reference: str) -> Order:
    """The order of that number, which somebody has. Raises InvalidInput for another customer's."""
    order = _order(customer_id, reference)
    if order is None:
        raise InvalidInput(f"Order {reference} is another customer's.", field="reference")
    return order


def _checkouts_hold(customer_id: int, hold_key: str) -> Hold:
    """The hold. Raises HoldNotFound for a refund's as well: that is ended by the refund alone."""
    found = hold_named(customer_id, hold_key)
    if found is None or found.house != House.ORDERS:
        raise HoldNotFound("There is no such hold.", field="hold")
    return found


def _check_currency(order: Order, currency: str) -> None:
    if currency != order.currency:
        raise credit.CurrencyMismatch(
            f"Order {order.number} is in {order.currency}, not in {currency}.", field="currency"
        )


def _check_restorable(order: Order, currency: str, amount: Money | None) -> None:
    wanted = Money(order.credit_used_minor, currency) if amount is None else amount
    _check_currency(order, currency)
    _check_currency(order, wanted.currency)
    if amount is not None:
        check_amount(amount.minor)
    if not 0 < wanted.minor <= order.credit_used_minor:
        used = Money(order.credit_used_minor, order.currency)
        raise MoreThanSpent(
            f"At most {used} of what credit paid on {order.number} can still be given back.", field="amount"
        )
    if order.paid_minor - wanted.minor < order.returned_minor:
        returned = Money(order.returned_minor, order.currency)
        raise OrderHasReturns(
            f"{returned} of order {order.number} is in returns, which gave that back: "
            "what is left on it must not be less.",
            field="amount",
        )


def _take_back_unbacked(
    customer_id: int, parts: Sequence[Part], key: str, actor: Actor, now: datetime
) -> None:
    ids = [part.credit_id for part in parts]
    take_back_unbacked(customer_id, ids, key=derived_key(key, "unbacked"), actor=actor, now=now)


def _data(order: Order, minor: int) -> dict[str, str]:
    return {"amount": str(Money(minor, order.currency))}
