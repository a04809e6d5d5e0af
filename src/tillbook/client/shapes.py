"""What is sent and what is answered.

Written by `make client` from the API's own description: change that, not this.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class BalanceOut(TypedDict):
    """What the shop owes a customer in one currency, and what the customer owes it."""

    available: Money
    held: Money
    owing: Money


class Balances(TypedDict):
    """A customer's balances, one for each currency that money moved in."""

    customer: str
    balances: list[BalanceOut]


class CaptureSent(TypedDict):
    """How much of the hold to take; the rest is available again. Without `amount` all of it."""

    amount: NotRequired[MoneySent | None]


class CreditBatch(TypedDict):
    """Credits to be given."""

    items: list[CreditItem]


class CreditChosen(TypedDict):
    """How much to take of which credit."""

    credit: str
    amount: MoneySent


class CreditFilters(TypedDict):
    """Which credits: those of one customer, the newest first."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]
    customer: str


class CreditItem(TypedDict):
    """Credit to be given by hand, under a key of its own."""

    customer: str
    amount: MoneySent
    reason: Literal["goodwill", "late_delivery", "promotion", "price_correction", "damaged_goods", "deposit"]
    refundable: NotRequired[bool]
    expires_at: NotRequired[str | None]
    note: NotRequired[str]
    public_note: NotRequired[str]
    key: str


class CreditOut(TypedDict):
    """A credit. `available` is what can be used now; `held` is in refunds and checkouts under
    way.
    """

    number: str
    customer: str
    source: str
    source_reference: str
    reason: str
    issued: Money
    available: Money
    held: Money
    refundable: bool
    issued_at: str
    expires_at: str | None
    note: str
    public_note: str


class CreditOutcome(TypedDict):
    """What became of one item: its credit, or the problem that refused it."""

    key: str
    status: int
    credit: NotRequired[CreditOut | None]
    problem: NotRequired[Problem | None]


class CreditOutcomes(TypedDict):
    """An outcome for each item, in their order."""

    outcomes: list[CreditOutcome]


class CreditPart(TypedDict):
    """How much fell on which credit."""

    credit: str
    amount: Money


class CreditSent(TypedDict):
    """Credit to be given by hand."""

    customer: str
    amount: MoneySent
    reason: Literal["goodwill", "late_delivery", "promotion", "price_correction", "damaged_goods", "deposit"]
    refundable: NotRequired[bool]
    expires_at: NotRequired[str | None]
    note: NotRequired[str]
    public_note: NotRequired[str]


class CustomerChanged(TypedDict):
    """What shall change; fields left out stay as they are. Without a credit limit none is
    agreed.
    """

    kind: NotRequired[Literal["customer", "prospect"]]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    company: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]
    postal_address: NotRequired[str]
    country: NotRequired[str]
    credit_limit: NotRequired[MoneySent | None]
    on_credit_hold: NotRequired[bool]


class CustomerFilters(TypedDict):
    """Which customers."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]
    q: NotRequired[str]
    kind: NotRequired[Literal["customer", "prospect"] | None]
    with_credit: NotRequired[bool]


class CustomerOut(TypedDict):
    """A customer or prospect; `username` is its id."""

    username: str
    kind: Literal["customer", "prospect"]
    first_name: str
    last_name: str
    company: str
    email: str
    phone: str
    postal_address: str
    country: str
    currency: str
    credit_limit: Money | None
    on_credit_hold: bool
    created_at: str


class CustomerSent(TypedDict):
    """A new customer. Without `currency` they have the shop's."""

    kind: NotRequired[Literal["customer", "prospect"]]
    first_name: NotRequired[str]
    last_name: NotRequired[str]
    company: NotRequired[str]
    email: NotRequired[str]
    phone: NotRequired[str]
    postal_address: NotRequired[str]
    country: NotRequired[str]
    username: str
    currency: NotRequired[str | None]
    credit_limit: NotRequired[MoneySent | None]
    on_credit_hold: NotRequired[bool]


class HoldOut(TypedDict):
    """Credit set aside. It lasts until it is captured or released."""

    number: str
    customer: str
    reference: str
    amount: Money
    credits: list[CreditPart]
    held_at: str
    state: Literal["held", "captured", "released"]
    captured: Money | None


class Money(TypedDict):
    """An amount of money."""

    amount: str
    currency: str


class MoneySent(TypedDict):
    """An amount of money that a caller sends."""

    amount: str
    currency: str


class Nothing(TypedDict):
    """No fields."""


class Problem(TypedDict):
    """What went wrong, as RFC 9457 has it."""

    type: NotRequired[str]
    title: str
    status: int
    code: str
    detail: str
    errors: NotRequired[list[WrongField]]


class RestoreSent(TypedDict):
    """Credit spent on `reference` that shall go back to the same credits; without `amount` all
    of it.
    """

    customer: str
    reference: str
    currency: str
    amount: NotRequired[MoneySent | None]


class Spend(TypedDict):
    """Credit that was spent."""

    customer: str
    reference: str
    amount: Money
    credits: list[CreditPart]


class SpendBatch(TypedDict):
    """Spends to be made."""

    items: list[TakingItem]


class SpendOutcome(TypedDict):
    """What became of one item: the spend, or the problem that refused it."""

    key: str
    status: int
    spend: NotRequired[Spend | None]
    problem: NotRequired[Problem | None]


class SpendOutcomes(TypedDict):
    """An outcome for each item, in their order."""

    outcomes: list[SpendOutcome]


class TakingItem(TypedDict):
    """Credit to be spent, under a key of its own."""

    customer: str
    amount: MoneySent
    reference: str
    credits: NotRequired[list[CreditChosen] | None]
    key: str


class TakingSent(TypedDict):
    """Credit to be taken for `reference`: an order of this shop, or a document of another
    system. Without `credits` those that expire first go first, then the oldest.
    """

    customer: str
    amount: MoneySent
    reference: str
    credits: NotRequired[list[CreditChosen] | None]


class WrongField(TypedDict):
    """One wrong value."""

    detail: str
    pointer: NotRequired[str | None]
    parameter: NotRequired[str | None]
