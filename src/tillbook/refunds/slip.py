"""The refund slip: a PDF, one page for each refund, made to be handed to a person.

What the page says is decided here and passed as JSON; how it looks stands in slip.typ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tillbook.common.errors import NotFound
from tillbook.common.pdf import compiled
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.queries import mask
from tillbook.shop import papers
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
    inputs = {
        "slips": json.dumps([papers.with_characters(_slip(refund)) for refund in refunds]),
        "title": _document_title(refunds),
        "left_out": _left_out(left_out),
    }
    return compiled(_TEMPLATE, inputs)


def _check_pays(refund: Refund) -> None:
    if refund.kind == Refund.Kind.REVERSAL:
        raise NoSlip(f"{refund.number} is a reversal: nobody is paid, so it has no slip.", field="refund")


def _document_title(refunds: Sequence[Refund]) -> str:
    return f"Refund slip {refunds[0].number}" if len(refunds) == 1 else "Refund slips"


def _left_out(numbers: Sequence[str]) -> str:
    return f"Without a slip, because nobody is paid: {', '.join(numbers)}." if numbers else ""


def _slip(refund: Refund) -> dict[str, Any]:
    """Everything one page says, as plain text."""
    policy = shop()
    return {
        "title": "Refund slip",
        "number": refund.number,
        "shop": {"name": papers.cut(policy.name), "address": papers.address(policy.address)},
        "amount": _amount(refund),
        "state": _state(refund),
        "facts": _facts(refund),
        "credits": _credits(refund),
        "record": _record(refund),
    }


def _amount(refund: Refund) -> dict[str, Any]:
    text = papers.money(refund.amount_minor, refund.currency)
    return {
        "label": "Refund amount",
        "text": text,
        "currency": refund.currency,
        "size": 32 if len(text) <= _SHORT_AMOUNT else 22,  # points
    }


def _state(refund: Refund) -> dict[str, str]:
    """The state's key, its name, and what it means for whoever holds the slip."""
    resolved = papers.day(refund.resolved_at)
    sentences = {
        Refund.Status.REQUESTED: "Recorded. Not yet completed.",
        Refund.Status.COMPLETED: f"Paid on {resolved}.",
        Refund.Status.DECLINED: f"Declined on {resolved}. The credit is available again.",
    }
    status = Refund.Status(refund.status)
    return {"key": status.value, "label": str(status.label), "sentence": sentences[status]}


def _facts(refund: Refund) -> list[dict[str, Any]]:
    people = [("Recorded", [papers.day(refund.requested_at)]), ("Staff member", [refund.requested_by])]
    if refund.resolved_at is not None:
        done = "Completed by" if refund.status == Refund.Status.COMPLETED else "Declined by"
        people.append((done, [refund.resolved_by]))
    facts = [("Customer", _customer(refund.customer)), *_payment_facts(refund), *people]
    return [{"label": label, "lines": [papers.cut(line) for line in lines]} for label, lines in facts]


def _customer(customer: Customer) -> list[str]:
    names = [customer.display_name, customer.company, customer.username]
    return list(dict.fromkeys(name for name in names if name))  # each once, in this order


def _payment_facts(refund: Refund) -> list[tuple[str, list[str]]]:
    return [
        ("Payee", _payee(refund)),
        ("Refund method", [refund.get_method_display()]),
        ("Payment date", [papers.date_of(refund.payment_date)]),
    ]


def _payee(refund: Refund) -> list[str]:
    """Whom the money goes to, with the one detail that the method uses."""
    details = {
        Refund.Method.BANK_TRANSFER: [f"Account {mask(refund.bank_account)}"],
        Refund.Method.PAYPAL: [refund.paypal_email],
        Refund.Method.CHEQUE: papers.address(refund.postal_address),
        Refund.Method.CASH: [],
    }
    return [refund.payee_name, *details[Refund.Method(refund.method)]]


def _credits(refund: Refund) -> dict[str, Any]:
    sources = list(refund.sources.all())
    shown, summed = (sources, []) if len(sources) <= _ROWS else (sources[: _ROWS - 1], sources[_ROWS - 1 :])
    total = papers.money(sum(source.amount_minor for source in summed), refund.currency)
    return {
        "title": "Credit it comes from",
        "rows": [_credit_row(source, refund.currency) for source in shown],
        "rest": f"and {len(summed)} more credits, together {total}" if summed else "",
    }


def _credit_row(source: RefundSource, currency: str) -> dict[str, str]:
    return {
        "number": source.credit.number,
        "source": papers.cut(_source(source.credit)),
        "amount": papers.money(source.amount_minor, currency),
    }


def _source(credit: Credit) -> str:
    """ "Order 1042", "RMA-1042", "Manual": the source's name and its document."""
    name, reference = credit.get_source_display(), credit.source_reference
    return reference if reference.startswith(name) else f"{name} {reference}".strip()


def _record(refund: Refund) -> list[str]:
    if refund.status == Refund.Status.REQUESTED:
        what = "This slip is a record of a refund. It is not a payment: the shop pays by the method above."
    else:
        what = "This slip is a record of a refund. It is not a payment and cannot be exchanged for money."
    email = shop().email
    return [what, f"Questions? Write to {papers.cut(email)} and name {refund.number}."] if email else [what]
