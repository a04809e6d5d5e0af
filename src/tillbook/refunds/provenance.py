"""The way of the money, both ways: what credits arose from, which of them paid what, where each cent went."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tillbook.common.numbering import row_id
from tillbook.credit.models import Credit, Source
from tillbook.credit.provenance import Goal, Way, Whereabouts, ways, whereabouts
from tillbook.credit.queries import transfers_of_document
from tillbook.ledger.models import Transfer
from tillbook.orders.models import Order
from tillbook.orders.provenance import Portion, payments_behind
from tillbook.refunds.models import Refund
from tillbook.returns.models import Rma


@dataclass(frozen=True, slots=True)
class Origin:
    """What a credit arose from: an order's payments, a return, or a person's hand.

    `order` is the one that was paid too much, or whose goods came back.
    """

    credit: Credit
    order: Order | None = None
    rma: Rma | None = None
    portions: Sequence[Portion] = ()

    @property
    def nameless_minor(self) -> int:
        """What of an overpayment came with no payment that is known, as in imported orders."""
        if self.credit.source != Source.OVERPAYMENT:
            return 0
        return self.credit.issued_minor - sum(portion.amount_minor for portion in self.portions)


@dataclass(frozen=True, slots=True)
class Part:
    """What one credit gave, in minor units, and what that credit arose from."""

    origin: Origin
    amount_minor: int
    way: Way | None = None  # to an order: what went there, what came back, what is only held

    @property
    def credit(self) -> Credit:
        return self.origin.credit


@dataclass(frozen=True, slots=True)
class CreditProvenance:
    """A credit's whole way: `orders` and `refunds` are what its ways name, by their numbers."""

    origin: Origin
    whereabouts: Whereabouts
    orders: Mapping[str, Order]
    refunds: Mapping[str, Refund]


@dataclass(frozen=True, slots=True)
class RefundProvenance:
    """Which credits a refund's money came from."""

    refund: Refund
    parts: Sequence[Part]

    @property
    def total_minor(self) -> int:
        return sum(part.amount_minor for part in self.parts)

    @property
    def adds_up(self) -> bool:
        """Whether the parts are just the refund's amount; else the book is broken."""
        return self.total_minor == self.refund.amount_minor


def of_credit(credit: Credit, transfers: Iterable[Transfer] | None = None) -> CreditProvenance:
    """Where the credit came from and where each cent of it is.

    The credit comes with its account; `transfers` are all of its own, if they are at hand.
    """
    where = whereabouts(credit, transfers)
    origin = origins_of([credit])[credit.id]
    numbers = {way.reference for way in where.ways if way.goal != Goal.EXPIRY}
    orders = Order.objects.filter(customer_id=credit.customer_id, number__in=numbers)
    ids = [refund_id for number in numbers if (refund_id := row_id("RF", number)) is not None]
    refunds = Refund.objects.filter(customer_id=credit.customer_id, pk__in=ids)
    return CreditProvenance(
        origin, where, {each.number: each for each in orders}, {each.number: each for each in refunds}
    )


def of_refund(refund: Refund) -> RefundProvenance:
    """Which credits the refund comes out of, and what each arose from; the refund comes with its sources."""
    sources = sorted(refund.sources.all(), key=lambda source: source.pk)
    origins = origins_of([source.credit for source in sources])
    parts = [Part(origins[source.credit_id], source.amount_minor) for source in sources]
    return RefundProvenance(refund, parts)


def of_order(order: Order) -> list[Part]:
    """Which credits pay the order or are held for it, what came back to them, and what each arose from."""
    rows = transfers_of_document(order.customer_id, order.number)
    found = [way for way in ways(rows) if way.goal == Goal.ORDER]
    credits = Credit.objects.filter(customer_id=order.customer_id, id__in={way.credit_id for way in found})
    origins = origins_of(list(credits))
    return [Part(origins[way.credit_id], way.stays_minor, way) for way in found]


def origins_of(credits: Collection[Credit]) -> dict[int, Origin]:
    """credit id -> what it arose from, for credits of one customer: as many queries for one as for all."""
    if not credits:
        return {}
    customer_id = next(iter(credits)).customer_id
    numbers = {_order_number(each) for each in credits} - {""}
    orders = {each.number: each for each in Order.objects.filter(customer_id=customer_id, number__in=numbers)}
    returned = {each.source_reference for each in credits if each.source == Source.RETURN}
    ids = [rma_id for number in returned if (rma_id := row_id("RMA", number)) is not None]
    rmas = {each.number: each for each in Rma.objects.filter(customer_id=customer_id, pk__in=ids)}
    portions = payments_behind(credits)
    return {
        each.id: Origin(
            each,
            orders.get(_order_number(each)),
            rmas.get(each.source_reference) if each.source == Source.RETURN else None,
            portions.get(each.id, ()),
        )
        for each in credits
    }


def _order_number(credit: Credit) -> str:
    return credit.order_reference if credit.source == Source.RETURN else credit.source_reference
