"""The refund slip: a PDF, one page for each refund, made to be handed to a person.

What the page says is decided here and passed as JSON; how it looks stands in slip.typ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound
from tillbook.common.pdf import compiled
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.refunds import proof
from tillbook.refunds.accounts import mask
from tillbook.refunds.charges import charge_to, masked
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.state import OPEN
from tillbook.shop import papers
from tillbook.shop.details import Asked
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("slip.typ")
_ROWS = 40  # credits listed one by one; more are summed up in a line
_SHORT_AMOUNT = 12  # characters that fit the panel in the largest type


class NoSlip(NotFound):
    """A reversal pays nobody: it has no slip."""

    code = "no_slip"


def render(refunds: Sequence[Refund], *, left_out: Sequence[str] = ()) -> bytes:
    """The slips of `refunds` as one PDF, a page each, in the order given.

    A last page, for whoever prints them, names the reversals `left_out`.
    Load the refunds with their customer, sources and credits: `refunds.queries.by_ids` does.
    Raises ValueError for no refunds at all, NoSlip for a reversal, PdfError when the compiler warns.
    """
    if not refunds:
        raise ValueError("There is no refund to print.")
    for refund in refunds:
        _check_pays(refund)
    with papers.shops_language():
        inputs = {
            "slips": json.dumps([papers.with_characters(_slip(refund)) for refund in refunds]),
            "title": _document_title(refunds),
            "left_out": _left_out(left_out),
            "logo": papers.logo(),
            "language": settings.LANGUAGE_CODE,
        }
    return compiled(_TEMPLATE, inputs)


def _check_pays(refund: Refund) -> None:
    if refund.pays_nobody:
        raise NoSlip(
            _("%(number)s is a reversal: nobody is paid, so it has no slip.") % {"number": refund.number},
            field="refund",
        )


def _document_title(refunds: Sequence[Refund]) -> str:
    if len(refunds) == 1:
        return _("Refund slip %(number)s") % {"number": refunds[0].number}
    return _("Refund slips")


def _left_out(numbers: Sequence[str]) -> str:
    text = _("Without a slip, because nobody is paid: %(numbers)s.")
    return text % {"numbers": ", ".join(numbers)} if numbers else ""


def _slip(refund: Refund) -> dict[str, Any]:
    """Everything one page says, as plain text."""
    policy = shop()
    return {
        "words": _words(),
        "number": refund.number,
        "shop": {"name": papers.cut(policy.name), "address": papers.shop_lines()},
        "amount": _amount(refund),
        "state": _state(refund),
        "facts": _facts(refund),
        "credits": _credits(refund),
        "record": _record(refund),
        "proof": _proof(refund),
    }


def _proof(refund: Refund) -> dict[str, str]:
    """The code that tells a true slip from another, and where to check it."""
    address = proof.address_of(refund.number)
    return {
        "code": _("Code %(code)s") % {"code": proof.code_of(refund.number)},
        "address": _("Check this slip at %(address)s") % {"address": address} if address else "",
        "picture": proof.picture_of(address) if address else "",
    }


def _words() -> dict[str, str]:
    """Its titles and the heads of its columns."""
    return {
        "title": _("Refund slip"), "amount": _("Refund amount"), "credits": _("Credit it comes from"),
        "head_credit": _("Credit"), "head_source": _("Source"), "head_amount": _("Amount"),
        "gaps": _("Some characters could not be printed. Their place shows an empty box."),
    }  # fmt: skip


def _amount(refund: Refund) -> dict[str, Any]:
    text = papers.money(refund.amount_minor, refund.currency)
    return {
        "text": text,
        "currency": refund.currency,
        "size": 32 if len(text) <= _SHORT_AMOUNT else 22,  # points
    }


def _state(refund: Refund) -> dict[str, str]:
    """The state's key, its name, and what it means for whoever holds the slip."""
    sentences = {
        Refund.Status.REQUESTED: _("Recorded. Not yet completed."),
        Refund.Status.APPROVED: _("Recorded and approved. Not yet completed."),
        Refund.Status.COMPLETED: _("Paid on %(day)s."),
        Refund.Status.DECLINED: _("Declined on %(day)s. The credit is available again."),
        Refund.Status.FAILED: _("The payment came back on %(day)s. The credit is available again."),
    }
    status = Refund.Status(refund.status)
    if refund.was_unclaimed:  # nothing came back, and it may never have been paid
        sentences[status] = _("Nobody took the money. The credit is available again since %(day)s.")
    sentence = sentences[status] % {"day": papers.day(refund.resolved_at)}
    return {"key": status.value, "label": str(status.label), "sentence": sentence}


def _facts(refund: Refund) -> list[dict[str, Any]]:
    people = [(_("Recorded"), [papers.day(refund.requested_at)]), (_("Staff member"), [refund.requested_by])]
    if refund.resolved_at is not None:
        by = {
            Refund.Status.COMPLETED: _("Completed by"),
            Refund.Status.DECLINED: _("Declined by"),
            Refund.Status.FAILED: _("Failed by"),
        }
        people.append((by[Refund.Status(refund.status)], [refund.resolved_by]))
    facts = [(_("Customer"), _customer(refund.customer)), *_payment_facts(refund), *people]
    return [{"label": label, "lines": [papers.cut(line) for line in lines]} for label, lines in facts]


def _customer(customer: Customer) -> list[str]:
    names = [customer.display_name, customer.company, customer.username]
    return list(dict.fromkeys(name for name in names if name))  # each once, in this order


def _payment_facts(refund: Refund) -> list[tuple[str, list[str]]]:
    return [
        (_("Payee"), _payee(refund)),
        (_("Refund method"), [str(refund.get_method_display())]),
        (_("Payment date"), [papers.date_of(refund.payment_date)]),
    ]


def _payee(refund: Refund) -> list[str]:
    """Whom the money goes to, with the details that the method asks for."""
    details = {
        "bank_account": [_("Account %(number)s") % {"number": mask(refund.bank_account)}]
        if refund.bank_account
        else [],
        "paypal_email": [refund.paypal_email],
        "postal_address": papers.address(refund.postal_address),
        "reference": [_("Reference %(reference)s") % {"reference": refund.payee_reference}]
        if refund.payee_reference
        else [],
    }
    charge = [_("Charge %(charge)s") % {"charge": masked(charge_to(refund))}] if refund.charge else []
    method = shop().methods.get(refund.method)
    asked = [name for name in details if method is None or method.asks(name) != Asked.NOT_ASKED]
    return [
        each
        for each in (
            refund.payee_name or refund.customer.display_name,
            *charge,
            *(line for name in asked for line in details[name]),
        )
        if each
    ]


def _credits(refund: Refund) -> dict[str, Any]:
    sources = list(refund.sources.all())
    shown, summed = (sources, []) if len(sources) <= _ROWS else (sources[: _ROWS - 1], sources[_ROWS - 1 :])
    total = papers.money(sum(source.amount_minor for source in summed), refund.currency)
    return {
        "rows": [_credit_row(source, refund.currency) for source in shown],
        "rest": _("and %(count)s more credits, together %(total)s") % {"count": len(summed), "total": total}
        if summed
        else "",
    }


def _credit_row(source: RefundSource, currency: str) -> dict[str, str]:
    return {
        "number": source.credit.number,
        "source": papers.cut(_source(source.credit)),
        "amount": papers.money(source.amount_minor, currency),
    }


def _source(credit: Credit) -> str:
    """ "Order 1042", "RMA-1042", "Manual": the source's name and its document."""
    name, reference = str(credit.get_source_display()), credit.source_reference
    return reference if reference.startswith(name) else f"{name} {reference}".strip()


def _record(refund: Refund) -> list[str]:
    if refund.status in OPEN:
        what = _("This slip is a record of a refund. It is not a payment: the shop pays by the method above.")
    else:
        what = _("This slip is a record of a refund. It is not a payment and cannot be exchanged for money.")
    asks = _("Questions? Write to %(email)s and name %(number)s.")
    email = shop().email
    return [what, asks % {"email": papers.cut(email), "number": refund.number}] if email else [what]
