"""What happens to returns: opened, closed with a credit or without, cancelled.

An open RMA already counts on its order lines, so that two of them never return the same goods.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.checks import check_past, check_reason, check_text
from tillbook.common.errors import InvalidInput, Refusal, WrongState
from tillbook.common.money import Money, check_amount
from tillbook.common.numbering import row_id
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import credits_of_document, reversed_of
from tillbook.events.services import NewEvent, content_of, derived_key, record, replay
from tillbook.ledger.models import House
from tillbook.orders import services as orders
from tillbook.orders.services import ReturnClaim
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.pricing import (
    RmaLineInput,
    claims_of,
    extras_of,
    other_currency,
    parts_of,
    priced,
    quote,
)
from tillbook.returns.queries import RmaNotFound
from tillbook.shop.policies import shop

__all__ = [
    "TRANSITIONS", "DocumentTaken", "RmaLineInput", "book_reversals", "cancel", "close",
    "close_without_credit", "open_rma", "quote",
]  # fmt: skip


class DocumentTaken(Refusal):
    """Another RMA stands for that document."""

    code = "document_taken"


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
    close_at_once: bool = False,
    key: str,
    actor: Actor,
    now: datetime,
) -> Rma:
    """Open a return, of an order or without one; it awaits its outcome. Amounts in minor units.

    With `order_id` every line is of that order. Without, a line may name an order line of the
    customer, or none. `close_at_once` closes it with its credit in the same transaction, under the
    same key. Raises ReturnExceedsOrder, ReturnExceedsPaid, CurrencyMismatch, DocumentTaken,
    InvalidInput, KeyReused, and what `close` raises.
    """
    actor.require(Permission.WORK_RETURNS)
    credit.lock(customer_id, currency)
    content = content_of(
        "rma.opened", currency=currency, order_id=order_id, lines=list(lines), shipping_minor=shipping_minor,
        surcharge_minor=surcharge_minor, reason=reason, note=note, public_note=public_note,
        document=document, opened_at=opened_at, **({"close_at_once": True} if close_at_once else {}),
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
    with_amounts, wrong = priced(rma, lines)
    if wrong:
        raise wrong[0]
    _claim(rma, with_amounts)
    check_amount(rma.total_minor)
    _insert(rma, with_amounts)
    _record("rma.opened", rma, actor, now, key, content)
    if close_at_once:
        return close(rma.pk, key=derived_key(key, "close"), actor=actor, now=now)
    return rma


def _checked_reason(reason: str) -> str:
    known = shop().return_reasons
    if reason not in known or not known[reason].on:
        ways = ", ".join(each.code for each in known.values() if each.on)
        raise InvalidInput(
            _("Nothing comes back for %(reason)r. Use one of %(ways)s.")
            % {"reason": reason[:60], "ways": ways},
            field="reason",
        )
    return str(reason)


def _checked_document(document: str | None) -> str | None:
    if not document:
        return None
    if len(document) > 50:
        raise InvalidInput(_("A document number has at most 50 characters."), field="document")
    if Rma.objects.filter(document=document).exists():
        raise DocumentTaken(
            _("There is already an RMA for %(document)s.") % {"document": document}, field="document"
        )
    return document


def _claim(rma: Rma, lines: Sequence[RmaLineInput]) -> None:
    """Count the return on each order that it takes from."""
    for order_id, claims in claims_of(rma, lines).items():
        order = orders.order_of_customer(order_id, rma.customer_id)
        if order.currency != rma.currency:
            raise other_currency(rma, order)
        shipping, surcharge = extras_of(rma, order_id)
        orders.claim_return(order_id, lines=claims, shipping_minor=shipping, surcharge_minor=surcharge)


def _insert(rma: Rma, lines: Sequence[RmaLineInput]) -> None:
    try:
        # A savepoint: another customer's return may take the document's number at the same moment.
        with transaction.atomic():
            rma.save(force_insert=True)
    except IntegrityError as error:
        raise DocumentTaken(
            _("There is already an RMA for %(document)s.") % {"document": rma.document}, field="document"
        ) from error
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
    claims = claims_of(rma, _written_lines(rma))
    for order_id in claims:
        orders.check_returns_are_paid(order_id)
    _check_limit(rma, claims, actor)
    issued = _issue(rma, claims, key, actor, now)
    rma.credit_id = issued.id
    _end(rma, Rma.Status.CLOSED, Rma.Outcome.CREDIT, now)
    _record("rma.closed", rma, actor, now, key, content, issued.number)
    return rma


def _issue(rma: Rma, claims: dict[int, list[ReturnClaim]], key: str, actor: Actor, now: datetime) -> Credit:
    """Issue the return's credits; returns the first of at most two."""
    issued = [
        credit.issue(
            customer_id=rma.customer_id, amount=Money(part.minor, rma.currency), source=Source.RETURN,
            house=House.SALES_RETURNS, reason=rma.reason, reference=rma.number, refundable=part.refundable,
            expires_at=part.expires_at, effective_at=now, note=rma.note, public_note=rma.public_note,
            order_reference=rma.order.number if rma.order else "",
            key=derived_key(key, part.purpose), actor=actor, now=now,
        )
        for part in parts_of(rma, claims, now)
    ]  # fmt: skip
    return issued[0]


def _check_limit(rma: Rma, claims: dict[int, list[ReturnClaim]], actor: Actor) -> None:
    """What no order backs is credit given by hand, and staff give at most their limit."""
    claimed = sum(claim.amount_minor for lines in claims.values() for claim in lines)
    extras = rma.shipping_minor + rma.surcharge_minor if rma.order_id is not None else 0
    without_order = rma.total_minor - claimed - extras
    limit = Money(shop().staff_credit_limit_minor, shop().currency)
    over = without_order > limit.minor or rma.currency != limit.currency
    if actor.role == Role.STAFF and without_order and over:
        raise credit.LimitExceeded(
            _("Staff may credit at most %(limit)s without an order. Ask an admin to close %(number)s.")
            % {"limit": limit, "number": rma.number}
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
    check_text(note, field="note", longest=10_000)
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
    check_reason(reason, ask=_("Say why."))
    _release(rma)
    _end(rma, Rma.Status.CANCELLED, Rma.Outcome(rma.outcome), now)
    _record("rma.cancelled", rma, actor, now, note=reason)
    return rma


def book_reversals(customer_id: int, credit_ids: Collection[int], *, actor: Actor, now: datetime) -> None:
    """These credits were reversed: a return of whose credit all was lets go of its claim on the order.

    While anything of it was spent, paid out or is still there, the claim stays. Call it under the
    customer's lock, in the transaction of the reversal.
    """
    credits = Credit.objects.filter(customer_id=customer_id, id__in=credit_ids, source=Source.RETURN)
    ids = [row_id("RMA", each.source_reference) or 0 for each in credits]
    for rma in Rma.objects.filter(customer_id=customer_id, pk__in=ids, outcome=Rma.Outcome.CREDIT):
        own = {each.id for each in credits_of_document(customer_id, rma.number)}
        if sum(reversed_of(customer_id, own).values()) == rma.total_minor:
            _release(rma)
            rma.outcome, rma.reversed_at = Rma.Outcome.REVERSED, now
            rma.save(update_fields=["outcome", "reversed_at"])
            _record("rma.credit_reversed", rma, actor, now)


def _locked(rma_id: int) -> Rma:
    """The RMA as it stands under its customer's lock. Raises RmaNotFound."""
    found = Rma.objects.filter(pk=rma_id).values_list("customer_id", "currency").first()
    if found is None:
        raise RmaNotFound(_("There is no such RMA."), field="rma")
    credit.lock(*found)
    return Rma.objects.get(pk=rma_id)


def _check_move(rma: Rma, to: Rma.Status) -> None:
    if to not in TRANSITIONS[rma.status]:
        already = {
            Rma.Status.CLOSED: _("%(number)s is closed already."),
            Rma.Status.CANCELLED: _("%(number)s is cancelled already."),
        }
        raise WrongState(already[Rma.Status(rma.status)] % {"number": rma.number})


def _written_lines(rma: Rma) -> list[RmaLineInput]:
    return [
        RmaLineInput(line.order_line_id, line.sku, line.description, line.quantity, line.amount_minor)
        for line in RmaLine.objects.filter(rma=rma).order_by("position")
    ]


def _release(rma: Rma) -> None:
    """Take the return off the orders that it was counted on."""
    for order_id, claims in claims_of(rma, _written_lines(rma)).items():
        shipping, surcharge = extras_of(rma, order_id)
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
