"""Customers & prospects: the list, a customer's page, their account and details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Permission
from tillbook.common.money import Money
from tillbook.credit.holds import held_for
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of, balances_of, expired_by, in_hand
from tillbook.customers import services
from tillbook.customers.models import Customer
from tillbook.customers.queries import by_username, locked, search
from tillbook.exporters.lists import Cell, Coded
from tillbook.ledger.models import Balance
from tillbook.orders.models import Order
from tillbook.orders.queries import of_customer as orders_of
from tillbook.orders.queries import owing_of_customer
from tillbook.orders.recalculation import recalculate
from tillbook.panel.credit_lines import pages_of
from tillbook.panel.customer_list import Row, with_balances
from tillbook.panel.edge import (
    Page,
    PanelRequest,
    answer,
    command,
    form_for,
    page_of,
    read_only,
    status_of,
)
from tillbook.panel.files import all_of, download
from tillbook.panel.forms import (
    AccountForm,
    CustomerDetailsForm,
    CustomerFilterForm,
    NewCustomerForm,
    changes,
    remembering,
)
from tillbook.panel.history import Entry, history
from tillbook.panel.recalculations import portable, shown
from tillbook.panel.running import lines
from tillbook.refunds.asks import waiting_of as asks_waiting_of
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import of_customer as refunds_of
from tillbook.refunds.queries import waiting_of_customer
from tillbook.returns.queries import of_customer as rmas_of
from tillbook.shop.policies import shop

D = TypeVar("D", bound=Order | Refund)

_PAGE_SIZE = 50
_COLUMNS = {
    "username": gettext_lazy("Username"), "kind": gettext_lazy("Kind"),
    "first_name": gettext_lazy("First name"), "last_name": gettext_lazy("Last name"),
    "company": gettext_lazy("Company"), "email": gettext_lazy("E-mail"), "phone": gettext_lazy("Phone"),
    "currency": gettext_lazy("Currency"), "available_credit": gettext_lazy("Available credit"),
    "held_credit": gettext_lazy("Held credit"), "amount_owing": gettext_lazy("Amount owing"),
}  # fmt: skip
_NEWEST = 5  # orders, refunds and RMAs on a customer's page, besides those that wait
_WAITING = 10  # orders and refunds that wait for something
_CREDITS = 20
_LINES = 10  # of the running history
_NOTES = 3
_HELD_FOR = 5  # documents that credit is held for
_RECALCULATION = "recalculation"  # the session keeps the last one until the customer's page has shown it


class Held(NamedTuple):
    """A document that credit is held for, its page if it has one, and how much in minor units."""

    reference: str
    url: str
    minor: int


class HeldFor(NamedTuple):
    """The latest of them; `more` says that there are others."""

    documents: Sequence[Held]
    more: bool


@read_only
def customers(request: PanelRequest) -> HttpResponse:
    form = CustomerFilterForm(request.GET)
    after = request.GET.get("after", "")
    rows = _listed(form, after or None, _PAGE_SIZE + 1)
    listed = page_of(rows, _PAGE_SIZE, key=after, key_of=lambda row: row.customer.username)
    filtered = bool(form.errors) or any(form.cleaned_data.values())
    context = {"form": form, "page": listed, "filtered": filtered}
    return render(request, "panel/customers/list.html", context)


def _listed(form: CustomerFilterForm, after: str | None, limit: int) -> list[Row]:
    form.is_valid()
    wanted = form.cleaned_data  # a field that can't be read filters nothing and shows its error
    return with_balances(
        search(
            wanted.get("q", ""),
            kind=wanted.get("kind") or None,
            with_credit=wanted.get("with_credit", False),
            after=after,
            limit=limit,
        )
    )


@read_only
def export(request: PanelRequest, ending: str) -> HttpResponse:
    """The list as a file: a line for each customer and currency."""
    form = CustomerFilterForm(request.GET)
    rows = all_of(lambda after, limit: _listed(form, after, limit), lambda row: row.customer.username)
    lines = ((row.customer, balance) for row in rows for balance in row.balances)
    return download(request, "customers", _("Customers"), ending, _COLUMNS, lines, _cells)


def _cells(line: tuple[Customer, Balance]) -> Sequence[Cell]:
    customer, balance = line
    figures = (balance.available_minor, balance.held_minor, balance.owing_minor)
    return [
        customer.username, Coded(customer.kind, customer.get_kind_display()), customer.first_name,
        customer.last_name, customer.company, customer.email, customer.phone, balance.currency,
        *(Money(minor, balance.currency) for minor in figures),
    ]  # fmt: skip


@form_for(Permission.EDIT_CUSTOMER)
def customer_add(request: PanelRequest) -> HttpResponse:
    form = NewCustomerForm(request.POST or None)
    if form.is_valid():
        added = answer(form, lambda: services.add(**form.cleaned_data, actor=request.actor, now=request.now))
        if added is not None:
            messages.success(request, _("%(username)s was added.") % {"username": added.username})
            return redirect("panel:customer", username=added.username)
    context = {"form": form, "currency": shop().currency}
    return render(request, "panel/customers/add.html", context, status=status_of(form))


@form_for(Permission.EDIT_CUSTOMER)
def customer_edit(request: PanelRequest, username: str) -> HttpResponse:
    customer = by_username(username)
    stored = {name: getattr(customer, name) for name in CustomerDetailsForm.base_fields}
    form = remembering(CustomerDetailsForm(request.POST or None, initial=stored))
    if form.is_valid() and answer(form, lambda: _save_details(customer, form, request)) is not None:
        messages.success(request, _("The details are saved."))
        return redirect("panel:customer", username=username)
    context = {"form": form, "customer": customer}
    return render(request, "panel/customers/edit.html", context, status=status_of(form))


@transaction.atomic
def _save_details(customer: Customer, form: CustomerDetailsForm, request: PanelRequest) -> Customer:
    """Save what was changed on the page; the rest stays, whatever somebody else made of it meanwhile."""
    current = locked(customer.pk)
    kept = {name: getattr(current, name) for name in form.fields}
    return services.update_details(
        customer.pk, **(kept | changes(form)), actor=request.actor, now=request.now
    )


@read_only
def customer(request: PanelRequest, username: str) -> HttpResponse:
    customer = by_username(username)
    recalculation = _shown_recalculation(request, customer)
    return render(
        request,
        "panel/customers/customer.html",
        {**_context(request, customer, _account_form(customer, None)), "recalculation": recalculation},
    )


@command("panel:customer")
def account(request: PanelRequest, username: str) -> HttpResponse:
    """Save of the Account section; with its checkbox, Recalculate Account Balances too."""
    customer = by_username(username)
    form = _account_form(customer, request.POST)
    if form.is_valid() and answer(form, lambda: _save_account(customer, form, request)) is not None:
        messages.success(request, _("The account is saved."))
        return redirect("panel:customer", username=username)
    return render(
        request, "panel/customers/customer.html", _context(request, customer, form), status=status_of(form)
    )


def _account_form(customer: Customer, data: Mapping[str, Any] | None) -> AccountForm:
    form = remembering(AccountForm(data, currency=customer.currency))
    limit = customer.credit_limit_minor
    form.initial = {
        "credit_limit": "" if limit is None else form.text(limit),
        "on_credit_hold": customer.on_credit_hold,
    }
    return form


def _save_account(customer: Customer, form: AccountForm, request: PanelRequest) -> Customer:
    saved = _save_limit(customer, form, request)
    if form.cleaned_data["recalculate"]:
        result = recalculate(customer.pk, repair=True, actor=request.actor, now=request.now)
        request.session[_RECALCULATION] = {"customer_id": customer.pk, **portable(result, customer.pk)}
    return saved


@transaction.atomic
def _save_limit(customer: Customer, form: AccountForm, request: PanelRequest) -> Customer:
    """Save what was changed of limit and hold; a hold that was set meanwhile stays."""
    current = locked(customer.pk)
    changed = changes(form)
    return services.update_account(
        customer.pk,
        credit_limit_minor=changed.get("credit_limit", current.credit_limit_minor),
        on_credit_hold=changed.get("on_credit_hold", current.on_credit_hold),
        actor=request.actor,
        now=request.now,
    )


def _shown_recalculation(request: PanelRequest, customer: Customer) -> dict[str, Any] | None:
    last = request.session.get(_RECALCULATION)
    if last is None or last["customer_id"] != customer.pk:
        return None
    del request.session[_RECALCULATION]
    return shown(last)


def _waiting_first(waiting: Sequence[D], newest: Sequence[D]) -> Page[D]:
    """The rows that the customer's page shows; it links to the list of all where there are more."""
    known = {row.pk for row in waiting}
    others = [row for row in newest if row.pk not in known]
    more = len(waiting) > _WAITING or len(others) > _NEWEST
    items = [*waiting[:_WAITING], *others[:_NEWEST]]
    return Page(items, "", items[-1].number if more else "")


def _credits(customer: Customer, currencies: Sequence[str]) -> Page[Credit]:
    found = in_hand(customer.pk, currencies, limit=_CREDITS + 1)
    return page_of(found, _CREDITS, key="", key_of=lambda credit: credit.number)


def _held(balances: Sequence[Balance]) -> dict[str, HeldFor]:
    """currency -> what the credit that is held is set aside for, where there is some; the latest first."""
    found = {
        row.currency: held_for(row.customer_id, row.currency, limit=_HELD_FOR + 1)
        for row in balances
        if row.held_minor
    }
    references = [reference for rows in found.values() for reference, _minor in rows]
    pages = pages_of(balances[0].customer_id, references) if found else {}
    return {
        currency: HeldFor(
            [Held(reference, pages.get(reference, ""), minor) for reference, minor in rows[:_HELD_FOR]],
            len(rows) > _HELD_FOR,
        )
        for currency, rows in found.items()
    }


def _expired(credits: Sequence[Credit], now: datetime) -> dict[str, int]:
    """currency -> what is still available of credit whose time is over, where there is some.

    In the order of use such credit stands first.
    """
    over = {each.currency: each.customer_id for each in credits if each.has_expired(now)}
    found = {currency: expired_by(customer_id, currency, now) for currency, customer_id in over.items()}
    return {currency: minor for currency, minor in found.items() if minor}


def _notes(entries: Sequence[Entry]) -> list[Entry]:
    """Those with a note, each note once: all that one click did has the same."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        if entry.note or entry.public_note:
            found.setdefault((entry.note, entry.public_note), entry)
    return list(found.values())


def _context(request: PanelRequest, customer: Customer, form: AccountForm) -> dict[str, Any]:
    balances = balances_of(customer.pk)
    others = [row for row in balances if row.currency != customer.currency]
    with_credit = [row.currency for row in others if row.available_minor or row.held_minor]
    waiting = waiting_of_customer(customer.pk, limit=_WAITING + 1)
    owing = owing_of_customer(customer.pk, limit=_WAITING + 1)
    credits = _credits(customer, [customer.currency, *with_credit])
    found = history(request, customer)
    return {
        "customer": customer,
        "form": form,
        "now": request.now,
        "balance": balance_of(customer.pk, customer.currency),
        "other_balances": others,
        "held": _held(balances),
        "credits": credits,
        "expired": _expired(credits.items, request.now),
        "running": page_of(
            lines(customer, customer.currency, "", _LINES + 1), _LINES, key="", key_of=lambda line: line.key
        ),
        "asks": asks_waiting_of(customer.pk),
        "refunds": _waiting_first(waiting, refunds_of(customer.pk, limit=_WAITING + _NEWEST + 1)),
        "orders": _waiting_first(owing, orders_of(customer.pk, limit=_WAITING + _NEWEST + 1)),
        "rmas": page_of(
            rmas_of(customer.pk, limit=_NEWEST + 1), _NEWEST, key="", key_of=lambda row: row.number
        ),
        "notes": _notes(found.items)[:_NOTES],
        "history": found,
    }
