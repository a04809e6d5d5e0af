"""What a customer's own page shows: how much, since when, until when, and whether it can be paid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tillbook.credit.models import Credit
from tillbook.credit.queries import available_at, balances_of, in_hand
from tillbook.credit.running import Line as Moved
from tillbook.credit.running import page_of_lines
from tillbook.customers.models import Customer
from tillbook.refunds import asks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.own_words import Told, credit_for, goes_to, line_for, refund_state
from tillbook.refunds.queries import paid_to_customer

_CREDITS, _REFUNDS, _DECLINED = 50, 10, 3


@dataclass(frozen=True, slots=True)
class Figures:
    """One currency, in minor units: what can be used, what is set aside, what could be paid out."""

    currency: str
    available: int
    held: int
    payable: int
    can_ask: bool  # something could be paid out, by a way that the shop offers, and nothing waits


@dataclass(frozen=True, slots=True)
class CreditRow:
    """One credit; `note` is the shop's to its customer."""

    credit: Credit
    what: str
    note: str
    has_expired: bool


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund, by which way it goes and to where, and how it stands."""

    refund: Refund
    way: str
    state: Told


@dataclass(frozen=True, slots=True)
class AskRow:
    """What the customer asked for, and by which way it would go."""

    ask: Ask
    way: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the running history, in minor units."""

    at: datetime
    what: str
    amount: int
    balance: int
    key: tuple[int, int]  # (credit's id, seq): where the next page goes on


def figures(customer: Customer, now: datetime) -> list[Figures]:
    """Each currency with credit, the customer's own first; that one alone where there is none."""
    balances = {each.currency: each for each in balances_of(customer.pk)}
    with_credit = [each for each in sorted(balances) if _has_any(balances[each])]
    order = sorted(with_credit or [customer.currency], key=lambda each: each != customer.currency)
    waiting = {each.currency for each in asks.waiting_of(customer.pk)}
    found = []
    for currency in order:
        balance = balances.get(currency)
        payable = asks.available_to_ask(customer.pk, currency, now).minor
        may_ask = payable > 0 and currency not in waiting
        found.append(
            Figures(
                currency,
                available_at(customer.pk, currency, now),
                balance.held_minor if balance else 0,
                payable,
                can_ask=may_ask and bool(asks.ways(customer.pk, currency, now)),
            )
        )
    return found


def credits(customer: Customer, figures_: Sequence[Figures], now: datetime) -> list[CreditRow]:
    """What there is, in the order in which it is used, then what is wholly set aside."""
    found = in_hand(customer.pk, [each.currency for each in figures_], limit=_CREDITS)
    return [CreditRow(each, credit_for(each), each.public_note, each.has_expired(now)) for each in found]


def refunds(customer: Customer) -> list[RefundRow]:
    """The newest refunds first."""
    rows = paid_to_customer(customer.pk, limit=_REFUNDS)
    return [RefundRow(each, goes_to(each), refund_state(each)) for each in rows]


def asked(customer: Customer) -> list[AskRow]:
    """What waits for the shop, and the newest that it declined."""
    waiting, declined = asks.waiting_of(customer.pk), asks.declined_of(customer.pk, limit=_DECLINED)
    return [AskRow(each, goes_to(each)) for each in (*waiting, *declined)]


def lines(customer: Customer, currency: str, before: tuple[int, int] | None, limit: int) -> list[Line]:
    """The running history in `currency`, the newest first, after the line `before`. Raises NotFound."""
    return [_line(each) for each in page_of_lines(customer.pk, currency, before=before, limit=limit)]


def _line(moved: Moved) -> Line:
    row = moved.transfer
    return Line(
        row.effective_at, line_for(moved), moved.amount_minor, moved.balance_minor, (row.account_id, row.seq)
    )


def _has_any(balance: object) -> bool:
    return bool(getattr(balance, "available_minor", 0) or getattr(balance, "held_minor", 0))
