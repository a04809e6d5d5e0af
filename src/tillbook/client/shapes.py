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


class Because(TypedDict):
    """Why it is done; it stands in the history."""

    reason: str


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


class DeliveryFilters(TypedDict):
    """Which deliveries."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]
    state: NotRequired[Literal["pending", "delivered", "given_up"] | None]


class DeliveryOut(TypedDict):
    """One event on its way to one webhook. `status` is null where there was no answer."""

    number: str
    webhook: str
    webhook_id: str
    event: str
    action: str
    subject: str
    state: str
    attempts: int
    created_at: str
    next_at: str | None
    last_at: str | None
    status: int | None
    answer: str
    milliseconds: int | None


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


class LineChanged(TypedDict):
    """A line as it shall be. With `position` it is the line that has that position now."""

    sku: str
    description: NotRequired[str]
    quantity: int
    amount: MoneySent
    position: NotRequired[int | None]


class LineSent(TypedDict):
    """A line of an order; `amount` is of the whole line."""

    sku: str
    description: NotRequired[str]
    quantity: int
    amount: MoneySent


class Money(TypedDict):
    """An amount of money."""

    amount: str
    currency: str


class MoneySent(TypedDict):
    """An amount of money that a caller sends."""

    amount: str
    currency: str


class NoteSent(TypedDict):
    """A note for the history."""

    note: NotRequired[str]


class Nothing(TypedDict):
    """No fields."""


class OrderChanged(TypedDict):
    """What shall change; what is left out stays as it is. `lines` are all lines that the order
    shall have: those not named by their position are removed.
    """

    lines: NotRequired[list[LineChanged] | None]
    shipping: NotRequired[MoneySent | None]
    surcharge: NotRequired[MoneySent | None]
    note: NotRequired[str | None]


class OrderDetail(TypedDict):
    """An order with all that belongs to it. `paid_with` says which credits pay it now and how
    much each; `overpayment_credits` which arose from it, and for how much.
    """

    number: str
    customer: str
    status: Literal["open", "cancelled"]
    paid_status: Literal["pending", "part_paid", "fully_paid", "over_paid"]
    total: Money
    received: Money
    credit_used: Money
    overpaid: Money
    owing: Money
    returned: Money
    placed_at: str
    cancelled_at: str | None
    lines: list[OrderLineOut]
    shipping: Money
    surcharge: Money
    note: str
    paid_with: list[CreditPart]
    overpayment_credits: list[CreditPart]


class OrderFilters(TypedDict):
    """Which orders. `paid_status` leaves cancelled ones out unless `status` asks for them."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]
    q: NotRequired[str]
    customer: NotRequired[str | None]
    paid_status: NotRequired[Literal["pending", "part_paid", "fully_paid", "over_paid"] | None]
    status: NotRequired[Literal["open", "cancelled"] | None]


class OrderLineOut(TypedDict):
    """A line of an order; `amount` is of the whole line. What came back counts open RMAs too."""

    position: int
    sku: str
    description: str
    quantity: int
    amount: Money
    returned_quantity: int
    returned: Money


class OrderOut(TypedDict):
    """An order and its sums. `received` is what its payments brought, `credit_used` what credit
    paid of it, and `overpaid` what was too much and became credit. `returned` is in RMAs,
    open ones counted.
    """

    number: str
    customer: str
    status: Literal["open", "cancelled"]
    paid_status: Literal["pending", "part_paid", "fully_paid", "over_paid"]
    total: Money
    received: Money
    credit_used: Money
    overpaid: Money
    owing: Money
    returned: Money
    placed_at: str
    cancelled_at: str | None


class OrderSent(TypedDict):
    """A new order, in the customer's currency unless another is named. Without `number` it gets
    the next one of Tillbook's own; without `placed_at` it is placed now.
    """

    customer: str
    currency: NotRequired[str | None]
    number: NotRequired[str | None]
    lines: list[LineSent]
    shipping: NotRequired[MoneySent | None]
    surcharge: NotRequired[MoneySent | None]
    note: NotRequired[str]
    placed_at: NotRequired[str | None]


class Paging(TypedDict):
    """Which part of a list is asked for."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]


class PaymentOut(TypedDict):
    """A payment. One that was voided stays, and counts no longer."""

    number: str
    order: str
    amount: Money
    method: Literal["card", "bank_transfer", "paypal", "cash", "cheque", "other"]
    reference: str
    received_at: str
    recorded_at: str
    recorded_by: str
    voided_at: str | None
    void_reason: str


class PaymentSent(TypedDict):
    """Money that came in for an order; without `received_at` now."""

    amount: MoneySent
    method: Literal["card", "bank_transfer", "paypal", "cash", "cheque", "other"]
    reference: NotRequired[str]
    received_at: NotRequired[str | None]


class Payments(TypedDict):
    """An order's payments, as they came in."""

    order: str
    payments: list[PaymentOut]


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


class RmaDetail(TypedDict):
    """A return with its lines, and the credits that closing it issued."""

    number: str
    customer: str
    order: str | None
    document: str | None
    status: Literal["open", "closed", "cancelled"]
    outcome: Literal["awaiting", "credit", "no_credit"]
    reason: Literal[
        "faulty", "wrong_item", "not_as_described", "changed_mind", "not_delivered", "shipping_only", "other"
    ]
    total: Money
    opened_by: str
    opened_at: str
    closed_at: str | None
    adjustment_note: str | None
    lines: list[RmaLineOut]
    shipping: Money
    surcharge: Money
    note: str
    public_note: str
    credits: list[CreditPart]


class RmaFilters(TypedDict):
    """Which returns. An order's are also those that only take from its lines."""

    limit: NotRequired[int]
    cursor: NotRequired[str | None]
    customer: NotRequired[str | None]
    order: NotRequired[str | None]
    status: NotRequired[Literal["open", "closed", "cancelled"] | None]


class RmaLineOut(TypedDict):
    """A line of a return. Quantity 0: money back, the goods stay."""

    position: int
    sku: str
    description: str
    quantity: int
    amount: Money


class RmaLineSent(TypedDict):
    """What comes back of a line. Quantity 0: money back, the goods stay. Of an order, name its
    line by `position`, or by `sku` where only one line has it. Without `amount` it is the
    share of the line's amount that the quantity is worth. Without an order, `sku` and
    `amount` are needed.
    """

    position: NotRequired[int | None]
    sku: NotRequired[str | None]
    description: NotRequired[str | None]
    quantity: int
    amount: NotRequired[MoneySent | None]


class RmaOut(TypedDict):
    """A return. `document` is its number in the system it came from."""

    number: str
    customer: str
    order: str | None
    document: str | None
    status: Literal["open", "closed", "cancelled"]
    outcome: Literal["awaiting", "credit", "no_credit"]
    reason: Literal[
        "faulty", "wrong_item", "not_as_described", "changed_mind", "not_delivered", "shipping_only", "other"
    ]
    total: Money
    opened_by: str
    opened_at: str
    closed_at: str | None
    adjustment_note: str | None


class RmaSent(TypedDict):
    """A return of an order, or without one; `shipping` and `surcharge` are given back."""

    customer: str
    order: NotRequired[str | None]
    currency: NotRequired[str | None]
    lines: NotRequired[list[RmaLineSent]]
    shipping: NotRequired[MoneySent | None]
    surcharge: NotRequired[MoneySent | None]
    reason: Literal[
        "faulty", "wrong_item", "not_as_described", "changed_mind", "not_delivered", "shipping_only", "other"
    ]
    note: NotRequired[str]
    public_note: NotRequired[str]
    document: NotRequired[str | None]
    opened_at: NotRequired[str | None]


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


class VoidedOut(TypedDict):
    """A payment taken off its order. `taken_back` is what was still there of the credit it had
    made; `missing` is already used or held, and the order owes it.
    """

    payment: PaymentOut
    taken_back: Money
    missing: Money


class WebhookChanged(TypedDict):
    """What shall change; fields left out stay as they are. While not enabled it gets nothing."""

    url: NotRequired[str]
    description: NotRequired[str]
    actions: NotRequired[list[str]]
    enabled: NotRequired[bool]


class WebhookMade(TypedDict):
    """A new webhook with the secret that signs what is sent. Keep it: it is not told again."""

    number: str
    url: str
    description: str
    actions: list[str]
    enabled: bool
    created_at: str
    secret: str


class WebhookOut(TypedDict):
    """An address that events are sent to. Without `actions` it gets all of them."""

    number: str
    url: str
    description: str
    actions: list[str]
    enabled: bool
    created_at: str


class WebhookSent(TypedDict):
    """An address that shall get events from now on: all, or those of `actions`."""

    url: str
    description: NotRequired[str]
    actions: NotRequired[list[str]]


class WrongField(TypedDict):
    """One wrong value."""

    detail: str
    pointer: NotRequired[str | None]
    parameter: NotRequired[str | None]
