"""The program's own names as words: of actions, figures, fields and codes, in the reader's language.

The book keeps names, never words: what was written while somebody read German is read by others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy, gettext_noop

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

#: action -> what happened, as people call it. An action that is not here is said by its name.
ACTIONS: dict[str, StrOrPromise] = {
    "credit.issued": gettext_lazy("Credit issued"),
    "credit.kept": gettext_lazy("Overpayment kept as credit"),
    "credit.spent": gettext_lazy("Credit spent"),
    "credit.held": gettext_lazy("Credit held"),
    "credit.captured": gettext_lazy("Held credit used"),
    "credit.released": gettext_lazy("Held credit released"),
    "credit.restored": gettext_lazy("Credit given back"),
    "credit.given_back": gettext_lazy("Credit of a refund given back"),
    "credit.reversed": gettext_lazy("Credit taken back"),
    "credit.extended": gettext_lazy("Credit extended"),
    "credit.expiring": gettext_lazy("Credit about to expire"),
    "credit.expired": gettext_lazy("Credit expired"),
    "refund.requested": gettext_lazy("Refund requested"),
    "refund.approved": gettext_lazy("Refund approved"),
    "refund.changed": gettext_lazy("Refund changed"),
    "refund.accounts_taken": gettext_lazy("List with whole account numbers taken"),
    "refund.account_revealed": gettext_lazy("Whole account number looked at"),
    "refund.entered_payout": gettext_lazy("Refund put into a payout"),
    "refund.left_payout": gettext_lazy("Refund left its payout"),
    "refund.sent": gettext_lazy("Refund sent through its gateway"),
    "refund.ended_by_hand": gettext_lazy("Ended by hand, as the gateway's own pages show it"),
    "refund.completed": gettext_lazy("Marked as paid and complete"),
    "refund.cheque_numbered": gettext_lazy("Cheque number written"),
    "refund.received": gettext_lazy("Payment received by the payee"),
    "refund.failed": gettext_lazy("Payment of the refund failed"),
    "refund.declined": gettext_lazy("Refund declined"),
    "refund.asked": gettext_lazy("Refund asked for by the customer"),
    "refund.ask_withdrawn": gettext_lazy("Customer keeps the credit"),
    "refund.ask_accepted": gettext_lazy("What the customer asked for accepted"),
    "refund.ask_declined": gettext_lazy("What the customer asked for declined"),
    "refund.reversal_requested": gettext_lazy("Refund reversal requested"),
    "refund.reversal_completed": gettext_lazy("Reversal completed"),
    "refund.reversal_declined": gettext_lazy("Reversal declined"),
    "refund.slip_sent": gettext_lazy("Refund slip sent"),
    "rma.opened": gettext_lazy("RMA opened"),
    "rma.closed": gettext_lazy("RMA closed"),
    "rma.closed_without_credit": gettext_lazy("RMA closed without credit"),
    "rma.cancelled": gettext_lazy("RMA cancelled"),
    "rma.credit_reversed": gettext_lazy("Credit of the RMA reversed"),
    "rma.note_sent": gettext_lazy("Adjustment note sent"),
    "order.placed": gettext_lazy("Order placed"),
    "order.edited": gettext_lazy("Order edited"),
    "order.cancelled": gettext_lazy("Order cancelled"),
    "order.paid_with_credit": gettext_lazy("Order paid with credit"),
    "order.credit_restored": gettext_lazy("Order credit restored"),
    "payment.received": gettext_lazy("Payment received"),
    "payment.paid_back": gettext_lazy("Charge paid back at the gateway"),
    "payment.voided": gettext_lazy("Payment voided"),
    "customer.recalculated": gettext_lazy("Account balances recalculated"),
    "customer.added": gettext_lazy("Customer added"),
    "customer.details_updated": gettext_lazy("Customer details updated"),
    "customer.link_asked": gettext_lazy("Link to the customer's own page asked for"),
    "customer.link_sent": gettext_lazy("Link to the customer's own page sent"),
    "customer.page_opened": gettext_lazy("Customer's own page opened"),
    "customer.account_updated": gettext_lazy("Customer account updated"),
    "customer.mails_chosen": gettext_lazy("Mails to the customer chosen"),
    "mail.sent_again": gettext_lazy("Mail sent again"),
    "mail.left": gettext_lazy("Mail left as it is"),
    "key.added": gettext_lazy("API key added"),
    "key.revoked": gettext_lazy("API key revoked"),
    "webhook.added": gettext_lazy("Webhook added"),
    "webhook.updated": gettext_lazy("Webhook updated"),
    "webhook.removed": gettext_lazy("Webhook removed"),
    "webhook.resent": gettext_lazy("Webhook sent again"),
    "payout.source_added": gettext_lazy("Account for payouts added"),
    "payout.made": gettext_lazy("Payout made"),
    "payout.file_taken": gettext_lazy("Payout's file taken"),
    "payout.cancelled": gettext_lazy("Payout cancelled"),
    "payout.gateway_set": gettext_lazy("Account at a gateway saved"),
    "payout.gateway_removed": gettext_lazy("Account at a gateway forgotten"),
    "settings.changed": gettext_lazy("Settings changed"),
    "user.added": gettext_lazy("User added"),
    "user.role_changed": gettext_lazy("User's role changed"),
    "user.email_changed": gettext_lazy("User's e-mail changed"),
    "user.language_chosen": gettext_lazy("User's language chosen"),
    "user.link_sent": gettext_lazy("Link to choose a password sent"),
    "user.switched_off": gettext_lazy("User switched off"),
    "user.switched_on": gettext_lazy("User switched on"),
    "user.password_set": gettext_lazy("User's password set"),
    "user.second_factor_added": gettext_lazy("Second factor added"),
    "user.second_factor_removed": gettext_lazy("Second factor removed"),
    "user.recovery_codes_made": gettext_lazy("Recovery codes made"),
    "user.session_ended": gettext_lazy("User's session ended"),
    "user.filter_saved": gettext_lazy("Filter saved"),
    "user.filter_removed": gettext_lazy("Filter deleted"),
}

# Words that are made of the names of figures, fields, codes and problems, all over the program.
_WORDS = (
    # figures, and what became of an amount; problems of a row
    gettext_noop("available"), gettext_noop("held"), gettext_noop("owing"), gettext_noop("remaining"),
    gettext_noop("usable"), gettext_noop("received"), gettext_noop("credit used"), gettext_noop("overpaid"),
    gettext_noop("taken back"), gettext_noop("returned"), gettext_noop("returned shipping"),
    gettext_noop("returned surcharge"), gettext_noop("captured"), gettext_noop("released"),
    gettext_noop("spent"), gettext_noop("paid out"), gettext_noop("expired"), gettext_noop("restored"),
    gettext_noop("given back"), gettext_noop("issued"), gettext_noop("reversed"), gettext_noop("order"),
    gettext_noop("is missing"), gettext_noop("is missing: the account knows of other transfers"),
    gettext_noop("was changed: its digest does not follow"),
    gettext_noop("resolves a hold that is not open"),
    gettext_noop("has a running balance that does not continue"),
    gettext_noop("belongs to no account"),
    gettext_noop("order placed"), gettext_noop("order edited"), gettext_noop("order cancelled"),
    gettext_noop("order paid with credit"), gettext_noop("order credit restored"),
    gettext_noop("payment received"), gettext_noop("payment voided"), gettext_noop("paid with credit"),
    # what an event tells
    gettext_noop("account"), gettext_noop("actions"), gettext_noop("address"),
    gettext_noop("adjustment note"), gettext_noop("company"), gettext_noop("country"), gettext_noop("credit"),
    gettext_noop("credit given back"), gettext_noop("credit limit"), gettext_noop("credit released"),
    gettext_noop("credits"), gettext_noop("document"), gettext_noop("email"), gettext_noop("expires at"),
    gettext_noop("file"), gettext_noop("first name"), gettext_noop("kind"), gettext_noop("language"),
    gettext_noop("last name"), gettext_noop("method"), gettext_noop("missing"),
    gettext_noop("money made credit"), gettext_noop("note"), gettext_noop("on credit hold"),
    gettext_noop("opened at"), gettext_noop("phone"), gettext_noop("placed at"),
    gettext_noop("postal address"), gettext_noop("received at"), gettext_noop("reference"),
    gettext_noop("role"), gettext_noop("to"), gettext_noop("total"), gettext_noop("username"),
    gettext_noop("none"), gettext_noop("yes"), gettext_noop("no"),
    gettext_noop("not delivered"), gettext_noop("shipping only"), gettext_noop("reversal"),
    gettext_noop("refund"),
    # what the settings, refunds and payouts tell
    gettext_noop("settings"),
    gettext_noop("shop"), gettext_noop("limits"), gettext_noop("policies"), gettext_noop("give reasons"),
    gettext_noop("return reasons"), gettext_noop("methods"), gettext_noop("mail"), gettext_noop("logo"),
    gettext_noop("name"), gettext_noop("tax number"), gettext_noop("staff credit limit"),
    gettext_noop("self completion limit"), gettext_noop("approval rules"), gettext_noop("mail name"),
    gettext_noop("mail reply to"), gettext_noop("label"), gettext_noop("house"), gettext_noop("refundable"),
    gettext_noop("days"), gettext_noop("grace days"), gettext_noop("on"), gettext_noop("fields"),
    gettext_noop("payee name"), gettext_noop("bank account"), gettext_noop("paypal email"),
    gettext_noop("required"), gettext_noop("optional"), gettext_noop("not asked"), gettext_noop("manual"),
    gettext_noop("own page"), gettext_noop("own page methods"), gettext_noop("link minutes"),
    gettext_noop("promotions"), gettext_noop("adjustments"), gettext_noop("receipts"),
    gettext_noop("payment date"), gettext_noop("approvals"), gettext_noop("approvals ended"),
    gettext_noop("cheque number"), gettext_noop("received on"), gettext_noop("unclaimed"),
    gettext_noop("stale refund days"), gettext_noop("acknowledged"), gettext_noop("changed account"),
    gettext_noop("shared account"),
    gettext_noop("new payee"), gettext_noop("payout"), gettext_noop("refunds"), gettext_noop("format"),
    gettext_noop("currency"), gettext_noop("holder"), gettext_noop("page"), gettext_noop("query"),
    gettext_noop("shared"), gettext_noop("owner"), gettext_noop("scopes"), gettext_noop("gateway"),
    gettext_noop("charge"), gettext_noop("charge first"), gettext_noop("charge first days"),
    gettext_noop("sending"), gettext_noop("paid"), gettext_noop("host"), gettext_noop("set"),
    # what mails tell
    gettext_noop("mails"), gettext_noop("no mails"), gettext_noop("expiring days"), gettext_noop("about"),
    gettext_noop("credit issued"), gettext_noop("credit expiring"), gettext_noop("ask declined"),
    gettext_noop("refund requested"),
    gettext_noop("refund paid"), gettext_noop("refund failed"), gettext_noop("approval waiting"),
    gettext_noop("texts"), gettext_noop("subject"), gettext_noop("body"),
    # codes of reasons, kinds and ways of paying
    gettext_noop("goodwill"), gettext_noop("late delivery"), gettext_noop("promotion"),
    gettext_noop("price correction"), gettext_noop("damaged goods"), gettext_noop("deposit"),
    gettext_noop("overpayment"), gettext_noop("order cancelled"), gettext_noop("return"),
    gettext_noop("given by mistake"), gettext_noop("wrong customer"), gettext_noop("wrong amount"),
    gettext_noop("duplicate"), gettext_noop("payment voided"), gettext_noop("faulty"),
    gettext_noop("damaged"), gettext_noop("not as described"), gettext_noop("wrong item"),
    gettext_noop("changed mind"), gettext_noop("other"), gettext_noop("customer"), gettext_noop("prospect"),
    gettext_noop("bank transfer"), gettext_noop("paypal"), gettext_noop("cheque"), gettext_noop("cash"),
    gettext_noop("card"),
)  # fmt: skip


def what_happened(action: str) -> str:
    """The action of an event, as the heading of its entry."""
    known = ACTIONS.get(action)
    return str(known) if known else action.replace(".", " ").replace("_", " ").capitalize()


def in_words(name: object) -> str:
    """A name of the program, such as `paid_out`, as words; any other text as it stands."""
    text = str(name)
    if text.isascii() and text.replace("_", "").replace(" ", "").islower():
        return ", ".join(gettext(part) for part in text.replace("_", " ").split(", "))
    return text
