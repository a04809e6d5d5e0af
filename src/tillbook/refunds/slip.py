"""The refund slip: a PDF, one page for each refund, made to be handed to a person.

What the page says is decided here and passed as JSON; how it looks stands in slip.typ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from babel.dates import format_date

from tillbook.common.money import Money
from tillbook.common.pdf import compiled
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.refunds.accounts import mask
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.state import OPEN
from tillbook.shop.details import Asked, Shop
from tillbook.shop.logos import logo_for_paper
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("slip.typ")
_ROWS = 40  # credits listed one by one; more are summed up in a line
_WORDS = 200  # characters of any one line: longer names than the forms accept are cut
_ADDRESS_LINES = 8
_LOGO_WIDTH, _LOGO_HEIGHT = 500, 140  # at most, in tenths of a millimetre
_JOINERS = "\u200c\u200d"  # invisible, but part of the spelling of Persian and Indic names
_SHORT_AMOUNT = 12  # characters that fit the panel in the largest type


def render(refunds: Sequence[Refund], *, left_out: Sequence[str] = ()) -> bytes:
    """The slips of `refunds` as one PDF, a page each, in the order given.

    A last page, for whoever prints them, names the reversals `left_out`.
    Load the refunds with their customer, sources and credits: `refunds.queries.by_ids` does.
    Raises ValueError for no refunds at all, PdfError when the compiler warns.
    """
    if not refunds:
        raise ValueError("There is no refund to print.")
    inputs = {
        "slips": json.dumps([_checked(_slip(refund)) for refund in refunds]),
        "title": _document_title(refunds),
        "left_out": _left_out(left_out),
        "logo": _logo(),
    }
    return compiled(_TEMPLATE, inputs)


def _logo() -> str:
    """The shop's logo as JSON: the bytes of its file, and how high it stands; null where there is none."""
    picture = logo_for_paper()
    if picture is None:
        return "null"
    height = min(_LOGO_HEIGHT, _LOGO_WIDTH * picture.height // picture.width)
    return json.dumps({"content": list(picture.content), "height": max(1, height), "name": shop().name})


def _document_title(refunds: Sequence[Refund]) -> str:
    return f"{_title(refunds[0])} {refunds[0].number}" if len(refunds) == 1 else "Refund slips"


def _left_out(numbers: Sequence[str]) -> str:
    return f"Without a slip, because nobody is paid: {', '.join(numbers)}." if numbers else ""


def _checked(page: dict[str, Any]) -> dict[str, Any]:
    """The page with all its characters beyond ASCII: the template says if its fonts lack any."""
    text = json.dumps(page, ensure_ascii=False)
    return page | {"characters": sorted({each for each in text if not each.isascii()})}


def _slip(refund: Refund) -> dict[str, Any]:
    """Everything one page says, as plain text."""
    policy = shop()
    return {
        "title": _title(refund),
        "number": refund.number,
        "shop": {"name": _cut(policy.name), "address": _shop_lines(policy)},
        "amount": _amount(refund),
        "state": _state(refund),
        "facts": _facts(refund),
        "credits": _credits(refund),
        "record": _record(refund),
    }


def _shop_lines(policy: Shop) -> list[str]:
    """What stands below the shop's name: its address, then its tax or registration number."""
    return [*_lines(policy.address), *([_cut(policy.tax_number)] if policy.tax_number else [])]


def _is_reversal(refund: Refund) -> bool:
    return refund.kind == Refund.Kind.REVERSAL


def _title(refund: Refund) -> str:
    return "Credit reversal slip" if _is_reversal(refund) else "Refund slip"


def _amount(refund: Refund) -> dict[str, Any]:
    text = _money(refund.amount_minor, refund.currency)
    return {
        "label": "Amount reversed" if _is_reversal(refund) else "Refund amount",
        "text": text,
        "currency": refund.currency,
        "size": 32 if len(text) <= _SHORT_AMOUNT else 22,  # points
    }


def _state(refund: Refund) -> dict[str, str]:
    """The state's key, its name, and what it means for whoever holds the slip."""
    resolved = _day(refund.resolved_at)
    done = "Completed" if _is_reversal(refund) else "Paid"
    sentences = {
        Refund.Status.REQUESTED: "Recorded. Not yet completed.",
        Refund.Status.APPROVED: "Recorded and approved. Not yet completed.",
        Refund.Status.COMPLETED: f"{done} on {resolved}.",
        Refund.Status.DECLINED: f"Declined on {resolved}. The credit is available again.",
        Refund.Status.FAILED: f"The payment came back on {resolved}. The credit is available again.",
    }
    status = Refund.Status(refund.status)
    return {"key": status.value, "label": str(status.label), "sentence": sentences[status]}


def _facts(refund: Refund) -> list[dict[str, Any]]:
    payment = _reversal_facts(refund) if _is_reversal(refund) else _payment_facts(refund)
    people = [("Recorded", [_day(refund.requested_at)]), ("Staff member", [refund.requested_by])]
    if refund.resolved_at is not None:
        people.append((f"{refund.get_status_display()} by", [refund.resolved_by]))
    facts = [("Customer", _customer(refund.customer)), *payment, *people]
    return [{"label": label, "lines": [_cut(line) for line in lines]} for label, lines in facts]


def _customer(customer: Customer) -> list[str]:
    names = [customer.display_name, customer.company, customer.username]
    return list(dict.fromkeys(name for name in names if name))  # each once, in this order


def _payment_facts(refund: Refund) -> list[tuple[str, list[str]]]:
    return [
        ("Payee", _payee(refund)),
        ("Refund method", [refund.get_method_display()]),
        ("Payment date", [_date(refund.payment_date)]),
    ]


def _reversal_facts(refund: Refund) -> list[tuple[str, list[str]]]:
    return [("Reason", [refund.get_reverse_reason_display()]), ("Payment", ["None: nobody is paid"])]


def _payee(refund: Refund) -> list[str]:
    """Whom the money goes to, with the details that the method asks for."""
    details = {
        "bank_account": [f"Account {mask(refund.bank_account)}"] if refund.bank_account else [],
        "paypal_email": [refund.paypal_email],
        "postal_address": _lines(refund.postal_address),
        "reference": [f"Reference {refund.payee_reference}"] if refund.payee_reference else [],
    }
    method = shop().methods.get(refund.method)
    asked = [name for name in details if method is None or method.asks(name) != Asked.NOT_ASKED]
    return [
        each
        for each in (
            refund.payee_name or refund.customer.display_name,
            *(line for name in asked for line in details[name]),
        )
        if each
    ]


def _credits(refund: Refund) -> dict[str, Any]:
    sources = list(refund.sources.all())
    shown, summed = (sources, []) if len(sources) <= _ROWS else (sources[: _ROWS - 1], sources[_ROWS - 1 :])
    total = _money(sum(source.amount_minor for source in summed), refund.currency)
    return {
        "title": "Credit reversed" if _is_reversal(refund) else "Credit it comes from",
        "rows": [_credit_row(source, refund.currency) for source in shown],
        "rest": f"and {len(summed)} more credits, together {total}" if summed else "",
    }


def _credit_row(source: RefundSource, currency: str) -> dict[str, str]:
    return {
        "number": source.credit.number,
        "source": _cut(_source(source.credit)),
        "amount": _money(source.amount_minor, currency),
    }


def _source(credit: Credit) -> str:
    """ "Order 1042", "RMA-1042", "Manual": the source's name and its document."""
    name, reference = credit.get_source_display(), credit.source_reference
    return reference if reference.startswith(name) else f"{name} {reference}".strip()


def _record(refund: Refund) -> list[str]:
    if _is_reversal(refund):
        what = "This slip is a record of credit taken back. No money is paid because of it."
    elif refund.status in OPEN:
        what = "This slip is a record of a refund. It is not a payment: the shop pays by the method above."
    else:
        what = "This slip is a record of a refund. It is not a payment and cannot be exchanged for money."
    email = shop().email
    return [what, f"Questions? Write to {_cut(email)} and name {refund.number}."] if email else [what]


def _money(minor: int, currency: str) -> str:
    return Money(minor, currency).localized(shop().locale)


def _day(moment: datetime | None) -> str:
    """The day of `moment` in the shop's time zone."""
    return "" if moment is None else _date(moment.astimezone(shop().time_zone).date())


def _date(day: date | None) -> str:
    return "" if day is None else format_date(day, format="long", locale=shop().locale)


def _lines(text: str) -> list[str]:
    filled = [_cut(line) for line in text.splitlines() if line.strip()]
    return filled if len(filled) <= _ADDRESS_LINES else [*filled[: _ADDRESS_LINES - 1], "…"]


def _cut(text: str) -> str:
    """`text` on one line, at most _WORDS characters, with control characters gone."""
    visible = (each if each.isprintable() or each in _JOINERS else " " for each in text)
    plain = " ".join("".join(visible).split())
    return plain if len(plain) <= _WORDS else plain[: _WORDS - 1] + "…"
