"""Customers and prospects with what each one has available, for the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tillbook.customers.models import Customer
from tillbook.ledger.models import Balance


@dataclass(frozen=True, slots=True)
class Row:
    """A customer and their projection, a line per currency; never empty."""

    customer: Customer
    balances: list[Balance]


def with_balances(customers: Sequence[Customer]) -> list[Row]:
    """The customers, in their order, each with their balances, in one query."""
    found: dict[int, list[Balance]] = {}
    ids = [customer.pk for customer in customers]
    for balance in Balance.objects.filter(customer_id__in=ids).order_by("currency"):
        if balance.available_minor or balance.held_minor or balance.owing_minor:
            found.setdefault(balance.customer_id, []).append(balance)
    return [Row(customer, found.get(customer.pk) or [_nothing(customer)]) for customer in customers]


def _nothing(customer: Customer) -> Balance:
    return Balance(customer_id=customer.pk, currency=customer.currency)
