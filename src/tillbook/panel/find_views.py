"""The search box on every page: people by their words, documents by their number."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.errors import NotFound
from tillbook.common.numbering import public_number
from tillbook.credit import holds
from tillbook.credit import queries as credits
from tillbook.credit.models import Source
from tillbook.customers import queries as customers
from tillbook.customers.models import Customer
from tillbook.events.queries import moved_for
from tillbook.orders import queries as orders
from tillbook.orders.models import Order
from tillbook.panel.customer_list import Row, with_balances
from tillbook.panel.edge import PanelRequest, read_only
from tillbook.panel.forms import FindForm
from tillbook.panel.words import what_happened
from tillbook.refunds import asks
from tillbook.refunds import queries as refunds
from tillbook.returns import queries as returns

_WHILE_TYPING = 6  # of each kind
_ON_ITS_PAGE = 50

_FROM = {
    Source.OVERPAYMENT: gettext_lazy("from an order"),
    Source.RETURN: gettext_lazy("from an RMA"),
    Source.MANUAL: gettext_lazy("given by hand"),
}

_HOLD_STATES = {
    "held": gettext_lazy("Held"),
    "captured": gettext_lazy("Used"),
    "released": gettext_lazy("Released"),
}

_NUMBER = re.compile(r"(?:(CR|RF|RMA|PAY|ASK|HO)[- ]?)?([1-9][0-9]{3,17})", re.ASCII | re.IGNORECASE)


class Document(NamedTuple):
    """A document that has the number which is looked for."""

    kind: str
    number: str
    url: str
    customer: Customer
    amount_minor: int | None
    currency: str
    state: str
    state_label: str


class Found(NamedTuple):
    """What was found for some words; `more` says that there are other customers."""

    documents: Sequence[Document]
    customers: Sequence[Row]
    more: bool

    def __bool__(self) -> bool:
        return bool(self.documents or self.customers)


@read_only
def find(request: PanelRequest) -> HttpResponse:
    """What is found, as a page; while somebody types, as the part of one that the box shows."""
    form = FindForm(request.GET)
    q = form.cleaned_data["q"] if form.is_valid() else ""
    typing = _is_typing(request)
    found = _found(q, _WHILE_TYPING if typing else _ON_ITS_PAGE)
    if not typing and (there := _meant(q, found)):
        return redirect(there)
    template = "panel/find/_found.html" if typing else "panel/find/find.html"
    return render(request, template, {"q": q, "form": form, "found": found})


def _is_typing(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def _found(q: str, limit: int) -> Found:
    if not q:
        return Found([], [], more=False)
    people = customers.search(q, limit=limit + 1)
    documents = [*_numbered(q), *map(_order, orders.beginning_with(q, limit=limit))]
    if not documents:
        documents = list(_of_checkouts(q, limit))
    return Found(documents, with_balances(people[:limit]), more=len(people) > limit)


def _meant(q: str, found: Found) -> str | None:
    """The one page that was asked for by its whole name, or that is all there is."""
    exact = [each.url for each in found.documents if each.number.lower() == q.lower()]
    exact += [_page_of(row) for row in found.customers if row.customer.username.lower() == q.lower()]
    everything = [each.url for each in found.documents] + [_page_of(row) for row in found.customers]
    if len(exact) == 1:
        return exact[0]
    return everything[0] if len(everything) == 1 and not found.more else None


def _page_of(row: Row) -> str:
    return reverse("panel:customer", args=[row.customer.username])


def _numbered(q: str) -> Iterator[Document]:
    """The credit, refund, return or payment of that number; without a prefix all that have it."""
    match = _NUMBER.fullmatch(q)
    if match is None:
        return
    for prefix, document in _DOCUMENTS.items():
        if match[1] is None or match[1].upper() == prefix:
            with suppress(NotFound):
                yield document(f"{prefix}-{match[2]}")


def _refund(number: str) -> Document:
    refund = refunds.by_number(number)
    state = (refund.status, refund.get_status_display())
    return _document("refund", refund.get_kind_display(), refund, refund.amount_minor, state)


def _ask(number: str) -> Document:
    ask = asks.by_number(number)
    state = (ask.status, ask.get_status_display())
    return _document("ask", _("Asked for by a customer"), ask, ask.amount_minor, state)


def _credit(number: str) -> Document:
    credit = credits.by_number(number)
    return _document(
        "credit", _("Credit"), credit, credit.issued_minor, ("", str(_FROM[Source(credit.source)]))
    )


def _rma(number: str) -> Document:
    rma = returns.by_number(number)
    return _document("rma", _("RMA"), rma, None, (rma.status, rma.get_status_display()))


def _payment(number: str) -> Document:
    payment = orders.payment_by_number(number)
    state = ("cancelled", _("Voided")) if payment.voided_at else ("", payment.order.number)
    order, url = payment.order, reverse("panel:order", args=[payment.order.number])
    return Document(
        _("Payment"), payment.number, url, order.customer, payment.amount_minor, order.currency, *state
    )


def _order(order: Order) -> Document:
    cancelled = order.status == Order.Status.CANCELLED
    state = (order.status, order.get_status_display()) if cancelled else (
        order.paid_status, order.get_paid_status_display()
    )  # fmt: skip
    return _document("order", _("Order"), order, order.total_minor, state)


def _hold(number: str) -> Document:
    event = holds.beginning_of(number)
    hold = holds.hold_begun_by(event)
    customer = customers.by_id(event.customer_id or 0)
    url = reverse("panel:credit", args=[public_number("CR", hold.parts[0].credit_id)])
    amount = sum(part.amount_minor for part in hold.parts)
    state = ("held" if hold.state == "held" else "", f"{_HOLD_STATES[hold.state]}: {hold.reference}")
    return Document(_("Hold"), number, url, customer, amount, hold.currency, *state)


def _of_checkouts(reference: str, limit: int) -> Iterator[Document]:
    """A document of a checkout's own to which credit went, leading to its customer."""
    for event in moved_for(reference, limit=limit):
        customer = customers.by_id(event.customer_id or 0)
        url = reverse("panel:customer", args=[customer.username])
        yield Document(
            _("Checkout's document"), reference, url, customer, None, "", "", what_happened(event.action)
        )


def _document(page: str, kind: str, row: Any, amount_minor: int | None, state: tuple[str, str]) -> Document:
    url = reverse(f"panel:{page}", args=[row.number])
    return Document(kind, row.number, url, row.customer, amount_minor, row.currency, *state)


_DOCUMENTS: dict[str, Callable[[str], Document]] = {
    "RF": _refund,
    "CR": _credit,
    "RMA": _rma,
    "PAY": _payment,
    "ASK": _ask,
    "HO": _hold,
}
