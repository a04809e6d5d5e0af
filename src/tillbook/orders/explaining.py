"""What the figures of orders come from, for the explanation of a difference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tillbook.common.money import Money
from tillbook.credit.explaining import Step, Trace, points_of_sum, step_of
from tillbook.credit.models import Source
from tillbook.credit.queries import credits_of_document, transfers_of_credit, transfers_of_document
from tillbook.credit.recalculation import Difference
from tillbook.events.models import Event
from tillbook.events.queries import history_of_subject, last_of_subjects
from tillbook.ledger.book import Line
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.orders.models import Order, Payment

_MOVING = (Kind.POST, Kind.CAPTURE)


def trace(orders: Sequence[Order], difference: Difference) -> Trace:
    """What a figure of one of these orders, or what is owing on them, comes from."""
    if not difference.entry:
        return Trace(made_of=_owing(orders, difference.stored.currency))
    order = next(each for each in orders if each.number == difference.entry)
    if difference.figure == "received":
        return _sum(_payments(order))
    if difference.figure == "paid with credit":
        return _sum(_transfers(order, House.ORDERS, -1))
    if difference.figure == "overpaid":
        return _sum(_transfers(order, House.RECEIPTS, 1), checked=False)
    return _sum(_reversals(order), checked=False)


def _sum(steps: Sequence[tuple[Step, int]], *, checked: bool = True) -> Trace:
    return Trace(points_of_sum(steps), [step for step, _ in steps], checked=checked)


def _owing(orders: Sequence[Order], currency: str) -> list[Step]:
    """The orders of the currency on which something is owing, each by what changed it last, oldest first."""
    owed = [each for each in orders if each.currency == currency and each.owing_minor]
    if not owed:
        return []
    changes = last_of_subjects(owed[0].customer_id, [each.number for each in owed])
    steps = [_owed(each, changes.get(each.number)) for each in owed]
    return sorted(steps, key=lambda step: step.at)


def _owed(order: Order, change: Event | None) -> Step:
    amount = Money(order.owing_minor, order.currency)
    if change is None:
        return Step(order.number, None, "order", "owing", amount, "", "", "", order.created_at)
    what = f"{_words(change.action)}, owing"
    return Step(
        order.number, None, change.action, what, amount, "", "", change.actor_name, change.recorded_at
    )


def _words(action: str) -> str:
    return action.replace(".", " ").replace("_", " ")


def _payments(order: Order) -> list[tuple[Step, int]]:
    """The order's payments as they were recorded, and the voids of some, each with what it adds."""
    events = history_of_subject(order.number, customer_id=order.customer_id, limit=1_000)
    voided_by = {event.recorded_at: event.actor_name for event in events if event.action == "payment.voided"}
    steps = []
    for row in Payment.objects.filter(order=order):
        amount = Money(row.amount_minor, order.currency)
        reference = "" if row.reference == order.number else row.reference
        by, at = row.recorded_by, row.recorded_at
        received = Step(order.number, None, "payment", "payment received", amount, reference, "", by, at)
        steps.append((received, amount.minor))
        if row.voided_at is not None:
            by, at = voided_by.get(row.voided_at, ""), row.voided_at
            void = Step(order.number, None, "void", "payment voided", amount, reference, "", by, at)
            steps.append((void, -amount.minor))
    return sorted(steps, key=lambda each: each[0].at)


def _transfers(order: Order, house: House, sign: int) -> list[tuple[Step, int]]:
    """The transfers between credits and that house because of the order; `sign` is that of inward ones."""
    rows = transfers_of_document(order.customer_id, order.number)
    wanted = (row for row in rows if row.house == house and row.kind in _MOVING)
    return [(_step(row, order), sign * row.amount_minor * (1 if row.inward else -1)) for row in wanted]


def _reversals(order: Order) -> list[tuple[Step, int]]:
    """The captures that reversed credit of the order's overpayments as a mistake."""
    rows: Iterable[Transfer] = (
        row
        for credit in credits_of_document(order.customer_id, order.number)
        if credit.source == Source.OVERPAYMENT
        for row in transfers_of_credit(credit)
        if row.house == House.RECEIPTS and row.kind == Kind.CAPTURE
    )
    return [(_step(row, order), row.amount_minor) for row in sorted(rows, key=lambda row: row.recorded_at)]


def _step(row: Transfer, order: Order) -> Step:
    return step_of(Line._make(getattr(row, name) for name in Line._fields), order.currency)
