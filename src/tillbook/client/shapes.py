"""What is sent and what is answered.

Written by `make client` from the API's own description: change that, not this.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


class Account(TypedDict):
    """The payee's bank account."""

    bank_account: str


class ApprovalOut(TypedDict):
    """One person's consent to the refund as it stands now."""

    by: str
    at: str


class ApprovalSent(TypedDict):
    """The flags of the refund that the approver has seen."""

    acknowledge: NotRequired[list[Literal["changed_account", "shared_account", "new_payee"]]]


class AskAccepted(TypedDict):
    """What the money goes back to, where the customer asked for it by the method gateway."""

    gateway: NotRequired[str]
    charge: NotRequired[str]


class AskDeclined(TypedDict):
    """Why it is declined, in words for the customer."""

    reason: str


class AskOut(TypedDict):
    """A refund that a customer asked for. It holds nothing until staff accept it."""

    number: str
    status: Literal["waiting", "accepted", "declined", "withdrawn"]
    customer: str
    amount: Money
    method: str
    payee: PayeeOut
    asked_at: str
    resolved_by: str
    resolved_at: str | None
    decline_reason: str
    refund: str | None
    flags: list[Literal["changed_account", "shared_account", "new_payee"]]


class BalanceOut(TypedDict):
    """What the shop owes a customer in one currency, and what the customer owes it."""

    available: Money
    held: Money
    owing: Money | None


class Balances(TypedDict):
    """A customer's balances, one for each currency that money moved in."""

    customer: str
    as_of: str | None
    balances: list[BalanceOut]


class Because(TypedDict):
    """Why it is done; it stands in the history."""

    reason: str


class BookingOut(TypedDict):
    """An entry. Its amount is below zero where money left the account."""

    booked_on: str
    amount: Money
    text: str
    outcome: Literal["paid", "received", "came_back", "known", "differs", "unmatched"]
    problem: str
    refund: str | None


class BreakOut(TypedDict):
    """Where a history itself is broken: then nothing is repaired."""

    entry: str
    seq: int | None
    problem: str
    until: str
    since: KnownOut | None
    sound: StepOut | None
    row: StepOut | None
    following: StepOut | None
    counted: int | None
    found: int


class CancelSent(TypedDict):
    """Why the file does not count."""

    reason: str


class CaptureSent(TypedDict):
    """How much of the hold to take; the rest is available again. Without `amount` all of it."""

    amount: NotRequired[MoneySent | None]


class ChangeOut(TypedDict):
    """What a field was before, and after."""

    name: str
    before: Any
    after: Any


class ChargeOut(TypedDict):
    """A charge, and what a refund by the method gateway may give back to it now."""

    gateway: str
    charge: str
    payment: str
    order: str
    brought: Money
    possible: Money
    received_at: str


class Charges(TypedDict):
    """The charges that a customer's credit came from, the oldest first."""

    customer: str
    charges: list[ChargeOut]


class ChequeSent(TypedDict):
    """Which cheque pays a refund."""

    cheque_number: str


class ColumnsSent(TypedDict):
    """Which column of a csv statement says what: `amount`, or `debit` and `credit`."""

    date: str
    reference: str
    amount: NotRequired[str]
    debit: NotRequired[str]
    credit: NotRequired[str]
    name: NotRequired[str]
    account: NotRequired[str]
    id: NotRequired[str]
    cheque: NotRequired[str]
    date_format: NotRequired[str]
    decimal: NotRequired[Literal[".", ","]]


class CompletionSent(TypedDict):
    """What is known of the payment already."""

    cheque_number: NotRequired[str]
    received_on: NotRequired[str | None]


class CreditBatch(TypedDict):
    """Credits to be given."""

    items: list[CreditItem]


class CreditChosen(TypedDict):
    """How much to take of which credit."""

    credit: str
    amount: MoneySent


class CreditItem(TypedDict):
    """Credit to be given by hand, under a key of its own."""

    customer: str
    amount: MoneySent
    reason: str
    refundable: NotRequired[bool | None]
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


class CreditProvenanceOut(TypedDict):
    """A credit's whole way: `issued` is what stays at all its ways and what is available, to the
    cent.
    """

    number: str
    customer: str
    issued: Money
    origin: OriginOut
    ways: list[WayOut]
    available: Money


class CreditSent(TypedDict):
    """Credit to be given by hand."""

    customer: str
    amount: MoneySent
    reason: str
    refundable: NotRequired[bool | None]
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
    no_mails: NotRequired[list[Literal["credit_issued", "credit_expiring"]]]


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
    no_mails: list[str]
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


class DeclineSent(TypedDict):
    """Why a refund is declined."""

    reason: str


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


class DifferenceOut(TypedDict):
    """A stored figure that the history does not give; `entry` is empty for the customer's own
    figures.
    """

    entry: str
    figure: str
    stored: Money
    derived: Money
    explanation: ExplanationOut


class EndSent(TypedDict):
    """What the gateway's own pages show of a refund that it has said nothing about for a month."""

    paid: bool
    reason: str


class EventOut(TypedDict):
    """What happened, to whom, by whom. A webhook sends the same, without notes, origin and
    values before.
    """

    id: str
    action: str
    customer: str | None
    subject: str
    reason: str
    note: str
    public_note: str
    details: dict[str, Any]
    changed: list[ChangeOut]
    actor: str
    origin: str
    recorded_at: str


class Expired(TypedDict):
    """How many credits expired."""

    credits: int


class ExplanationOut(TypedDict):
    """Why a figure differs. It happened after `since`, if that is known, and before `until`."""

    verdict: str
    says: str
    until: str
    since: KnownOut | None
    agrees: StepOut | None
    parting: StepOut | None
    missed: int
    newest: StepOut | None
    made_of: list[StepOut]
    parts: int


class FailSent(TypedDict):
    """Why the payment did not arrive."""

    reason: str


class GatewayCheck(TypedDict):
    """The gateway takes the account's secrets."""

    gateway: str
    works: bool


class GatewayOut(TypedDict):
    """The shop's account at a payment gateway. Its secrets are told to nobody."""

    gateway: str
    api_base: str
    hears_events: bool
    changed_at: str


class GatewaySent(TypedDict):
    """An account at a gateway. Of one that is there only what is sent is replaced."""

    gateway: str
    secret: NotRequired[str]
    client_id: NotRequired[str]
    webhook_secret: NotRequired[str]
    api_base: NotRequired[str]


class GiveReasonOut(TypedDict):
    """Why credit is given by hand, and its terms where none are named."""

    code: str
    label: str
    refundable: bool
    expires_after_days: int | None


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


class KnownOut(TypedDict):
    """A moment at which the figure was right still, and what says so."""

    at: str
    by: str


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


class LinkOut(TypedDict):
    """Where the link goes."""

    to: str


class MailOut(TypedDict):
    """One person told of one event. `unknown` may have gone, and is not sent again by itself."""

    number: str
    kind: str
    customer: str | None
    about: str
    state: Literal["waiting", "sending", "sent", "unknown", "failed", "dropped"]
    why: str
    to: str
    subject: str
    attempts: int
    answer: str
    created_at: str
    last_at: str | None
    next_at: str | None


class MailPreview(TypedDict):
    """A mail as it would be sent."""

    kind: str
    subject: str
    body: str


class MailSettingOut(TypedDict):
    """Whether mails of a kind are sent, and their text with its placeholders, if the shop may
    write it.
    """

    kind: str
    on: bool
    subject: str | None
    body: str | None


class Mailed(TypedDict):
    """A paper that was mailed: to which address, and into which file where no mail server is set
    up.
    """

    to: str
    file: str | None


class MethodOut(TypedDict):
    """A way in which the shop pays out, and what it needs of the payee."""

    code: str
    label: str
    payee: PayeeFieldsOut


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


class NothingSent(TypedDict):
    """No fields."""


class NumberingChanged(TypedDict):
    """Where series shall go on. Those left out stay."""

    credit: NotRequired[int | None]
    refund: NotRequired[int | None]
    rma: NotRequired[int | None]
    payment: NotRequired[int | None]
    order: NotRequired[int | None]
    payout: NotRequired[int | None]


class NumberingOut(TypedDict):
    """Where each series of numbers goes on. Others may take numbers meanwhile."""

    credit: int
    refund: int
    rma: int
    payment: int
    order: int
    payout: int


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


class OriginOut(TypedDict):
    """What a credit arose from: payments on an order, a return, or a person's hand."""

    source: Literal["overpayment", "return", "manual"]
    order: str | None
    rma: str | None
    payments: list[PortionOut]
    nameless: Money
    reason: str
    issued_by: str
    issued_at: str


class OverpaymentOut(TypedDict):
    """An overpayment: the credit that it became, and the order it was of, if that is in this
    shop.
    """

    credit: CreditOut
    order: str | None
    suggestion: Suggestion


class PaidBackSent(TypedDict):
    """What the gateway paid back of a charge past Tillbook, and how one knows."""

    amount: MoneySent
    reason: str


class PartOut(TypedDict):
    """What a credit gave to a refund, and what that credit arose from."""

    credit: str
    amount: Money
    issued: Money
    origin: OriginOut


class PayeeFieldsOut(TypedDict):
    """What a refund method asks for."""

    name: Literal["required", "optional", "not_asked"]
    bank_account: Literal["required", "optional", "not_asked"]
    paypal_email: Literal["required", "optional", "not_asked"]
    postal_address: Literal["required", "optional", "not_asked"]
    reference: Literal["required", "optional", "not_asked"]


class PayeeOut(TypedDict):
    """Who gets the money, and where to."""

    name: str
    bank_account: str
    paypal_email: str
    postal_address: str
    reference: str


class PayeeSent(TypedDict):
    """Who gets the money; and where to, as the method needs."""

    name: str
    bank_account: NotRequired[str]
    paypal_email: NotRequired[str]
    postal_address: NotRequired[str]
    reference: NotRequired[str]


class PaymentOut(TypedDict):
    """A payment. One that was voided stays, and counts no longer."""

    number: str
    order: str
    amount: Money
    method: Literal["card", "bank_transfer", "paypal", "cash", "cheque", "other"]
    reference: str
    gateway: str
    charge: str
    paid_back: Money
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
    gateway: NotRequired[str]
    charge: NotRequired[str]
    received_at: NotRequired[str | None]


class Payments(TypedDict):
    """An order's payments, as they came in."""

    order: str
    payments: list[PaymentOut]


class PayoutItem(TypedDict):
    """A refund in it, and its state now."""

    refund: str
    amount: Money
    status: Literal["requested", "approved", "completed", "declined", "failed"]


class PayoutOut(TypedDict):
    """Refunds in one file. It is made once and kept; its digest is the file's SHA-256."""

    number: str
    status: Literal["made", "cancelled"]
    format: Literal["aba", "pain001", "nacha", "bacs18", "csv", "xlsx"]
    source: str
    total: Money
    refunds: int
    pay_on: str
    made_by: str
    made_at: str
    cancelled_at: str | None
    digest: str


class PayoutSent(TypedDict):
    """A payout to be made: of the `refunds` named, or without them of all that are ready."""

    source: str
    format: Literal["aba", "pain001", "nacha", "bacs18", "csv", "xlsx"]
    pay_on: str
    refunds: NotRequired[list[str] | None]


class PayoutWithItems(TypedDict):
    """A payout and what is in it."""

    number: str
    status: Literal["made", "cancelled"]
    format: Literal["aba", "pain001", "nacha", "bacs18", "csv", "xlsx"]
    source: str
    total: Money
    refunds: int
    pay_on: str
    made_by: str
    made_at: str
    cancelled_at: str | None
    digest: str
    items: list[PayoutItem]


class PolicyOut(TypedDict):
    """On what terms credit from one source is issued."""

    source: Literal["overpayment", "return", "manual"]
    refundable: bool
    expires_after_days: int | None
    grace_days: int


class PortionOut(TypedDict):
    """So much of a payment stands behind a credit. What was paid last is taken first."""

    payment: str
    amount: Money
    paid: Money
    method: str
    received_at: str
    voided_at: str | None


class Problem(TypedDict):
    """What went wrong, as RFC 9457 has it."""

    type: NotRequired[str]
    title: str
    status: int
    code: str
    detail: str
    errors: NotRequired[list[WrongField]]


class RecalculationOut(TypedDict):
    """What was compared, what differed and why, and whether it was repaired."""

    customer: str
    compared: int
    repaired: bool
    differences: list[DifferenceOut]
    broken: list[BreakOut]


class RecalculationSent(TypedDict):
    """Whether figures that differ shall be rewritten, or only compared."""

    repair: bool


class ReceiptSent(TypedDict):
    """Since when the payee has the money."""

    received_on: NotRequired[str | None]


class RefundChanged(TypedDict):
    """Where the money goes instead. Amount and credits stay."""

    method: str
    payee: PayeeSent
    payment_date: str
    note: NotRequired[str]
    gateway: NotRequired[str]
    charge: NotRequired[str]


class RefundOut(TypedDict):
    """A refund, or a reversal, which pays nobody: it has no payee, method and payment date."""

    number: str
    kind: Literal["refund", "reversal"]
    status: Literal["requested", "approved", "completed", "declined", "failed"]
    customer: str
    amount: Money
    method: str | None
    payee: PayeeOut | None
    gateway: str
    charge: str
    payment_date: str | None
    reason: str
    note: str
    requested_by: str
    requested_at: str
    resolved_by: str
    resolved_at: str | None
    decline_reason: str
    payout: str | None
    failed_at: str | None
    fail_reason: str
    unclaimed: bool
    completed_at: str | None
    cheque_number: str
    received_on: str | None


class RefundProvenanceOut(TypedDict):
    """Which credits a refund came out of: its amount is the sum of its parts, to the cent."""

    number: str
    customer: str
    status: Literal["requested", "approved", "completed", "declined", "failed"]
    amount: Money
    parts: list[PartOut]


class RefundSent(TypedDict):
    """A refund to be asked for: of one credit, or without `credit` of all refundable ones,
    oldest first.
    """

    customer: str
    amount: MoneySent
    method: str
    payee: PayeeSent
    payment_date: str
    note: NotRequired[str]
    gateway: NotRequired[str]
    charge: NotRequired[str]
    credit: NotRequired[str | None]


class RefundWithCredits(TypedDict):
    """A refund, how much of it comes from which credit, and who must agree to it."""

    number: str
    kind: Literal["refund", "reversal"]
    status: Literal["requested", "approved", "completed", "declined", "failed"]
    customer: str
    amount: Money
    method: str | None
    payee: PayeeOut | None
    gateway: str
    charge: str
    payment_date: str | None
    reason: str
    note: str
    requested_by: str
    requested_at: str
    resolved_by: str
    resolved_at: str | None
    decline_reason: str
    payout: str | None
    failed_at: str | None
    fail_reason: str
    unclaimed: bool
    completed_at: str | None
    cheque_number: str
    received_on: str | None
    credits: list[CreditPart]
    approvals: list[ApprovalOut]
    approvals_needed: int
    flags: list[Literal["changed_account", "shared_account", "new_payee"]]
    sending: SendingOut | None
    version: str


class RestoreSent(TypedDict):
    """Credit spent on `reference` that shall go back to the same credits; without `amount` all
    of it.
    """

    customer: str
    reference: str
    currency: str
    amount: NotRequired[MoneySent | None]


class ReturnReasonOut(TypedDict):
    """Why something comes back."""

    code: str
    label: str


class ReversalSent(TypedDict):
    """Why a credit was a mistake."""

    reason: Literal["given_by_mistake", "wrong_customer", "wrong_amount", "duplicate", "payment_voided"]
    note: NotRequired[str]


class RmaDetail(TypedDict):
    """A return with its lines, and the credits that closing it issued."""

    number: str
    customer: str
    order: str | None
    document: str | None
    status: Literal["open", "closed", "cancelled"]
    outcome: Literal["awaiting", "credit", "no_credit", "reversed"]
    reason: str
    total: Money
    opened_by: str
    opened_at: str
    closed_at: str | None
    reversed_at: str | None
    adjustment_note: str | None
    lines: list[RmaLineOut]
    shipping: Money
    surcharge: Money
    note: str
    public_note: str
    credits: list[CreditPart]


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
    outcome: Literal["awaiting", "credit", "no_credit", "reversed"]
    reason: str
    total: Money
    opened_by: str
    opened_at: str
    closed_at: str | None
    reversed_at: str | None
    adjustment_note: str | None


class RmaSent(TypedDict):
    """A return of an order, or without one; `shipping` and `surcharge` are given back."""

    customer: str
    order: NotRequired[str | None]
    currency: NotRequired[str | None]
    lines: NotRequired[list[RmaLineSent]]
    shipping: NotRequired[MoneySent | None]
    surcharge: NotRequired[MoneySent | None]
    reason: str
    note: NotRequired[str]
    public_note: NotRequired[str]
    document: NotRequired[str | None]
    opened_at: NotRequired[str | None]
    close: NotRequired[bool]


class SendingOut(TypedDict):
    """How a refund goes through its gateway, as far as anybody knows."""

    number: str
    gateway: str
    state: Literal["unknown", "pending", "succeeded", "failed"]
    reference: str
    problem: str
    sent_by: str
    sent_at: str
    asked_at: str | None
    next_ask_at: str | None


class SettingsOut(TypedDict):
    """The settings in effect. Lists hold what is switched on; older documents may bear other
    codes.
    """

    version: int
    name: str
    address: str
    email: str
    tax_number: str
    currency: str
    locale: str
    time_zone: str
    staff_credit_limit: Money
    self_completion_limit: Money
    stale_refund_days: int
    policies: list[PolicyOut]
    give_reasons: list[GiveReasonOut]
    return_reasons: list[ReturnReasonOut]
    refund_methods: list[MethodOut]
    mails: list[MailSettingOut]
    expiring_days: int
    own_page: bool
    own_page_methods: list[str]
    link_minutes: int
    charge_first: bool
    charge_first_days: int


class SourceOut(TypedDict):
    """An account of the shop that refunds are paid from."""

    name: str
    currency: str
    holder: str
    bank_account: str
    user_id: str
    bank: str


class SourceSent(TypedDict):
    """An account to be added. Which of `user_id` and `bank` a format needs: docs/payouts.md."""

    name: str
    currency: str
    holder: str
    bank_account: str
    user_id: NotRequired[str]
    bank: NotRequired[str]


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


class StaleBatch(TypedDict):
    """Stale refunds to be cancelled."""

    items: list[StaleItem]


class StaleItem(TypedDict):
    """A stale refund to be cancelled."""

    note: NotRequired[str]
    refund: str


class StaleOutcome(TypedDict):
    """What became of one item: its amount is credit again, or the problem that refused it."""

    refund: str
    status: int
    problem: NotRequired[Problem | None]


class StaleOutcomes(TypedDict):
    """An outcome for each item, in their order."""

    outcomes: list[StaleOutcome]


class StaleSent(TypedDict):
    """Why nobody waits for it any longer: for the history, never for the customer."""

    note: NotRequired[str]


class StatementOut(TypedDict):
    """A statement that was read."""

    number: str
    name: str
    format: Literal["camt053", "mt940", "csv"]
    read_by: str
    read_at: str


class StatementSent(TypedDict):
    """A statement to be read: the file's text. A csv needs its columns and its currency."""

    name: str
    format: Literal["camt053", "mt940", "csv"]
    content: str
    columns: NotRequired[ColumnsSent | None]
    currency: NotRequired[str | None]


class StatementWithBookings(TypedDict):
    """A statement, and what it did that no statement before it had done."""

    number: str
    name: str
    format: Literal["camt053", "mt940", "csv"]
    read_by: str
    read_at: str
    bookings: list[BookingOut]


class StepOut(TypedDict):
    """One entry of a history. `seq` is a transfer's place on its credit, null for anything else."""

    entry: str
    seq: int | None
    kind: str
    what: str
    amount: Money
    reference: str
    key: str
    who: str
    at: str


class Suggestion(TypedDict):
    """What could be done, and why; with `pay`, that much on that order."""

    choice: Literal["pay", "refund", "keep", "ask"]
    why: Literal["unpaid_order", "paid_twice", "rounding", "cancelled", "unclear"]
    order: str | None
    amount: Money | None


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


class TransferOut(TypedDict):
    """One line of a credit. `posted` and `held` are what stood on the credit after it."""

    credit: str
    seq: int
    kind: Literal["post", "hold", "capture", "release"]
    inward: bool
    house: str
    amount: Money
    reason: str
    reference: str
    key: str
    actor: str
    effective_at: str
    recorded_at: str
    posted: Money
    held: Money


class UnclaimedOut(TypedDict):
    """A refund whose payee has nothing yet: `out` was paid, `waiting` is unpaid, `at_bank` is in
    a payout. Or, `at_bank` too, it was sent through its gateway, which has not told its end.
    """

    refund: str
    customer: str
    state: Literal["out", "at_bank", "waiting"]
    method: str
    cheque_number: str
    since: str
    days: int
    stale: bool
    amount: Money


class VerificationOut(TypedDict):
    """A check of the book. It is `running` while this server is at work on it; `unfinished` was
    interrupted, or the command runs it; `agrees` and `broken` say what a check that came to
    its end found. Only admins read the sentences.
    """

    number: int
    depth: Literal["sums", "full"]
    state: Literal["running", "unfinished", "agrees", "broken"]
    started_at: str
    started_by: str
    finished_at: str | None
    transfers: int | None
    credits: int | None
    broken: int | None
    found: list[str] | None


class VerificationSent(TypedDict):
    """How deep to check: `full` recomputes every digest too, `sums` is quick."""

    depth: Literal["sums", "full"]


class VerificationWithProgress(TypedDict):
    """A check of the book, and how far it is."""

    number: int
    depth: Literal["sums", "full"]
    state: Literal["running", "unfinished", "agrees", "broken"]
    started_at: str
    started_by: str
    finished_at: str | None
    transfers: int | None
    credits: int | None
    broken: int | None
    found: list[str] | None
    parts: int | None
    parts_done: int


class VoidedOut(TypedDict):
    """A payment taken off its order. `taken_back` is what was still there of the credit it had
    made; `missing` is already used or held, and the order owes it.
    """

    payment: PaymentOut
    taken_back: Money
    missing: Money


class WayOut(TypedDict):
    """What went from a credit to one place. `stays` is what went less what came back; of it
    `held`.
    """

    to: Literal["order", "refund", "reversal", "expiry"]
    reference: str
    status: Literal["requested", "approved", "completed", "declined", "failed"] | None
    began_at: str
    went: Money
    came_back: Money
    held: Money
    stays: Money


class WebhookChanged(TypedDict):
    """What shall change; fields left out stay as they are. While not enabled it gets nothing."""

    url: NotRequired[str]
    description: NotRequired[str]
    actions: NotRequired[list[str]]
    enabled: NotRequired[bool]


class WebhookEvent(TypedDict):
    """The event as `GET /events` tells it, without notes, origin and values before and after."""

    id: str
    action: str
    subject: str
    customer: str | None
    actor: str
    reason: str
    public_note: str
    details: dict[str, Any]
    changed: list[WebhookEventChange]
    recorded_at: str


class WebhookEventChange(TypedDict):
    """A field that the event changed."""

    name: str


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


class WebhookPayload(TypedDict):
    """What is sent to a webhook. `type` is the event's action."""

    type: str
    timestamp: str
    data: WebhookEvent


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
