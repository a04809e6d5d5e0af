"""The adjustment note: what a return gave back, as a paper for the customer.

What it says is decided here, as plain text; a page shows that, and note.typ prints it, so that the two
say the same. Only what the customer may know: never the internal note.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from tillbook.common.errors import NotFound
from tillbook.common.pdf import compiled
from tillbook.credit.models import Credit
from tillbook.credit.queries import credits_of_document
from tillbook.customers.models import Customer
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.pricing import Part, Quote
from tillbook.returns.queries import lines_of
from tillbook.shop import papers
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("note.typ")
_DESCRIPTION = 300  # characters, as many as an order's line has


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
    """A credit that it became."""

    name: str
    sentence: str
    amount: str


@dataclass(frozen=True, slots=True)
class Note:
    """An adjustment note as text, in the shop's language.

    A preview has a mark and no number; a note whose credit was reversed has both.
    """

    words: Mapping[str, str]
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
            _("%(number)s has no adjustment note: only Close RMA & Issue Credits makes one.")
            % {"number": rma.number},
            field="rma",
        )
    with papers.shops_language():
        became = [_credit(each) for each in credits_of_document(rma.customer_id, rma.number)]
        mark = pgettext("a paper", "Void") if rma.reversed_at else ""
        return _note(rma, lines_of(rma), became, number=rma.adjustment_note, mark=mark)


def preview(quote: Quote, *, now: datetime) -> Note:
    """The note that the return would have if it were closed now, for a quote without refusals."""
    rma = quote.rma
    rma.closed_at = now
    lines = [
        RmaLine(
            sku=each.sku, description=each.description, quantity=each.quantity,
            amount_minor=each.amount_minor or 0,
        )
        for each in quote.lines
    ]  # fmt: skip
    with papers.shops_language():
        became = [_became(_("Credit"), part.minor, rma.currency, part) for part in quote.parts]
        return _note(rma, lines, became, mark=_("Preview"))


def render(note: Note) -> bytes:
    """The note as a PDF. Raises PdfError when the compiler warns."""
    page = papers.with_characters(asdict(note))
    return compiled(
        _TEMPLATE,
        {"note": json.dumps(page), "logo": papers.logo(), "language": settings.LANGUAGE_CODE},
    )


def _note(
    rma: Rma, lines: Sequence[RmaLine], credits: Sequence[NoteCredit], *, number: str = "", mark: str = ""
) -> Note:
    policy = shop()
    return Note(
        words=_words(),
        number=number,
        mark=mark,
        shop=papers.cut(policy.name),
        address=papers.shop_lines(),
        facts=list(_facts(rma, lines)),
        lines=[_line(line, rma.currency) for line in lines],
        extras=list(_extras(rma)),
        total=papers.money(rma.total_minor, rma.currency),
        currency=rma.currency,
        credits=credits,
        public_note=_paragraphs(rma.public_note),
        record=list(_record(rma, number)),
    )


def _words() -> dict[str, str]:
    """Its titles and the heads of its columns."""
    return {
        "title": _("Adjustment note"), "sku": _("SKU"), "description": _("Description"),
        "quantity": _("Quantity"), "amount": _("Amount"), "total": _("Total credited"),
        "became": _("What became of it"), "note": _("Note"), "page": _("Page {page} of {pages}"),
        "gaps": _("Some characters could not be printed. Their place shows an empty box."),
    }  # fmt: skip


def _facts(rma: Rma, lines: Sequence[RmaLine]) -> Iterator[Fact]:
    yield Fact(_("Customer"), _customer(rma.customer))
    yield Fact(_("Date"), [papers.day(rma.closed_at)])
    if orders := _orders(rma, lines):
        yield Fact(_("Order") if len(orders) == 1 else _("Orders"), [", ".join(orders)])
    if rma.pk is not None:
        yield Fact(_("Return"), [rma.number])
    if rma.reversed_at is not None:
        yield Fact(_("Credit reversed"), [papers.day(rma.reversed_at)])
    if rma.reason:
        yield Fact(_("Reason"), [str(rma.get_reason_display())])


def _customer(customer: Customer) -> list[str]:
    """Their names and address; the username where it is none of these."""
    names = [papers.cut(name) for name in (customer.display_name, customer.company) if name]
    where = [*papers.address(customer.postal_address), papers.cut(customer.country)]
    lines = [*names, *where, papers.cut(customer.username)]
    return list(dict.fromkeys(line for line in lines if line))  # each once, in this order


def _orders(rma: Rma, lines: Sequence[RmaLine]) -> list[str]:
    """The numbers of the orders that it adjusts: its own, or those that its lines are of."""
    if rma.order is not None:
        return [rma.order.number]
    return list(dict.fromkeys(line.order_line.order.number for line in lines if line.order_line))


def _line(line: RmaLine, currency: str) -> NoteLine:
    return NoteLine(
        sku=papers.cut(line.sku),
        description=papers.cut(line.description, _DESCRIPTION),
        quantity=str(line.quantity) if line.quantity else _("no goods back"),
        amount=papers.money(line.amount_minor, currency),
    )


def _extras(rma: Rma) -> Iterator[Fact]:
    for label, minor in ((_("Shipping"), rma.shipping_minor), (_("Surcharge"), rma.surcharge_minor)):
        if minor:
            yield Fact(label, [papers.money(minor, rma.currency)])


def _credit(credit: Credit) -> NoteCredit:
    name = _("Credit %(number)s") % {"number": credit.number}
    return _became(name, credit.issued_minor, credit.currency, credit)


def _became(name: str, minor: int, currency: str, terms: Credit | Part) -> NoteCredit:
    uses = (
        _("Pays orders, or is paid out on request.")
        if terms.refundable
        else _("Pays orders. It can't be paid out.")
    )
    if terms.expires_at is not None:
        until = _("It can be used until %(day)s.") % {"day": papers.last_day(terms.expires_at)}
        uses = f"{uses} {until}"
    return NoteCredit(name, uses, papers.money(minor, currency))


def _paragraphs(text: str) -> list[str]:
    """The filled lines of a note, uncut."""
    return [papers.cut(line, len(line)) for line in text.splitlines() if line.strip()]


def _record(rma: Rma, number: str) -> Iterator[str]:
    if rma.reversed_at is not None:
        yield _("The credit was given by mistake and taken back: this note is void.")
    yield _("This note is a record of credit. It is not a payment and cannot be exchanged for money.")
    if (email := shop().email) and number:
        asks = _("Questions? Write to %(email)s and name %(number)s.")
        yield asks % {"email": papers.cut(email), "number": number}
