"""The statement of a customer's credit in one currency: a PDF that they may keep.

It says what their own page says. What it holds is decided here and passed as JSON; how it looks stands in
account_statement.typ.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from tillbook.common.pdf import compiled
from tillbook.credit.models import Credit
from tillbook.credit.queries import available_at, balance_of, in_hand
from tillbook.credit.running import Line, page_of_lines
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund
from tillbook.refunds.own_words import credit_for, goes_to, line_for, refund_state
from tillbook.refunds.queries import paid_to_customer
from tillbook.shop import papers
from tillbook.shop.policies import shop

_TEMPLATE = Path(__file__).with_name("account_statement.typ")
_CREDITS, _REFUNDS, _LINES = 200, 100, 500  # the most that are listed


def render(customer: Customer, currency: str, now: datetime) -> bytes:
    """The statement in the language that is spoken now. Raises PdfError when the compiler warns."""
    page = papers.with_characters(_page(customer, currency, now))
    return compiled(_TEMPLATE, {"statement": json.dumps(page), "logo": papers.logo()})


def _page(customer: Customer, currency: str, now: datetime) -> dict[str, Any]:
    policy = shop()
    balance = balance_of(customer.pk, currency)
    available = available_at(customer.pk, currency, now)
    credits = in_hand(customer.pk, [currency], limit=_CREDITS + 1)
    refunds = paid_to_customer(customer.pk, currency, limit=_REFUNDS + 1)
    lines = page_of_lines(customer.pk, currency, limit=_LINES + 1)
    return {
        "language": get_language() or "en",
        "words": _words(),
        "shop": papers.cut(policy.name),
        "address": papers.shop_lines(),
        "customer": _lines_of(customer),
        "day": papers.day(now),
        "amount": {"text": papers.money(available, currency), "currency": currency},
        "held": _held(balance.held_minor, currency),
        "credits": _table([_credit(each, now) for each in credits[:_CREDITS]], len(credits) > _CREDITS),
        "refunds": _table([_refund(each) for each in refunds[:_REFUNDS]], len(refunds) > _REFUNDS),
        "lines": _table([_line(each, currency) for each in lines[:_LINES]], len(lines) > _LINES),
        "questions": _questions(policy.email),
    }


def _words() -> dict[str, str]:
    """Its titles and the heads of its columns."""
    return {
        "title": _("Statement of your credit"), "for": _("For"), "day": _("As it stood on"),
        "available": _("Available credit"), "page": _("Page {page} of {pages}"),
        "credits": _("Your credit"), "refunds": _("Refunds"), "lines": _("What happened"),
        "head_for": _("For"), "head_since": _("Since"), "head_until": _("Until"), "head_left": _("Left"),
        "head_refund": _("Refund"), "head_to": _("How"), "head_state": _("State"), "head_amount": _("Amount"),
        "head_day": _("Day"), "head_what": _("What"), "head_balance": _("Credit after it"),
        "none": _("None"), "rest": _("Older ones are not listed here."),
        "gaps": _("Some characters could not be printed. Their place shows an empty box."),
    }  # fmt: skip


def _lines_of(customer: Customer) -> list[str]:
    names = [customer.display_name, customer.company, customer.username]
    return [papers.cut(each) for each in dict.fromkeys(name for name in names if name)]


def _held(minor: int, currency: str) -> str:
    if not minor:
        return ""
    return _("Beside it %(amount)s is set aside for refunds or orders under way.") % {
        "amount": papers.money(minor, currency)
    }


def _table(rows: Sequence[Sequence[str]], more: bool) -> dict[str, Any]:
    return {"rows": [[papers.cut(cell) for cell in row] for row in rows], "more": more}


def _credit(credit: Credit, now: datetime) -> list[str]:
    until = papers.last_day(credit.expires_at) if credit.expires_at else _("never")
    if credit.has_expired(now):
        until = _("expired")
    left = papers.money(credit.account.available_minor, credit.currency)
    what = " – ".join(filter(None, (credit_for(credit), credit.public_note)))
    return [what, papers.day(credit.issued_at), until, left]


def _refund(refund: Refund) -> list[str]:
    amount = papers.money(refund.amount_minor, refund.currency)
    return [
        refund.number,
        papers.day(refund.requested_at),
        goes_to(refund),
        refund_state(refund).word,
        amount,
    ]


def _line(line: Line, currency: str) -> list[str]:
    amounts = [papers.money(each, currency) for each in (line.amount_minor, line.balance_minor)]
    return [papers.day(line.transfer.effective_at), line_for(line), *amounts]


def _questions(email: str) -> str:
    return _("Questions? Write to %(email)s.") % {"email": papers.cut(email)} if email else ""
