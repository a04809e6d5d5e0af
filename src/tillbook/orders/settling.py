"""How an order and the customer's credit stay even: nobody gets out more than came in (R7).

What was paid too much in money goes on as a new credit; what was paid too much with credit
goes back to the credits it came from, on their old terms. Credit whose money is gone, because
a payment was voided, is taken back as soon as there is something of it to take.
All of it runs under the customer's lock, in the transaction of the change that caused it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.common.statements import Query
from tillbook.credit import services as credit
from tillbook.credit.holds import open_holds
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import refundable_spent, reversed_of
from tillbook.credit.terms import terms_of
from tillbook.events.services import derived_key
from tillbook.ledger.models import House, Kind
from tillbook.orders.models import Order, Payment

# What `_sources` and `Order.unbacked_minor` say, as SQL.
_SOURCE = f"CASE c.source WHEN '{Source.RETURN.value}' THEN c.order_reference ELSE c.source_reference END"
_UNBACKED = (
    "o.overpaid_minor > 0 AND o.received_minor + o.credit_used_minor "
    f"- CASE o.status WHEN '{Order.Status.CANCELLED.value}' THEN 0 ELSE o.total_minor END < o.overpaid_minor"
)
_FARTHEST = 100  # orders of one customer, each paid with what the one before gave, that are followed


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of what was paid too much, in minor units."""

    made_credit_minor: int  # money: a new credit
    given_back_minor: int  # credit: back where it came from


def settle(
    order: Order, owed_before: int, key: str, actor: Actor, now: datetime, arose_at: datetime | None = None
) -> Settled:
    """Undo what was paid too much, save the order, pass on what is owing now."""
    order.use_reversed()
    excess = order.excess_minor
    money = min(excess, max(0, order.received_minor - order.overpaid_minor))
    if money and order.returned_minor:
        # What its returns gave back as refundable credit is not given twice: then credit goes back instead.
        money = min(money, max(refundable_left(order), excess - order.credit_used_minor))
    if money:
        cancelled = order.status == Order.Status.CANCELLED
        terms = terms_of(Source.OVERPAYMENT, now)
        credit.issue(
            customer_id=order.customer_id, amount=Money(money, order.currency), source=Source.OVERPAYMENT,
            house=House.RECEIPTS, reason="order_cancelled" if cancelled else "overpayment",
            reference=order.number, effective_at=arose_at, key=derived_key(key, "overpayment"),
            refundable=terms.refundable, expires_at=terms.expires_at, actor=actor, now=now,
        )  # fmt: skip
        order.overpaid_minor += money
    if excess > money:
        give_back(order, excess - money, key, actor, now)
    _save(order, owed_before)
    return Settled(money, excess - money)


def _save(order: Order, owed_before: int) -> None:
    order.paid_status = order.paid_status_by_sums
    order.save()
    credit.change_owing(order.customer_id, order.currency, order.owing_minor - owed_before)


def give_back(order: Order, minor: int, key: str, actor: Actor, now: datetime) -> None:
    """Give `minor` of the credit that paid the order back to the same credits; the caller saves it."""
    parts = credit.restore(
        customer_id=order.customer_id, currency=order.currency, reference=order.number,
        amount=Money(minor, order.currency), key=derived_key(key, "restore"), actor=actor, now=now,
        refundable_first_up_to=_unreturned(order) if order.returned_minor else None,
    )  # fmt: skip
    order.credit_used_minor -= minor
    ids = [part.credit_id for part in parts]
    take_back_unbacked(order.customer_id, ids, key=key, actor=actor, now=now, in_hand=order)


def take_back(order: Order, key: str, actor: Actor, now: datetime) -> int:
    """Reverse overpayment credit whose money is gone; the caller saves the order.

    Returns the minor units that were still there. What was reversed before as a mistake
    counts first: that credit is gone already.
    """
    order.use_reversed()
    unbacked = order.unbacked_minor
    if not unbacked:
        return 0
    taken_back = credit.take_back(
        customer_id=order.customer_id, amount=Money(unbacked, order.currency), reference=order.number,
        key=derived_key(key, f"take-back:{order.pk}"), actor=actor, now=now,
    )  # fmt: skip
    order.overpaid_minor -= taken_back
    return taken_back


def release_holds(order: Order, key: str, actor: Actor, now: datetime) -> int:
    """End every hold for the order, such as a checkout's; the caller saves it.

    Returns the minor units that are available again.
    """
    holds = open_holds(order.customer_id, order.currency, order.number)
    endings = [
        credit.Resolution(order.customer_id, each, derived_key(key, f"release:{each}"), Kind.RELEASE)
        for each in holds
    ]
    released = credit.accepted(credit.resolve_many(endings, actor=actor, now=now)) if endings else []
    parts = [part for each in released for part in each]
    ids = {part.credit_id for part in parts}
    freed = derived_key(key, "released")
    take_back_unbacked(order.customer_id, ids, key=freed, actor=actor, now=now, in_hand=order)
    return sum(part.amount_minor for part in parts)


def use_return_credits(order: Order, key: str, actor: Actor, now: datetime) -> int:
    """Pay what a voided payment leaves owing with the credit of the order's own returns.

    The goods are back and the money is not there: the two even out. Returns the minor units
    used; the caller saves the order.
    """
    left = min(
        order.owing_minor, max(order.returned_minor - max(0, order.paid_minor), given_without_money(order))
    )
    chosen: dict[int, int] = {}
    for each in _return_credits(order):
        if (minor := min(left, each.account.available_minor)) > 0 and not each.has_expired(now):
            chosen[each.id] = minor
            left -= minor
    if chosen:
        used = sum(chosen.values())
        credit.spend(
            customer_id=order.customer_id, amount=Money(used, order.currency), reference=order.number,
            credits=chosen, key=derived_key(key, "returns"), actor=actor, now=now,
        )  # fmt: skip
        order.credit_used_minor += used
    return sum(chosen.values())


def _return_credits(order: Order) -> Iterable[Credit]:
    return Credit.objects.filter(
        customer_id=order.customer_id,
        currency=order.currency,
        source=Source.RETURN,
        order_reference=order.number,
    ).select_related("account")


def take_back_unbacked(
    customer_id: int,
    credit_ids: Collection[int],
    *,
    key: str,
    actor: Actor,
    now: datetime,
    in_hand: Order | None = None,
) -> None:
    """Something of these credits is available again: take back what their orders no longer back.

    `in_hand` is an order that the caller changes and saves itself.
    """
    if in_hand is None and not _any_unbacked(customer_id, credit_ids):
        return
    for order in source_orders(customer_id, credit_ids):
        mine = order if in_hand is None or order.pk != in_hand.pk else in_hand
        owed_before = mine.owing_minor
        take_back(mine, key, actor, now)
        if mine is not in_hand:
            _save(mine, owed_before)


def _any_unbacked(customer_id: int, credit_ids: Collection[int]) -> bool:
    """Nearly always there is none: this must cost nothing."""
    return bool(statements.select(*unbacked_among([(customer_id, each) for each in credit_ids])))


def unbacked_among(credits: Collection[tuple[int, int]]) -> Query:
    """Those of these (customer_id, credit_id) that `take_back_unbacked` may take something of."""
    wanted, parameters = statements.wanted({"customer_id": "bigint", "id": "bigint"}, credits)
    return Query(
        f"SELECT c.customer_id, c.id FROM {wanted} CROSS JOIN credit_credit AS c JOIN orders_order AS o "
        f"ON o.customer_id = c.customer_id AND o.number = {_SOURCE} WHERE c.customer_id = wanted.customer_id "
        f"AND c.id = wanted.id AND c.source <> %s AND {_UNBACKED}",
        [*parameters, Source.MANUAL.value],
    )


def book_reversals(
    customer_id: int, reversed_minor: Mapping[int, int], *, key: str, actor: Actor, now: datetime
) -> None:
    """Tell the orders of overpayment credits how much of each {credit id: minor} was reversed."""
    for each in Credit.objects.filter(
        customer_id=customer_id, id__in=reversed_minor, source=Source.OVERPAYMENT
    ):
        order = Order.objects.get(customer_id=customer_id, number=each.source_reference)
        owed_before = order.owing_minor
        order.reversed_minor += reversed_minor[each.id]
        take_back(order, key, actor, now)
        _save(order, owed_before)


def source_orders(customer_id: int, credit_ids: Collection[int]) -> list[Order]:
    """The orders whose money stands behind these credits: overpaid, or with goods that came back."""
    numbers = set(_sources(customer_id, credit_ids).values())
    return list(Order.objects.filter(customer_id=customer_id, number__in=numbers).order_by("id"))


def _sources(customer_id: int, credit_ids: Collection[int]) -> dict[int, str]:
    """credit id -> the number of the order whose money stands behind it; without those given by hand."""
    rows = Credit.objects.filter(customer_id=customer_id, id__in=credit_ids).exclude(source=Source.MANUAL)
    return {
        each.id: each.order_reference if each.source == Source.RETURN else each.source_reference
        for each in rows
    }


def given_without_money(order: Order, known: dict[int, int] | None = None) -> int:
    """How much more the order gave than came in for it, in minor units (R7).

    It gave credit that can be paid out, and what its gateways paid back past Tillbook. What came in is money,
    and refundable credit as far as there is money behind that: goodwill that pays an order puts none into it.
    `known` remembers what was found of each order, by its id.
    """
    known = {} if known is None else known
    if order.pk in known:
        return known[order.pk]
    known[order.pk] = 0  # what pays itself in a circle has no less behind it for that
    returned = _returned_as_refundable(order) if order.returned_minor else 0
    gave = max(0, order.overpaid_minor - order.reversed_minor) + returned
    # Gateways alone pay back no more than what came in by them.
    gave += _paid_back(order) if gave else 0
    if gave > order.received_minor and len(known) < _FARTHEST:
        known[order.pk] = max(0, gave - order.received_minor - _backed(order, known))
    return known[order.pk]


def _paid_back(order: Order) -> int:
    """What gateways paid back of the order's charges past Tillbook, in minor units."""
    rows = Payment.objects.filter(order=order, voided_at=None, paid_back_minor__gt=0)
    return sum(rows.values_list("paid_back_minor", flat=True))


def _backed(order: Order, known: dict[int, int]) -> int:
    """What refundable credit paid of the order, as far as there is money behind that credit."""
    paid = refundable_spent(order.customer_id, order.number)
    sources = _sources(order.customer_id, paid)
    by_number: defaultdict[str, int] = defaultdict(int)
    for credit_id, number in sources.items():
        by_number[number] += paid[credit_id]
    backed = sum(paid.values())
    for each in source_orders(order.customer_id, sources):
        if each.pk != order.pk:
            missing = max(each.unbacked_minor, given_without_money(each, known))
            backed -= min(by_number[each.number], missing)
    return backed


def _returned_as_refundable(order: Order) -> int:
    """What the order's returns gave as credit that can be paid out, and was not reversed."""
    issued = {each.id: each.issued_minor for each in _return_credits(order) if each.refundable}
    reversed_minor = sum(reversed_of(order.customer_id, issued.keys()).values()) if issued else 0
    return sum(issued.values()) - reversed_minor


def refundable_left(order: Order) -> int:
    """How much of the order may come back as credit that can be paid out, in minor units (R7).

    What came in as money or as refundable credit, less what came back so already and was not
    reversed. The rest was paid with goodwill or promotions, which never turn into cash.
    """
    return _unreturned(order, _backed(order, {order.pk: 0}))


def _unreturned(order: Order, credited: int | None = None) -> int:
    """What came in as money or refundable credit, less what its returns gave back as such, in minor units.

    `credited` is how much refundable credit counts; without it, all that paid the order.
    """
    if credited is None:
        credited = sum(refundable_spent(order.customer_id, order.number).values())
    money = max(0, order.received_minor - order.overpaid_minor)
    return max(0, money + credited - _returned_as_refundable(order))
