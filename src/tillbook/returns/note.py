"""The adjustment note: what a return gave back, as a paper for the customer.

What it says is decided here, as plain text; a page shows that, and note.typ prints it, so that the two
say the same. Only what the customer may know: never the internal note.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tillbook.common.errors import NotFound
from tillbook.common.pdf import compiled
from tillbook.credit.queries import credits_of_document
from tillbook.customers.models import Customer
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.queries import lines_of
from tillbook.shop import papers
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("note.typ")
_DESCRIPTION = 300  # characters, as many as an order's line has
_TITLE = "Adjustment note"


class NoAdjustmentNote(NotFound):
    """The return has none: it was not closed with credit."""

    code = "no_adjustment_note"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the note says beside its label."""

    label: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class NoteLine:
    """What came back, or was given back without goods."""

    sku: str
    description: str
    quantity: str
    amount: str


@dataclass(frozen=True, slots=True)
class NoteCredit:
    """A credit that it became; `number` is empty as long as there is none."""

    number: str
    sentence: str
    amount: str


@dataclass(frozen=True, slots=True)
class Note:
    """An adjustment note as text; its number is empty in a preview."""

    title: str
    number: str
    mark: str
    shop: str
    address: Sequence[str]
    facts: Sequence[Fact]
    lines: Sequence[NoteLine]
    extras: Sequence[Fact]
    total: str
    currency: str
    credits: Sequence[NoteCredit]
    public_note: Sequence[str]
    record: Sequence[str]


def of(rma: Rma) -> Note:
    """The adjustment note of a closed return, loaded with its customer and order.

    Raises NoAdjustmentNote for one that was not closed with credit.
    """
    if rma.adjustment_note is None:
        raise NoAdjustmentNote(
            f"{rma.number} has no adjustment note: only Close RMA & Issue Credits makes one.", field="rma"
        )
    credits = credits_of_document(rma.customer_id, rma.number)
    became = [_credit(each.number, each.issued_minor, rma.currency, each.refundable) for each in credits]
    return _note(rma, lines_of(rma), became, number=rma.adjustment_note)


def render(note: Note) -> bytes:
    """The note as a PDF. Raises PdfError when the compiler warns."""
    page = papers.with_characters(asdict(note))
    return compiled(_TEMPLATE, {"note": json.dumps(page)})


def _note(rma: Rma, lines: Sequence[RmaLine], credits: Sequence[NoteCredit], *, number: str) -> Note:
    policy = shop()
    return Note(
        title=_TITLE,
        number=number,
        mark="",
        shop=papers.cut(policy.name),
        address=papers.address(policy.address),
        facts=list(_facts(rma, lines)),
        lines=[_line(line, rma.currency) for line in lines],
        extras=list(_extras(rma)),
        total=papers.money(rma.total_minor, rma.currency),
        currency=rma.currency,
        credits=credits,
        public_note=_paragraphs(rma.public_note),
        record=list(_record(rma)),
    )


def _facts(rma: Rma, lines: Sequence[RmaLine]) -> Iterator[Fact]:
    yield Fact("Customer", _customer(rma.customer))
    yield Fact("Date", [papers.day(rma.closed_at)])
    if orders := _orders(rma, lines):
        yield Fact("Order" if len(orders) == 1 else "Orders", [", ".join(orders)])
    yield Fact("Return", [rma.number])
    yield Fact("Reason", [rma.get_reason_display()])


def _customer(customer: Customer) -> list[str]:
    names = [customer.display_name, customer.company]
    own = list(dict.fromkeys(papers.cut(name) for name in names if name))  # each once, in this order
    country = [papers.cut(customer.country)] if customer.country.strip() else []
    return [*own, *papers.address(customer.postal_address), *country, papers.cut(customer.username)]


def _orders(rma: Rma, lines: Sequence[RmaLine]) -> list[str]:
    """The numbers of the orders that it adjusts: its own, or those that its lines are of."""
    if rma.order is not None:
        return [rma.order.number]
    return list(dict.fromkeys(line.order_line.order.number for line in lines if line.order_line))


def _line(line: RmaLine, currency: str) -> NoteLine:
    return NoteLine(
        sku=papers.cut(line.sku),
        description=papers.cut(line.description, _DESCRIPTION),
        quantity=str(line.quantity) if line.quantity else "no goods back",
        amount=papers.money(line.amount_minor, currency),
    )


def _extras(rma: Rma) -> Iterator[Fact]:
    for label, minor in (("Shipping", rma.shipping_minor), ("Surcharge", rma.surcharge_minor)):
        if minor:
            yield Fact(label, [papers.money(minor, rma.currency)])


def _credit(number: str, minor: int, currency: str, refundable: bool) -> NoteCredit:
    sentence = (
        "Pays orders, or is paid out on request."
        if refundable
        else "Pays orders. It can't be paid out: it was paid with goodwill or promotional credit."
    )
    return NoteCredit(number, sentence, papers.money(minor, currency))


def _paragraphs(text: str) -> list[str]:
    """The filled lines of a note, uncut."""
    return [papers.cut(line, len(line)) for line in text.splitlines() if line.strip()]


def _record(rma: Rma) -> Iterator[str]:
    yield "This note is a record of credit. It is not a payment and cannot be exchanged for money."
    if email := shop().email:
        yield f"Questions? Write to {papers.cut(email)} and name {rma.adjustment_note or rma.number}."
