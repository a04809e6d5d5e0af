"""The running history of a customer's credit as a page shows it: what, from which document, by whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tillbook.common.errors import NotFound
from tillbook.common.numbering import public_number, row_id
from tillbook.credit import running
from tillbook.customers.models import Customer
from tillbook.exporters.lists import Coded
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.panel.credit_lines import pages_of
from tillbook.panel.edge import whole
from tillbook.shop.details import label_of
from tillbook.shop.policies import shop
from tillbook.staff.queries import names_of

_LONGEST_SEQ = 9  # with no more digits any number fits the column


@dataclass(frozen=True, slots=True)
class Line:
    """One line, in minor units: `amount` is signed, `balance` what there was after it, held or not."""

    key: str  # what `lines` takes to go on after it
    at: datetime
    what: Coded
    name: str  # of the document
    url: str  # of its page; empty if it has none
    detail: Coded | None
    credit: str
    who: str
    amount: int
    balance: int
    before: int


def lines(customer: Customer, currency: str, after: str, limit: int) -> list[Line]:
    """The customer's lines in `currency`, the newest first, those after the line of the key `after`.

    Raises NotFound if there is none such.
    """
    found = running.page_of_lines(customer.pk, currency, before=_place(after), limit=limit)
    names = names_of({line.transfer.actor for line in found})
    pages = pages_of(customer.pk, {line.transfer.reference for line in found})
    return [_line(line, names, pages) for line in found]


def _place(key: str) -> tuple[int, int] | None:
    """(credit's id, seq) of the transfer that a key names."""
    if not key:
        return None
    number, _dash, seq = key.partition("/")
    credit_id, place = row_id("CR", number), whole(seq)
    if credit_id is None or place is None or len(seq) > _LONGEST_SEQ:
        raise NotFound(_("There is no such line. Open the page again without what follows the ?."))
    return credit_id, place


def _line(line: running.Line, names: Mapping[str, str], pages: Mapping[str, str]) -> Line:
    row = line.transfer
    number = public_number("CR", row.account_id)
    reference = "" if row.reference == number else row.reference
    what, reasons = _what(row), shop().give_reasons
    return Line(
        key=f"{number}/{row.seq}",
        at=row.effective_at,
        what=Coded(what, _(what)),
        name=reference,
        url=pages.get(reference, ""),
        detail=Coded(row.reason, label_of(row.reason, reasons)) if row.reason in reasons else None,
        credit=number,
        who=names.get(row.actor, row.actor),
        amount=line.amount_minor,
        balance=line.balance_minor,
        before=line.before_minor,
    )


def _what(row: Transfer) -> str:
    if row.inward:
        return _came(row)
    if row.house == House.ORDERS:
        return gettext_noop("Paid")
    if row.house == House.PAYOUTS:
        return gettext_noop("Refund")
    if row.house == House.BREAKAGE:
        return gettext_noop("Expired")
    return gettext_noop("Reversal") if row.kind == Kind.CAPTURE else gettext_noop("Taken back for order")


def _came(row: Transfer) -> str:
    if row.house == House.ORDERS:
        return gettext_noop("Given back from")
    if row.house == House.PAYOUTS:
        return gettext_noop("Credit again from refund")
    if row.reason == "order_cancelled":
        return gettext_noop("Paid for cancelled order")
    if row.house == House.RECEIPTS and row.reference:
        return gettext_noop("Overpayment of order")
    return gettext_noop("Return") if row.house == House.SALES_RETURNS else gettext_noop("Given by hand")


def breaks_off(shown: Sequence[Line]) -> bool:
    """Whether the oldest line of all does not begin at nothing: then the account's figures are wrong."""
    return bool(shown) and shown[-1].before != 0
