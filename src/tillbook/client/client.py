"""A method for each operation of the API.

Written by `make client` from the API's own description: change that, not this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote

from tillbook.client.shapes import (
    Account,
    ApprovalSent,
    AskAccepted,
    AskDeclined,
    AskOut,
    Balances,
    Because,
    CancelSent,
    CaptureSent,
    Charges,
    ChequeSent,
    CompletionSent,
    CreditBatch,
    CreditOut,
    CreditOutcomes,
    CreditProvenanceOut,
    CreditSent,
    CustomerChanged,
    CustomerOut,
    CustomerSent,
    DeclineSent,
    DeliveryOut,
    EndSent,
    EventOut,
    Expired,
    FailSent,
    GatewayCheck,
    GatewayOut,
    GatewaySent,
    HoldOut,
    LinkOut,
    Mailed,
    MailOut,
    MailPreview,
    NoteSent,
    Nothing,
    NothingSent,
    NumberingChanged,
    NumberingOut,
    OrderChanged,
    OrderDetail,
    OrderOut,
    OrderSent,
    OverpaymentOut,
    PaidBackSent,
    PaymentOut,
    Payments,
    PaymentSent,
    PayoutOut,
    PayoutSent,
    PayoutWithItems,
    RecalculationOut,
    RecalculationSent,
    ReceiptSent,
    RefundChanged,
    RefundOut,
    RefundProvenanceOut,
    RefundSent,
    RefundWithCredits,
    RestoreSent,
    ReversalSent,
    RmaDetail,
    RmaOut,
    RmaSent,
    SettingsOut,
    SourceOut,
    SourceSent,
    Spend,
    SpendBatch,
    SpendOutcomes,
    StaleBatch,
    StaleOutcomes,
    StaleSent,
    StatementOut,
    StatementSent,
    StatementWithBookings,
    TakingSent,
    TransferOut,
    UnclaimedOut,
    VerificationOut,
    VerificationSent,
    VerificationWithProgress,
    VoidedOut,
    WebhookChanged,
    WebhookMade,
    WebhookOut,
    WebhookSent,
)
from tillbook.client.transport import Transport


class Client(Transport):
    """The API, operation by operation. Each raises Refused and Unreachable."""

    def list_customers(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        kind: Literal["customer", "prospect"] | None = None,
        with_credit: bool | None = None,
    ) -> Iterator[CustomerOut]:
        """Customers and prospects by username. `q` looks in names, company, e-mail and phone."""
        return self.pages("/customers", {"limit": limit, "q": q, "kind": kind, "with_credit": with_credit})

    def add_customer(self, body: CustomerSent, *, key: str | None = None) -> CustomerOut:
        """Add a customer or prospect."""
        return self.change("/customers", body, key)  # type: ignore[no-any-return]

    def get_customer(self, username: str) -> CustomerOut:
        """One customer. The ETag names this state of them, for If-Match."""
        return self.read(f"/customers/{_in_path(username)}", {})  # type: ignore[no-any-return]

    def change_customer(
        self, username: str, body: CustomerChanged, *, version: str | None = None
    ) -> CustomerOut:
        """Change some fields of a customer."""
        return self.update(f"/customers/{_in_path(username)}", body, version)  # type: ignore[no-any-return]

    def get_balances(
        self, username: str, *, as_of: str | None = None, view: Literal["effective", "recorded"] | None = None
    ) -> Balances:
        """What is available, held and owing now; or what was available and held as of any moment."""
        return self.read(f"/customers/{_in_path(username)}/balances", {"as_of": as_of, "view": view})  # type: ignore[no-any-return]

    def list_credits(self, *, customer: str, limit: int | None = None) -> Iterator[CreditOut]:
        """A customer's credits, the newest first."""
        return self.pages("/credits", {"limit": limit, "customer": customer})

    def give_credit(self, body: CreditSent, *, key: str | None = None) -> CreditOut:
        """Give credit by hand."""
        return self.change("/credits", body, key)  # type: ignore[no-any-return]

    def expire_credits(self, body: Nothing, *, key: str | None = None) -> Expired:
        """Expire what is available of every credit whose time is over, as `tillbook expire` does
        each day.
        """
        return self.change("/credits:expire", body, key)  # type: ignore[no-any-return]

    def get_credit(self, number: str) -> CreditOut:
        """One credit."""
        return self.read(f"/credits/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def spend_credit(self, body: TakingSent, *, key: str | None = None) -> Spend:
        """Pay with credit at once."""
        return self.change("/spends", body, key)  # type: ignore[no-any-return]

    def hold_credit(self, body: TakingSent, *, key: str | None = None) -> HoldOut:
        """Set credit aside: it is no longer available, and not yet gone."""
        return self.change("/holds", body, key)  # type: ignore[no-any-return]

    def get_hold(self, number: str) -> HoldOut:
        """One hold, as it stands."""
        return self.read(f"/holds/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def capture_hold(self, number: str, body: CaptureSent, *, key: str | None = None) -> HoldOut:
        """End a hold: its amount, or the part given, is gone. The rest is available again."""
        return self.change(f"/holds/{_in_path(number)}/capture", body, key)  # type: ignore[no-any-return]

    def release_hold(self, number: str, body: Nothing, *, key: str | None = None) -> HoldOut:
        """End a hold: all of it is available again."""
        return self.change(f"/holds/{_in_path(number)}/release", body, key)  # type: ignore[no-any-return]

    def restore_credit(self, body: RestoreSent, *, key: str | None = None) -> Spend:
        """Give back what credit paid, to the same credits."""
        return self.change("/restores", body, key)  # type: ignore[no-any-return]

    def give_credits(self, body: CreditBatch) -> CreditOutcomes:
        """Give up to 10,000 credits by hand."""
        return self.post("/credits:batch", body)  # type: ignore[no-any-return]

    def spend_credits(self, body: SpendBatch) -> SpendOutcomes:
        """Make up to 10,000 spends."""
        return self.post("/spends:batch", body)  # type: ignore[no-any-return]

    def list_overpayments(self, *, limit: int | None = None) -> Iterator[OverpaymentOut]:
        """What was paid too much and nobody has dealt with, the oldest first."""
        return self.pages("/overpayments", {"limit": limit})

    def keep_overpayment(self, number: str, body: Nothing, *, key: str | None = None) -> CreditOut:
        """Keep it as credit of the customer: it leaves the list, and no money moves. `number` is its
        credit's.
        """
        return self.change(f"/overpayments/{_in_path(number)}/keep", body, key)  # type: ignore[no-any-return]

    def list_orders(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        customer: str | None = None,
        paid_status: Literal["pending", "part_paid", "fully_paid", "over_paid"] | None = None,
        status: Literal["open", "cancelled"] | None = None,
    ) -> Iterator[OrderOut]:
        """Orders, the last placed first."""
        return self.pages(
            "/orders",
            {"limit": limit, "q": q, "customer": customer, "paid_status": paid_status, "status": status},
        )

    def place_order(self, body: OrderSent, *, key: str | None = None) -> OrderDetail:
        """Place an order. Credit that was spent on its number before pays it."""
        return self.change("/orders", body, key)  # type: ignore[no-any-return]

    def get_order(self, number: str) -> OrderDetail:
        """One order. The ETag names this state of it, for If-Match."""
        return self.read(f"/orders/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def edit_order(
        self, number: str, body: OrderChanged, *, key: str | None = None, version: str | None = None
    ) -> OrderDetail:
        """Change an order; what was then paid too much is credit at once. With If-Match, the ETag of
        the order as it was read, it is refused if anything of it changed since.
        """
        return self.change(f"/orders/{_in_path(number)}/edit", body, key, version)  # type: ignore[no-any-return]

    def cancel_order(self, number: str, body: Because, *, key: str | None = None) -> OrderDetail:
        """Cancel an order: credit goes back to the same credits, holds end, money received becomes
        credit.
        """
        return self.change(f"/orders/{_in_path(number)}/cancel", body, key)  # type: ignore[no-any-return]

    def list_payments(self, number: str) -> Payments:
        """All payments of an order, voided ones too, as they came in."""
        return self.read(f"/orders/{_in_path(number)}/payments", {})  # type: ignore[no-any-return]

    def receive_payment(self, number: str, body: PaymentSent, *, key: str | None = None) -> PaymentOut:
        """Record money that came in; what is more than the order owes becomes a credit at once."""
        return self.change(f"/orders/{_in_path(number)}/payments", body, key)  # type: ignore[no-any-return]

    def get_payment(self, number: str) -> PaymentOut:
        """One payment."""
        return self.read(f"/payments/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def void_payment(self, number: str, body: Because, *, key: str | None = None) -> VoidedOut:
        """Void a payment that bounced or was a mistake; credit it made is taken back as far as it is
        unspent.
        """
        return self.change(f"/payments/{_in_path(number)}/void", body, key)  # type: ignore[no-any-return]

    def note_payment_paid_back(
        self, number: str, body: PaidBackSent, *, key: str | None = None
    ) -> PaymentOut:
        """Note what its gateway paid back past Tillbook: so much less may go back to the charge from
        here.
        """
        return self.change(f"/payments/{_in_path(number)}/paid-back", body, key)  # type: ignore[no-any-return]

    def list_rmas(
        self,
        *,
        limit: int | None = None,
        customer: str | None = None,
        order: str | None = None,
        status: Literal["open", "closed", "cancelled"] | None = None,
    ) -> Iterator[RmaOut]:
        """Returns, the newest first."""
        return self.pages("/rmas", {"limit": limit, "customer": customer, "order": order, "status": status})

    def open_rma(self, body: RmaSent, *, key: str | None = None) -> RmaDetail:
        """Open a return. It counts on its order at once, and gives nothing back before it is closed.
        With `close` it is closed in the same step.
        """
        return self.change("/rmas", body, key)  # type: ignore[no-any-return]

    def get_rma(self, number: str) -> RmaDetail:
        """One return."""
        return self.read(f"/rmas/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def get_note(self, number: str) -> bytes:
        """The adjustment note of a return that was closed with credit, as a PDF."""
        return self.file(f"/rmas/{_in_path(number)}/note")

    def close_rma(self, number: str, body: Nothing, *, key: str | None = None) -> RmaDetail:
        """Close a return and issue its credit, with an adjustment note."""
        return self.change(f"/rmas/{_in_path(number)}/close", body, key)  # type: ignore[no-any-return]

    def close_rma_without_credit(self, number: str, body: NoteSent, *, key: str | None = None) -> RmaDetail:
        """Close a return with nothing given back; its order's lines may be returned again."""
        return self.change(f"/rmas/{_in_path(number)}/close-without-credit", body, key)  # type: ignore[no-any-return]

    def cancel_rma(self, number: str, body: Because, *, key: str | None = None) -> RmaDetail:
        """Cancel an open return, as if nothing had been announced."""
        return self.change(f"/rmas/{_in_path(number)}/cancel", body, key)  # type: ignore[no-any-return]

    def send_note(self, number: str, body: Nothing, *, key: str | None = None) -> Mailed:
        """Mail the adjustment note of a closed return to the customer. Another key sends another
        copy.
        """
        return self.change(f"/rmas/{_in_path(number)}/send-note", body, key)  # type: ignore[no-any-return]

    def list_webhooks(self, *, limit: int | None = None) -> Iterator[WebhookOut]:
        """All webhooks, in the order in which they were added."""
        return self.pages("/webhooks", {"limit": limit})

    def add_webhook(self, body: WebhookSent, *, key: str | None = None) -> WebhookMade:
        """Send events to an address from now on."""
        return self.change("/webhooks", body, key)  # type: ignore[no-any-return]

    def get_webhook(self, number: str) -> WebhookOut:
        """One webhook."""
        return self.read(f"/webhooks/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def change_webhook(self, number: str, body: WebhookChanged, *, version: str | None = None) -> WebhookOut:
        """Change some fields of a webhook."""
        return self.update(f"/webhooks/{_in_path(number)}", body, version)  # type: ignore[no-any-return]

    def remove_webhook(self, number: str, body: Nothing, *, key: str | None = None) -> WebhookOut:
        """End a webhook, its secret and its deliveries."""
        return self.change(f"/webhooks/{_in_path(number)}/remove", body, key)  # type: ignore[no-any-return]

    def list_deliveries(
        self,
        number: str,
        *,
        limit: int | None = None,
        state: Literal["pending", "delivered", "given_up"] | None = None,
    ) -> Iterator[DeliveryOut]:
        """A webhook's deliveries, those of the newest events first."""
        return self.pages(f"/webhooks/{_in_path(number)}/deliveries", {"limit": limit, "state": state})

    def resend_delivery(self, number: str, body: Nothing, *, key: str | None = None) -> DeliveryOut:
        """Send it once more, with the same `webhook-id`."""
        return self.change(f"/deliveries/{_in_path(number)}/resend", body, key)  # type: ignore[no-any-return]

    def list_refunds(
        self,
        *,
        limit: int | None = None,
        status: Literal["requested", "approved", "completed", "declined", "failed"] | None = None,
        kind: Literal["refund", "reversal"] | None = None,
        method: str | None = None,
        customer: str | None = None,
        requested_from: str | None = None,
        requested_to: str | None = None,
        requested_by: str | None = None,
        amount_from: str | None = None,
        amount_to: str | None = None,
        currency: str | None = None,
    ) -> Iterator[RefundOut]:
        """Refunds and reversals, the oldest first, as the queue has them."""
        return self.pages(
            "/refunds",
            {
                "limit": limit,
                "status": status,
                "kind": kind,
                "method": method,
                "customer": customer,
                "requested_from": requested_from,
                "requested_to": requested_to,
                "requested_by": requested_by,
                "amount_from": amount_from,
                "amount_to": amount_to,
                "currency": currency,
            },
        )

    def request_refund(self, body: RefundSent, *, key: str | None = None) -> RefundWithCredits:
        """Ask for a refund: its amount is held from now on. An admin completes or declines it."""
        return self.change("/refunds", body, key)  # type: ignore[no-any-return]

    def get_refund(self, number: str) -> RefundWithCredits:
        """One refund, and the credits it comes from."""
        return self.read(f"/refunds/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def complete_refund(
        self, number: str, body: CompletionSent, *, key: str | None = None, version: str | None = None
    ) -> RefundWithCredits:
        """Mark as paid and complete: the credit is gone for good. It says that the shop paid, and
        pays nobody. With If-Match, the ETag of the refund as it was read, it is refused if
        anything of it changed since.
        """
        return self.change(f"/refunds/{_in_path(number)}/complete", body, key, version)  # type: ignore[no-any-return]

    def decline_refund(self, number: str, body: DeclineSent, *, key: str | None = None) -> RefundWithCredits:
        """Decline with a reason: the amount is available again."""
        return self.change(f"/refunds/{_in_path(number)}/decline", body, key)  # type: ignore[no-any-return]

    def approve_refund(
        self, number: str, body: ApprovalSent, *, key: str | None = None, version: str | None = None
    ) -> RefundWithCredits:
        """Agree to it exactly as it stands. A later change of where it goes ends the approval. With
        If-Match, the ETag of the refund as it was read, it is refused if anything of it changed
        since.
        """
        return self.change(f"/refunds/{_in_path(number)}/approve", body, key, version)  # type: ignore[no-any-return]

    def redirect_refund(
        self, number: str, body: RefundChanged, *, key: str | None = None, version: str | None = None
    ) -> RefundWithCredits:
        """Correct where an open refund goes: its approvals end. With If-Match, the ETag of the
        refund as it was read, it is refused if anything of it changed since.
        """
        return self.change(f"/refunds/{_in_path(number)}/redirect", body, key, version)  # type: ignore[no-any-return]

    def fail_refund(self, number: str, body: FailSent, *, key: str | None = None) -> RefundWithCredits:
        """The money did not arrive: it is credit again, the same credits on the same terms."""
        return self.change(f"/refunds/{_in_path(number)}/fail", body, key)  # type: ignore[no-any-return]

    def reveal_account(self, number: str, body: Nothing, *, key: str | None = None) -> Account:
        """Tell the payee's whole bank account. The history keeps who asked."""
        return self.change(f"/refunds/{_in_path(number)}/reveal-account", body, key)  # type: ignore[no-any-return]

    def get_slip(self, number: str) -> bytes:
        """The refund slip, as a PDF. A reversal has none: it pays nobody."""
        return self.file(f"/refunds/{_in_path(number)}/slip")

    def send_slip(self, number: str, body: Nothing, *, key: str | None = None) -> Mailed:
        """Mail the refund slip to the customer. Another key sends another copy."""
        return self.change(f"/refunds/{_in_path(number)}/send-slip", body, key)  # type: ignore[no-any-return]

    def reverse_credit(self, number: str, body: ReversalSent, *, key: str | None = None) -> RefundWithCredits:
        """Ask for a credit given by mistake to be taken back: an admin completes or declines it."""
        return self.change(f"/credits/{_in_path(number)}/reverse", body, key)  # type: ignore[no-any-return]

    def list_unclaimed(
        self,
        *,
        limit: int | None = None,
        as_of: str | None = None,
        currency: str | None = None,
        stale: bool | None = None,
    ) -> Iterator[UnclaimedOut]:
        """Refunds whose money nobody has: cheques not presented, cash not collected, what nobody
        paid.
        """
        return self.pages(
            "/unclaimed", {"limit": limit, "as_of": as_of, "currency": currency, "stale": stale}
        )

    def receive_refund(self, number: str, body: ReceiptSent, *, key: str | None = None) -> RefundWithCredits:
        """Mark as presented, collected or claimed: the payee has the money of a completed refund."""
        return self.change(f"/refunds/{_in_path(number)}/receive", body, key)  # type: ignore[no-any-return]

    def number_cheque(self, number: str, body: ChequeSent, *, key: str | None = None) -> RefundWithCredits:
        """Say or correct which cheque pays a refund: a bank's statement then shows when it is
        presented.
        """
        return self.change(f"/refunds/{_in_path(number)}/cheque", body, key)  # type: ignore[no-any-return]

    def cancel_refund(self, number: str, body: StaleSent, *, key: str | None = None) -> RefundWithCredits:
        """Cancel a stale refund: its amount is credit again, the same credits on the same terms."""
        return self.change(f"/refunds/{_in_path(number)}/cancel", body, key)  # type: ignore[no-any-return]

    def cancel_refunds(self, body: StaleBatch) -> StaleOutcomes:
        """Cancel up to 1,000 stale refunds. Each stands alone, and sent again each is cancelled
        once.
        """
        return self.post("/refunds:cancel", body)  # type: ignore[no-any-return]

    def list_asks(
        self,
        *,
        limit: int | None = None,
        status: Literal["waiting", "accepted", "declined", "withdrawn"] | None = None,
        customer: str | None = None,
    ) -> Iterator[AskOut]:
        """What customers asked for, the oldest first."""
        return self.pages("/asks", {"limit": limit, "status": status, "customer": customer})

    def get_ask(self, number: str) -> AskOut:
        """One of them."""
        return self.read(f"/asks/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def accept_ask(self, number: str, body: AskAccepted, *, key: str | None = None) -> AskOut:
        """Request the refund that the customer wants; its amount is held from now on."""
        return self.change(f"/asks/{_in_path(number)}/accept", body, key)  # type: ignore[no-any-return]

    def decline_ask(self, number: str, body: AskDeclined, *, key: str | None = None) -> AskOut:
        """Decline with a reason, which the customer reads."""
        return self.change(f"/asks/{_in_path(number)}/decline", body, key)  # type: ignore[no-any-return]

    def send_customer_link(self, username: str, body: Nothing, *, key: str | None = None) -> LinkOut:
        """Have a link to their own page mailed to the customer. It works once, for a short time."""
        return self.change(f"/customers/{_in_path(username)}/links", body, key)  # type: ignore[no-any-return]

    def get_customer_statement(self, username: str, currency: str) -> bytes:
        """The statement of a customer's credit in one currency, as their own page has it: a PDF."""
        return self.file(f"/customers/{_in_path(username)}/statement/{_in_path(currency)}")

    def list_charges(
        self, *, customer: str, credit: str | None = None, currency: str | None = None
    ) -> Charges:
        """Which charges credit came from, and how much of it may go back to each."""
        return self.read("/charges", {"customer": customer, "credit": credit, "currency": currency})  # type: ignore[no-any-return]

    def list_sources(self) -> Iterator[SourceOut]:
        """The accounts of the shop that refunds are paid from."""
        return self.pages("/sources", {})

    def add_source(self, body: SourceSent, *, key: str | None = None) -> SourceOut:
        """Add an account to pay from."""
        return self.change("/sources", body, key)  # type: ignore[no-any-return]

    def list_payouts(self, *, limit: int | None = None) -> Iterator[PayoutOut]:
        """Payouts, the newest first."""
        return self.pages("/payouts", {"limit": limit})

    def create_payout(self, body: PayoutSent, *, key: str | None = None) -> PayoutWithItems:
        """Put refunds into one file for the bank. A refund named that can't go refuses the whole."""
        return self.change("/payouts", body, key)  # type: ignore[no-any-return]

    def get_payout(self, number: str) -> PayoutWithItems:
        """One payout, and the state of each refund in it."""
        return self.read(f"/payouts/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def cancel_payout(self, number: str, body: CancelSent, *, key: str | None = None) -> PayoutWithItems:
        """The file did not go to the bank: its refunds wait again."""
        return self.change(f"/payouts/{_in_path(number)}/cancel", body, key)  # type: ignore[no-any-return]

    def get_file(self, number: str) -> bytes:
        """The file for the bank, the same bytes every time. The history keeps who took it."""
        return self.file(f"/payouts/{_in_path(number)}/file")

    def list_gateways(self) -> Iterator[GatewayOut]:
        """The shop's accounts at payment gateways."""
        return self.pages("/gateways", {})

    def add_gateway(self, body: GatewaySent, *, key: str | None = None) -> GatewayOut:
        """Add the shop's account at a gateway, or replace its secrets. They are kept sealed."""
        return self.change("/gateways", body, key)  # type: ignore[no-any-return]

    def remove_gateway(self, gateway: str, body: Nothing, *, key: str | None = None) -> GatewayOut:
        """Forget the account and its secrets, once no refund is on its way through it."""
        return self.change(f"/gateways/{_in_path(gateway)}/remove", body, key)  # type: ignore[no-any-return]

    def check_gateway(self, gateway: str) -> GatewayCheck:
        """Ask the gateway whether it takes the account's secrets. It changes nothing."""
        return self.read(f"/gateways/{_in_path(gateway)}/check", {})  # type: ignore[no-any-return]

    def send_refund(
        self, number: str, body: Nothing, *, key: str | None = None, version: str | None = None
    ) -> RefundWithCredits:
        """Send it through its gateway. The answer is how it stood before the gateway's own: read it
        again. With If-Match, the ETag of the refund as it was read, it is refused if anything of
        it changed since.
        """
        return self.change(f"/refunds/{_in_path(number)}/send", body, key, version)  # type: ignore[no-any-return]

    def ask_refund(self, number: str, body: Nothing, *, key: str | None = None) -> RefundWithCredits:
        """Ask its gateway now what became of it. It is asked again by itself, too."""
        return self.change(f"/refunds/{_in_path(number)}/ask", body, key)  # type: ignore[no-any-return]

    def end_refund(self, number: str, body: EndSent, *, key: str | None = None) -> RefundWithCredits:
        """End by hand what its gateway has said nothing about for a month."""
        return self.change(f"/refunds/{_in_path(number)}/end", body, key)  # type: ignore[no-any-return]

    def list_statements(self, *, limit: int | None = None) -> Iterator[StatementOut]:
        """Statements that were read, the newest first."""
        return self.pages("/statements", {"limit": limit})

    def read_statement(self, body: StatementSent, *, key: str | None = None) -> StatementWithBookings:
        """Read a statement: what was paid is completed, what came back is credit again, once."""
        return self.change("/statements", body, key)  # type: ignore[no-any-return]

    def get_statement(self, number: str) -> StatementWithBookings:
        """One statement, and what it did."""
        return self.read(f"/statements/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def list_transfers(
        self,
        *,
        customer: str,
        limit: int | None = None,
        credit: str | None = None,
        reference: str | None = None,
    ) -> Iterator[TransferOut]:
        """The transfers of a customer's credits, the oldest first; those of one credit in its own
        order.
        """
        return self.pages(
            "/transfers", {"limit": limit, "customer": customer, "credit": credit, "reference": reference}
        )

    def list_events(
        self,
        *,
        limit: int | None = None,
        customer: str | None = None,
        subject: str | None = None,
        action: str | None = None,
    ) -> Iterator[EventOut]:
        """What happened to customers and their documents, the newest first."""
        return self.pages(
            "/events", {"limit": limit, "customer": customer, "subject": subject, "action": action}
        )

    def get_credit_provenance(self, number: str) -> CreditProvenanceOut:
        """What a credit arose from, and where each cent of it went."""
        return self.read(f"/credits/{_in_path(number)}/provenance", {})  # type: ignore[no-any-return]

    def get_refund_provenance(self, number: str) -> RefundProvenanceOut:
        """Which credits a refund's money came from, and what each of them arose from."""
        return self.read(f"/refunds/{_in_path(number)}/provenance", {})  # type: ignore[no-any-return]

    def recalculate_customer(
        self, username: str, body: RecalculationSent, *, key: str | None = None
    ) -> RecalculationOut:
        """Compare every figure of the customer with the history, and explain each difference."""
        return self.change(f"/customers/{_in_path(username)}/recalculate", body, key)  # type: ignore[no-any-return]

    def list_verifications(self, *, limit: int | None = None) -> Iterator[VerificationOut]:
        """The checks of the book, those of the command too."""
        return self.pages("/verifications", {"limit": limit})

    def start_verification(
        self, body: VerificationSent, *, key: str | None = None
    ) -> VerificationWithProgress:
        """Start a check of the whole book, and answer at once: look for its end by its number."""
        return self.change("/verifications", body, key)  # type: ignore[no-any-return]

    def get_verification(self, number: str) -> VerificationWithProgress:
        """One check: how far it is, or what it found."""
        return self.read(f"/verifications/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def get_settings(self) -> SettingsOut:
        """The shop's settings: what may be chosen, and the rules that hold."""
        return self.read("/settings", {})  # type: ignore[no-any-return]

    def get_numbering(self) -> NumberingOut:
        """The number that comes next in each series."""
        return self.read("/settings/numbering", {})  # type: ignore[no-any-return]

    def change_numbering(self, body: NumberingChanged, *, version: str | None = None) -> NumberingOut:
        """Begin series above those of the system before. Numbers only count up, and none is given
        twice.
        """
        return self.update("/settings/numbering", body, version)  # type: ignore[no-any-return]

    def list_mails(
        self,
        *,
        limit: int | None = None,
        customer: str | None = None,
        state: Literal["waiting", "sending", "sent", "unknown", "failed", "dropped"] | None = None,
    ) -> Iterator[MailOut]:
        """Mails, the newest first. Those to users of the shop are for who manages users."""
        return self.pages("/mails", {"limit": limit, "customer": customer, "state": state})

    def preview_mail(
        self,
        *,
        kind: Literal[
            "credit_issued",
            "credit_expiring",
            "ask_declined",
            "refund_requested",
            "refund_paid",
            "refund_failed",
        ],
        customer: str | None = None,
    ) -> MailPreview:
        """What a mail would say: made by the code that sends it, of the text that is saved."""
        return self.read("/mails/preview", {"kind": kind, "customer": customer})  # type: ignore[no-any-return]

    def send_mail_again(self, number: str, body: NothingSent, *, key: str | None = None) -> MailOut:
        """Send a mail once more that did not go, or may not have."""
        return self.change(f"/mails/{_in_path(number)}/send-again", body, key)  # type: ignore[no-any-return]

    def leave_mail(self, number: str, body: NothingSent, *, key: str | None = None) -> MailOut:
        """Decide that a mail which did not go, or may not have, is not sent again."""
        return self.change(f"/mails/{_in_path(number)}/leave", body, key)  # type: ignore[no-any-return]


def _in_path(text: str) -> str:
    return quote(text, safe="")
