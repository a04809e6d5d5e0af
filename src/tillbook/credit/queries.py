"""Reading credits and balances."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tillbook.common.numbering import row_id
from tillbook.credit.issuing import CreditNotFound
from tillbook.credit.models import Credit
from tillbook.ledger import queries as ledger
from tillbook.ledger.models import Balance, Transfer


def credits_of(customer_id: int) -> list[Credit]:
    """The customer's credits, newest first, each with its account's counters."""
    rows = Credit.objects.filter(customer_id=customer_id).select_related("account", "customer")
    return list(rows.order_by("-issued_at", "-id"))


def by_number(number: str) -> Credit:
    """The credit CR-... with its account and customer; raises CreditNotFound."""
    credit_id = row_id("CR", number)
    credit = Credit.objects.filter(id=credit_id or 0).select_related("account", "customer").first()
    if credit is None:
        raise CreditNotFound(f"There is no credit {number}.", field="credit")
    return credit


def balances_of(customer_id: int) -> list[Balance]:
    """The customer's projection, a row per currency."""
    return ledger.balances_of(customer_id)


def balance_of(customer_id: int, currency: str) -> Balance:
    """The projection in one currency; zeros where nothing ever happened."""
    row = Balance.objects.filter(customer_id=customer_id, currency=currency).first()
    return row or Balance(customer_id=customer_id, currency=currency)


def balances_in(customer_ids: Sequence[int], currency: str) -> dict[int, Balance]:
    """customer_id -> projection in `currency`, for a page of customers, in one query."""
    rows = Balance.objects.filter(customer_id__in=customer_ids, currency=currency)
    return {row.customer_id: row for row in rows}


def transfers_of_credit(credit: Credit) -> list[Transfer]:
    """Every transfer of one credit, oldest first."""
    return list(Transfer.objects.filter(customer_id=credit.customer_id, account_id=credit.id).order_by("seq"))


def transfers_of_document(customer_id: int, reference: str) -> list[Transfer]:
    """Every transfer that names the business document, oldest first."""
    rows = Transfer.objects.filter(customer_id=customer_id, reference=reference)
    return list(rows.order_by("recorded_at", "account_id", "seq"))


def usable(customer_id: int, currency: str, now: datetime, *, refundable: bool = False) -> list[Credit]:
    """Credits with something available at `now`, in the order in which they are used."""
    rows = Credit.objects.filter(customer_id=customer_id, currency=currency).select_related("account")
    credits = [
        credit
        for credit in rows
        if credit.account.available_minor > 0
        and (credit.expires_at is None or credit.expires_at > now)
        and (credit.refundable or not refundable)
    ]
    if refundable:
        return sorted(credits, key=lambda credit: (credit.issued_at, credit.id))
    return sorted(
        credits,
        key=lambda credit: (credit.expires_at is None, credit.expires_at or now, credit.issued_at, credit.id),
    )
