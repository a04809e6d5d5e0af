"""Returns of the past, taken over in batches: closed long ago, their credit issued.

A return taken over twice is found by its document's number and its key, and written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, check_currency
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, Source
from tillbook.events.services import NewEvent, check_key, content_of, derived_key, record_many
from tillbook.ledger.models import House
from tillbook.orders.imports import PastClaim, SoldLine, TakenOver, claim_latest, sort_out
from tillbook.orders.models import OrderLine
from tillbook.returns.models import Rma, RmaLine


@dataclass(frozen=True, slots=True)
class PastReturn:
    """Goods that came back at `returned_at` and were credited in full; no order is named."""

    document: str
    customer_id: int
    currency: str
    returned_at: datetime
    lines: Sequence[SoldLine]
    key: str

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    @property
    def content(self) -> str:
        return content_of(
            "rma.taken_over",
            document=self.document,
            currency=self.currency,
            returned_at=self.returned_at,
            lines=list(self.lines),
        )


@transaction.atomic
def take_over_closed(returns: Sequence[PastReturn], *, actor: Actor, now: datetime) -> TakenOver:
    """Write closed RMAs and issue their credit, in a few statements.

    Each line is linked to the customer's latest earlier order of the same sku that has enough
    left, or to none. Give the returns in the order in which they happened. Raises InvalidInput
    for a return worth nothing.
    """
    actor.require(Permission.WORK_RETURNS)
    credit.lock_many((each.customer_id, check_currency(each.currency)) for each in returns)
    numbers = {each.document: each for each in returns}
    known = Rma.objects.filter(document__in=numbers).values_list("document", flat=True)
    outcome = sort_out(numbers, {number for number in known if number is not None})
    fresh = [each for each in returns if each.document in outcome.written]
    for each in fresh:
        _check(each)
    taken_from = _claim(fresh, actor)
    rmas = Rma.objects.bulk_create(
        _rma(each, lines, actor) for each, lines in zip(fresh, taken_from, strict=True)
    )
    RmaLine.objects.bulk_create(_lines(rmas, fresh, taken_from), 5_000)
    issues = [
        _issue(rma, each, _order_number(rma, lines))
        for rma, each, lines in zip(rmas, fresh, taken_from, strict=True)
    ]
    credits = credit.accepted(credit.issue_many(issues, actor=actor, now=now))
    for rma, issued in zip(rmas, credits, strict=True):
        rma.credit_id = issued.id
    Rma.objects.bulk_update(rmas, ["credit_id"], 500)
    record_many(list(_history(rmas, fresh, credits)), actor=actor, now=now)
    return outcome


def _check(past: PastReturn) -> None:
    check_key(past.key)
    if past.total_minor <= 0 or any(line.quantity < 0 or line.amount_minor < 0 for line in past.lines):
        raise InvalidInput(f"Return {past.document} must be worth more than zero.", field="lines")


def _claim(returns: Sequence[PastReturn], actor: Actor) -> list[list[OrderLine | None]]:
    """For each return, for each of its lines: the order line it is taken from."""
    claims = [
        PastClaim(
            each.customer_id, each.currency, line.sku, line.quantity, line.amount_minor, each.returned_at
        )
        for each in returns
        for line in each.lines
    ]
    found = iter(claim_latest(claims, actor=actor))
    return [[next(found) for _ in each.lines] for each in returns]


def _rma(past: PastReturn, taken_from: Sequence[OrderLine | None], actor: Actor) -> Rma:
    orders = {line.order_id if line is not None else None for line in taken_from}
    return Rma(
        customer_id=past.customer_id,
        # An RMA belongs to an order when all of it does; otherwise only its lines know theirs.
        order_id=orders.pop() if len(orders) == 1 else None,
        document=past.document,
        currency=past.currency,
        status=Rma.Status.CLOSED,
        outcome=Rma.Outcome.CREDIT,
        reason=Rma.Reason.OTHER,
        total_minor=past.total_minor,
        opened_by=actor.name,
        opened_at=past.returned_at,
        closed_at=past.returned_at,
    )


def _lines(
    rmas: Sequence[Rma], returns: Sequence[PastReturn], taken_from: Sequence[Sequence[OrderLine | None]]
) -> Iterator[RmaLine]:
    for rma, past, order_lines in zip(rmas, returns, taken_from, strict=True):
        for position, (line, order_line) in enumerate(zip(past.lines, order_lines, strict=True), start=1):
            yield RmaLine(rma=rma, position=position, order_line=order_line, **line._asdict())


def _order_number(rma: Rma, taken_from: Sequence[OrderLine | None]) -> str:
    """The number of the order that all of the return is of; empty if there is none."""
    return next((line.order.number for line in taken_from if line and line.order_id == rma.order_id), "")


def _issue(rma: Rma, past: PastReturn, order_number: str) -> credit.Issue:
    return credit.Issue(
        customer_id=past.customer_id,
        amount=Money(past.total_minor, past.currency),
        source=Source.RETURN,
        house=House.SALES_RETURNS,
        order_reference=order_number,
        reason="return",
        reference=rma.number,
        effective_at=past.returned_at,
        key=derived_key(past.key, "credit"),
    )


def _history(
    rmas: Sequence[Rma], returns: Sequence[PastReturn], credits: Sequence[Credit]
) -> Iterator[NewEvent]:
    for rma, past, issued in zip(rmas, returns, credits, strict=True):
        amount = str(Money(past.total_minor, past.currency))
        yield NewEvent(
            "rma.opened",
            rma.number,
            past.customer_id,
            key=past.key,
            content=past.content,
            data={"amount": amount, "document": past.document, "opened_at": past.returned_at.isoformat()},
        )
        yield NewEvent(
            "rma.closed", rma.number, past.customer_id, data={"amount": amount, "credit": issued.number}
        )
