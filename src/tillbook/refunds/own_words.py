"""Credit and refunds in the words that their customer reads: nothing of who did it, or of internal notes."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from tillbook.credit.models import Credit, Source
from tillbook.credit.running import Line
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.state import OPEN
from tillbook.shop import papers

_SHOWN = 6  # characters of a masked account: half of them dots


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a refund: its state in a word, and a sentence on what that means."""

    word: str
    sentence: str


def credit_for(credit: Credit) -> str:
    """What a credit is for: "Overpayment of order 1042". What staff gave it for is told by its note."""
    told = {
        Source.OVERPAYMENT: _("Overpayment of order %(number)s"),
        Source.RETURN: _("Return %(number)s"),
    }
    if credit.source not in told or not credit.source_reference:
        return _("Credit from us")
    return told[Source(credit.source)] % {"number": credit.source_reference}


def refund_state(refund: Refund) -> Told:
    """How the refund stands; the reason of a refusal is internal."""
    day = {"day": papers.day(refund.resolved_at)}
    if refund.was_unclaimed:  # nothing came back, and it may never have been paid
        return Told(
            _("Not collected"), _("Nobody took the money. Since %(day)s it is credit of yours again.") % day
        )
    if refund.pays_nobody and refund.status in OPEN:
        return Told(_("Under way"), _("We are checking a credit that was given by mistake."))
    if refund.pays_nobody and refund.status == Refund.Status.COMPLETED:
        return Told(_("Taken back"), _("A credit given by mistake was taken back on %(day)s.") % day)
    told = {
        Refund.Status.REQUESTED: (_("Under way"), _("We are checking it. The amount is set aside for you.")),
        Refund.Status.APPROVED: (_("Approved"), _("It will be paid soon. The amount is set aside for you.")),
        Refund.Status.COMPLETED: (_("Paid"), _("Paid on %(day)s.") % day),
        Refund.Status.DECLINED: (
            _("Declined"), _("Declined on %(day)s. The amount is credit of yours again.") % day,
        ),
        Refund.Status.FAILED: (
            _("Came back"), _("The payment came back on %(day)s. The amount is credit of yours again.") % day,
        ),
    }  # fmt: skip
    return Told(*told[Refund.Status(refund.status)])


def goes_to(each: Refund | Ask) -> str:
    """By which way and to where, of an account number only the end: "Bank transfer to •••911"."""
    method = each.get_method_display()
    account = mask(each.bank_account)[-_SHOWN:] if each.bank_account else each.paypal_email
    return _("%(method)s to %(account)s") % {"method": method, "account": account} if account else method


def line_for(line: Line) -> str:
    """What moved the customer's credit, and the document that it was for."""
    row = line.transfer
    said = _came(row) if row.inward else _went(row)
    return said % {"number": row.reference} if row.reference else said.replace("%(number)s", "").strip()


def _came(row: Transfer) -> str:
    if row.house == House.ORDERS:
        return _("Given back from order %(number)s")
    if row.house == House.PAYOUTS:  # it came back, or nobody took it: its own state says which
        return _("Refund %(number)s is credit again")
    if row.house == House.SALES_RETURNS:
        return _("Return %(number)s")
    if row.reason == "order_cancelled":
        return _("Paid for cancelled order %(number)s")
    is_order = row.house == House.RECEIPTS and row.reference and not row.reference.startswith("CR-")
    return _("Overpayment of order %(number)s") if is_order else _("Credit from us")


def _went(row: Transfer) -> str:
    if row.house == House.ORDERS:
        return _("Paid for order %(number)s")
    if row.house == House.PAYOUTS:
        return _("Refund %(number)s")
    if row.house == House.BREAKAGE:
        return _("Expired")
    if row.kind == Kind.CAPTURE:
        return _("Credit taken back")
    return _("Taken back for order %(number)s")
