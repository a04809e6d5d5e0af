"""What happens to returns: opened, closed with a credit or without, cancelled.

An open RMA already counts on its order lines, so that two of them never return the same goods.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.checks import check_minor, check_past, check_text
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import Money, check_amount
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import payers_of
from tillbook.credit.terms import Terms, terms_of
from tillbook.customers.queries import by_id as customer_by_id
from tillbook.events.services import NewEvent, content_of, derived_key, record, replay
from tillbook.ledger.models import House
from tillbook.orders import services as orders
from tillbook.orders.lines import MAX_QUANTITY, share_of_line
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.services import ReturnClaim
from tillbook.orders.settling import refundable_left
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.queries import RmaNotFound
from tillbook.shop.policies import shop


class DocumentTaken(Refusal):
    """Another RMA stands for that document."""

    code = "document_taken"


@dataclass(frozen=True, slots=True)
class RmaLineInput:
    """What comes back of a line. Quantity 0: money back, the goods stay.

    `amount_minor` None: the share of the order line's amount that the quantity is worth.
    """

    order_line_id: int | None
    sku: str
    description: str
    quantity: int
    amount_minor: int | None


#: state -> the states it may become
TRANSITIONS: dict[str, frozenset[str]] = {
    Rma.Status.OPEN: frozenset({Rma.Status.CLOSED, Rma.Status.CANCELLED}),
    Rma.Status.CLOSED: frozenset(),
    Rma.Status.CANCELLED: frozenset(),
}


@transaction.atomic
def open_rma(
    *,
    customer_id: int,
    currency: str,
    order_id: int | None,
    lines: Sequence[RmaLineInput],
    shipping_minor: int = 0,
    surcharge_minor: int = 0,
    reason: str,
    note: str = "",
    public_note: str = "",
    document: str | None = None,
    opened_at: datetime | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> Rma:
    """Open a return, of an order or without one; it awaits its outcome. Amounts in minor units.

    With `order_id` every line is of that order. Without, a line may name an order line of the
    customer, or none. Raises ReturnExceedsOrder, ReturnExceedsPaid, CurrencyMismatch,
    DocumentTaken, InvalidInput, KeyReused.
    """
    actor.require(Permission.WORK_RETURNS)
    credit.lock(customer_by_id(customer_id).pk, currency)
    content = content_of(
        "rma.opened", currency=currency, order_id=order_id, lines=list(lines), shipping_minor=shipping_minor,
        surcharge_minor=surcharge_minor, reason=reason, note=note, public_note=public_note,
        document=document, opened_at=opened_at,
    )  # fmt: skip
    if (first := replay(customer_id, key, content)) is not None:
        return Rma.objects.get(pk=first.data["id"])
    check_past(opened_at, now, field="opened_at")
    for field, text in (("note", note), ("public_note", public_note)):
        check_text(text, field=field, longest=10_000)
    rma = Rma(
        customer_id=customer_id, order_id=order_id, document=_checked_document(document), currency=currency,
        reason=_checked_reason(reason), note=note, public_note=public_note, shipping_minor=shipping_minor,
        surcharge_minor=surcharge_minor, opened_by=actor.name, opened_at=opened_at or now,
    )  # fmt: skip
    priced = _with_amounts(rma, lines)
    _claim(rma, priced)
    _insert(rma, priced)
    _record("rma.opened", rma, actor, now, key, content)
    return rma


def _checked_reason(reason: str) -> str:
    known = shop().return_reasons
    if reason not in known or not known[reason].on:
        ways = ", ".join(each.code for each in known.values() if each.on)
        raise InvalidInput(f"Nothing comes back for {reason[:60]!r}. Use one of {ways}.", field="reason")
    return str(reason)


def _checked_document(document: str | None) -> str | None:
    if not document:
        return None
    if len(document) > 50:
        raise InvalidInput("A document number has at most 50 characters.", field="document")
    if Rma.objects.filter(document=document).exists():
        raise DocumentTaken(f"There is already an RMA for {document}.", field="document")
    return document


def _with_amounts(rma: Rma, lines: Sequence[RmaLineInput]) -> list[RmaLineInput]:
    """The lines checked, their amounts filled in; sets the RMA's total."""
    ids = [line.order_line_id for line in lines if line.order_line_id is not None]
    known = {row.pk: row for row in OrderLine.objects.filter(pk__in=ids).select_related("order")}
    priced = [_with_amount(line, known) for line in lines]
    for line in lines:
        _check_line(rma, line, known)
    for field, minor in (("shipping", rma.shipping_minor), ("surcharge", rma.surcharge_minor)):
        check_minor(minor, field=field, what=f"The {field}")
    amounts = sum(line.amount_minor or 0 for line in priced)
    rma.total_minor = check_amount(amounts + rma.shipping_minor + rma.surcharge_minor)
    return priced


def _with_amount(line: RmaLineInput, known: dict[int, OrderLine]) -> RmaLineInput:
    if not 0 <= line.quantity <= MAX_QUANTITY:
        raise InvalidInput(f"{line.sku}: the quantity must be from 0 to {MAX_QUANTITY}.", field="lines")
    row = known.get(line.order_line_id or 0)
    if line.amount_minor is None:
        if row is None:
            raise InvalidInput(f"{line.sku}: enter the amount to give back.", field="lines")
        return replace(line, amount_minor=share_of_line(row, line.quantity))
    check_minor(line.amount_minor, field="lines", what=f"{line.sku}: the amount")
    if row is not None and line.quantity and line.quantity <= row.quantity - row.returned_quantity:
        share = share_of_line(row, line.quantity)
        if line.amount_minor > share:
            raise InvalidInput(
                f"{line.sku}: {line.quantity} of it are worth {Money(share, row.order.currency)}. "
                "Enter that or less.",
                field="lines",
            )
    return line


def _check_line(rma: Rma, line: RmaLineInput, known: dict[int, OrderLine]) -> None:
    if not line.sku.strip() or len(line.sku) > 60 or len(line.description) > 300:
        raise InvalidInput(
            "Each line needs a SKU of at most 60 and a description of at most 300 characters.", field="lines"
        )
    if line.order_line_id is None:
        if rma.order_id is not None:
            raise InvalidInput(f"{line.sku}: name the order line that comes back.", field="lines")
        return
    row = known.get(line.order_line_id)
    if row is None or row.order.customer_id != rma.customer_id:
        raise InvalidInput(f"{line.sku}: this customer has no such order line.", field="lines")
    if rma.order_id is not None and row.order_id != rma.order_id:
        raise InvalidInput(f"{line.sku} is a line of another order.", field="lines")


def _claim(rma: Rma, lines: Sequence[RmaLineInput]) -> None:
    """Count the return on each order that it takes from."""
    if rma.order_id is not None:
        order = orders.order_of_customer(rma.order_id, rma.customer_id)
        _check_currency(rma, order.number, order.currency)
    for order_id, claims in _claims(rma, lines).items():
        order = orders.order_of_customer(order_id, rma.customer_id)
        _check_currency(rma, order.number, order.currency)
        shipping, surcharge = _extras(rma, order_id)
        orders.claim_return(order_id, lines=claims, shipping_minor=shipping, surcharge_minor=surcharge)


def _claims(rma: Rma, lines: Sequence[RmaLineInput]) -> dict[int, list[ReturnClaim]]:
    """order id -> what comes back of its lines; the RMA's own order also without lines."""
    ids = [line.order_line_id for line in lines if line.order_line_id is not None]
    order_of = dict(OrderLine.objects.filter(pk__in=ids).values_list("pk", "order_id"))
    claims: dict[int, list[ReturnClaim]] = defaultdict(list)
    if rma.order_id is not None:
        claims[rma.order_id] = []
    for line in lines:
        if line.order_line_id is not None:
            claim = ReturnClaim(line.order_line_id, line.quantity, line.amount_minor or 0)
            claims[order_of[line.order_line_id]].append(claim)
    return claims


def _extras(rma: Rma, order_id: int) -> tuple[int, int]:
    """Shipping and surcharge that come back of this order: only the RMA's own order has them."""
    return (rma.shipping_minor, rma.surcharge_minor) if order_id == rma.order_id else (0, 0)


def _check_currency(rma: Rma, number: str, currency: str) -> None:
    if currency != rma.currency:
        raise credit.CurrencyMismatch(
            f"Order {number} is in {currency}, not in {rma.currency}.", field="currency"
        )


def _insert(rma: Rma, lines: Sequence[RmaLineInput]) -> None:
    try:
        # A savepoint: another customer's return may take the document's number at the same moment.
        with transaction.atomic():
            rma.save(force_insert=True)
    except IntegrityError as error:
        raise DocumentTaken(f"There is already an RMA for {rma.document}.", field="document") from error
    RmaLine.objects.bulk_create(
        RmaLine(
            rma=rma, position=position, order_line_id=line.order_line_id, sku=line.sku,
            description=line.description, quantity=line.quantity, amount_minor=line.amount_minor or 0,
        )
        for position, line in enumerate(lines, start=1)
    )  # fmt: skip


@transaction.atomic
def close(rma_id: int, *, key: str, actor: Actor, now: datetime) -> Rma:
    """Close RMA & Issue Credits: its total becomes credit, with an adjustment note.

    Raises WrongState, ReturnExceedsPaid when a payment was voided meanwhile, LimitExceeded for
    staff where more than their limit is without an order, RmaNotFound, KeyReused.
    """
    actor.require(Permission.WORK_RETURNS)
    rma = _locked(rma_id)
    content = content_of("rma.closed", rma_id=rma_id)
    if replay(rma.customer_id, key, content) is not None:
        return rma
    _check_move(rma, Rma.Status.CLOSED)
    claims = _claims(rma, _written_lines(rma))
    for order_id in claims:
        orders.check_returns_are_paid(order_id)
    _check_limit(rma, claims, actor)
    issued = _issue(rma, claims, key, actor, now)
    rma.credit_id = issued.id
    _end(rma, Rma.Status.CLOSED, Rma.Outcome.CREDIT, now)
    _record("rma.closed", rma, actor, now, key, content, issued.number)
    return rma


def _issue(rma: Rma, claims: dict[int, list[ReturnClaim]], key: str, actor: Actor, now: datetime) -> Credit:
    """Issue the return's credit; what was paid with goodwill comes back as what it was, on its own.

    Returns the first of at most two credits: goodwill and promotions never turn into cash.
    """
    rows = {order_id: Order.objects.get(pk=order_id) for order_id in claims}
    amounts = {order_id: _amount_of(rma, order_id, claims[order_id]) for order_id in claims}
    tied = sum(max(0, amounts[each] - refundable_left(rows[each])) for each in claims)
    terms = terms_of(Source.RETURN, now)
    parts = [
        ("credit", terms, rma.total_minor - tied),
        ("credit-not-refundable", Terms(False, _expiry_of_goodwill(rma, rows.values(), now)), tied),
    ]
    issued = [
        credit.issue(
            customer_id=rma.customer_id, amount=Money(minor, rma.currency), source=Source.RETURN,
            house=House.SALES_RETURNS, reason=rma.reason, reference=rma.number,
            refundable=terms.refundable, expires_at=terms.expires_at, effective_at=now,
            note=rma.note, public_note=rma.public_note,
            order_reference=rma.order.number if rma.order else "",
            key=derived_key(key, purpose), actor=actor, now=now,
        )
        for purpose, terms, minor in parts
        if minor
    ]  # fmt: skip
    return issued[0]


def _amount_of(rma: Rma, order_id: int, claims: Sequence[ReturnClaim]) -> int:
    return sum(claim.amount_minor for claim in claims) + sum(_extras(rma, order_id))


def _expiry_of_goodwill(rma: Rma, paid: Iterable[Order], now: datetime) -> datetime | None:
    """The last expiry of the goodwill that paid the orders, or the grace period if that has passed."""
    credits = payers_of(rma.customer_id, [order.number for order in paid], refundable=False)
    expiries = [each.expires_at for each in credits]
    if not expiries or None in expiries:
        return None
    last = max(each for each in expiries if each is not None)
    return last if last > now else now + timedelta(days=shop().policies[Source.RETURN].grace_days)


def _check_limit(rma: Rma, claims: dict[int, list[ReturnClaim]], actor: Actor) -> None:
    """What no order backs is credit given by hand, and staff give at most their limit."""
    claimed = sum(claim.amount_minor for lines in claims.values() for claim in lines)
    extras = rma.shipping_minor + rma.surcharge_minor if rma.order_id is not None else 0
    without_order = rma.total_minor - claimed - extras
    limit = Money(shop().staff_credit_limit_minor, shop().currency)
    over = without_order > limit.minor or rma.currency != limit.currency
    if actor.role == Role.STAFF and without_order and over:
        raise credit.LimitExceeded(
            f"Staff may credit at most {limit} without an order. Ask an admin to close {rma.number}."
        )


@transaction.atomic
def close_without_credit(rma_id: int, *, note: str, actor: Actor, now: datetime) -> Rma:
    """Close the RMA with nothing given back; its order lines may be returned again.

    Again on an RMA that ended so: nothing more happens. Raises WrongState, RmaNotFound.
    """
    actor.require(Permission.WORK_RETURNS)
    rma = _locked(rma_id)
    if rma.outcome == Rma.Outcome.NO_CREDIT:
        return rma
    _check_move(rma, Rma.Status.CLOSED)
    _release(rma)
    _end(rma, Rma.Status.CLOSED, Rma.Outcome.NO_CREDIT, now)
    _record("rma.closed_without_credit", rma, actor, now, note=note)
    return rma


@transaction.atomic
def cancel(rma_id: int, *, reason: str, actor: Actor, now: datetime) -> Rma:
    """Cancel an open RMA, as if nothing had been announced.

    Again on a cancelled one: nothing more happens. Raises WrongState, InvalidInput, RmaNotFound.
    """
    actor.require(Permission.WORK_RETURNS)
    rma = _locked(rma_id)
    if rma.status == Rma.Status.CANCELLED:
        return rma
    _check_move(rma, Rma.Status.CANCELLED)
    if not reason.strip():
        raise InvalidInput("Say why.", field="reason")
    _release(rma)
    _end(rma, Rma.Status.CANCELLED, Rma.Outcome(rma.outcome), now)
    _record("rma.cancelled", rma, actor, now, note=reason)
    return rma


def _locked(rma_id: int) -> Rma:
    """The RMA as it stands under its customer's lock. Raises RmaNotFound."""
    found = Rma.objects.filter(pk=rma_id).values_list("customer_id", "currency").first()
    if found is None:
        raise RmaNotFound("There is no such RMA.", field="rma")
    credit.lock(*found)
    return Rma.objects.get(pk=rma_id)


def _check_move(rma: Rma, to: Rma.Status) -> None:
    if to not in TRANSITIONS[rma.status]:
        raise WrongState(f"{rma.number} is {rma.get_status_display().lower()} already.")


def _written_lines(rma: Rma) -> list[RmaLineInput]:
    return [
        RmaLineInput(line.order_line_id, line.sku, line.description, line.quantity, line.amount_minor)
        for line in RmaLine.objects.filter(rma=rma).order_by("position")
    ]


def _release(rma: Rma) -> None:
    """Take the return off the orders that it was counted on."""
    for order_id, claims in _claims(rma, _written_lines(rma)).items():
        shipping, surcharge = _extras(rma, order_id)
        orders.release_claim(order_id, lines=claims, shipping_minor=shipping, surcharge_minor=surcharge)


def _end(rma: Rma, status: Rma.Status, outcome: Rma.Outcome, now: datetime) -> None:
    rma.status, rma.outcome, rma.closed_at = status, outcome, now
    rma.save(update_fields=["status", "outcome", "closed_at", "credit_id"])


def _record(
    action: str, rma: Rma, actor: Actor, now: datetime, key: str | None = None, content: str | None = None,
    credit_number: str | None = None, note: str = "",
) -> None:  # fmt: skip
    data = {"id": rma.pk, "amount": str(Money(rma.total_minor, rma.currency))}
    if credit_number is not None:
        data |= {"credit": credit_number, "adjustment_note": str(rma.adjustment_note)}
    new = NewEvent(
        action, rma.number, rma.customer_id, key, content,
        reason=rma.reason, note=note or rma.note, public_note=rma.public_note, data=data,
    )  # fmt: skip
    record(new, actor=actor, now=now)
