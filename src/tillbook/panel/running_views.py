"""A customer's running history and all of their credits, each on a page of its own, and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.errors import NotFound
from tillbook.common.money import Money
from tillbook.credit.queries import balance_of, balances_of, by_number, page_of_credits
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username
from tillbook.exporters.lists import Cell
from tillbook.panel.edge import PanelRequest, page_of, read_only
from tillbook.panel.files import all_of, download
from tillbook.panel.running import Line, breaks_off, lines

_PAGE_SIZE = 50
_COLUMNS = {
    "date": gettext_lazy("Date"), "what": gettext_lazy("What"), "document": gettext_lazy("Document"),
    "reason": gettext_lazy("Reason"), "credit": gettext_lazy("Credit"), "by": gettext_lazy("By"),
    "amount": gettext_lazy("Amount"), "balance": gettext_lazy("Balance"),
    "currency": gettext_lazy("Currency"),
}  # fmt: skip


@read_only
def running(request: PanelRequest, username: str) -> HttpResponse:
    """The running history in the currency of `?currency=`, else in the customer's own."""
    customer = by_username(username)
    currency = _currency(request, customer)
    after = request.GET.get("after", "")
    rows = lines(customer, currency, after, _PAGE_SIZE + 1)
    found = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda line: line.key)
    context = {
        "customer": customer,
        "currency": currency,
        "currencies": _currencies(customer),
        "balance": balance_of(customer.pk, currency),
        "page": found,
        "broken": not found.next_key and breaks_off(rows),
    }
    return render(request, "panel/customers/running.html", context)


def _currencies(customer: Customer) -> list[str]:
    """The customer's own currency first, then the others that there is or was credit in."""
    others = [each.currency for each in balances_of(customer.pk) if each.currency != customer.currency]
    return [customer.currency, *others]


def _currency(request: PanelRequest, customer: Customer) -> str:
    currency = request.GET.get("currency") or customer.currency
    if currency not in _currencies(customer):
        raise NotFound(
            _("%(username)s has nothing in %(currency)s.")
            % {"username": customer.username, "currency": currency},
            field="currency",
        )
    return currency


@read_only
def export(request: PanelRequest, username: str, ending: str) -> HttpResponse:
    """The running history as a file."""
    customer = by_username(username)
    currency = _currency(request, customer)
    rows = all_of(lambda after, limit: lines(customer, currency, after or "", limit), lambda line: line.key)

    def cells(line: Line) -> Sequence[Cell]:
        figures = (Money(line.amount, currency), Money(line.balance, currency))
        return [line.at, line.what, line.name, line.detail, line.credit, line.who, *figures, currency]

    title = _("Running history of %(username)s") % {"username": customer.username}
    return download(request, "customer_running", title, ending, _COLUMNS, rows, cells, username)


@read_only
def credits(request: PanelRequest, username: str) -> HttpResponse:
    """All credits of the customer, used up or not, the newest first."""
    customer = by_username(username)
    after = request.GET.get("after", "")
    before = by_number(after).id if after else None
    rows = page_of_credits(customer.pk, before=before, limit=_PAGE_SIZE + 1)
    found = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda credit: credit.number)
    context: dict[str, Any] = {"customer": customer, "page": found, "now": request.now}
    return render(request, "panel/customers/credits.html", context)
