"""AddCredit, GetCredit, RecalculateBalance: the platform never had them; they are in its style."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import QuerySet

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.numbering import row_id
from tillbook.credit import services
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.recalculation import Difference
from tillbook.credit.terms import Left
from tillbook.customers.queries import by_username
from tillbook.neto.calls import Call, Item, between, change, page, selected
from tillbook.neto.fields import Fields, told_boolean, told_moment, told_money
from tillbook.neto.wire import Tree
from tillbook.orders.recalculation import recalculate as recalculated
from tillbook.shop.policies import shop

T = TypeVar("T")


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    return {"Credit": selected(call.filter, [told(row) for row in rows], ("CreditID", "CreditNumber"))}


def _found(wanted: Fields) -> QuerySet[Credit]:
    rows = Credit.objects.select_related("account", "customer").order_by("id")
    if numbers := wanted.texts("CreditID"):
        named = [f"CR-{each}" if each.isascii() and each.isdigit() else each for each in numbers]
        rows = rows.filter(id__in=[row_id("CR", each) or 0 for each in named])
    if usernames := wanted.texts("Username"):
        rows = rows.filter(customer__username__in=usernames)
    if orders := wanted.texts("OrderID"):
        rows = rows.filter(source_reference__in=orders) | rows.filter(order_reference__in=orders)
    return between(wanted, "DateIssued", "issued_at", rows)


def told(credit: Credit) -> Tree:
    account, currency = credit.account, credit.currency
    return {
        "CreditID": credit.number.removeprefix("CR-"),
        "CreditNumber": credit.number,
        "Username": credit.customer.username,
        "Source": credit.get_source_display(),
        "SourceReference": credit.source_reference,
        "Reason": credit.reason,
        "CurrencyCode": currency,
        "Amount": told_money(credit.issued_minor, currency),
        "AvailableAmount": told_money(account.available_minor, currency),
        "HeldAmount": told_money(account.held_minor, currency),
        "Refundable": told_boolean(credit.refundable),
        "DateIssued": told_moment(credit.issued_at),
        "DateExpires": told_moment(credit.expires_at),
        "InternalNotes": credit.note,
        "PublicNotes": credit.public_note,
    }


def add(call: Call) -> Tree:
    return change(call, "Credit", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    customer = by_username(fields.needed("Username"))
    currency = fields.currency(customer.currency)
    reasons = list(shop().give_reasons)  # the service refuses what is switched off, once it is no repetition
    credit = services.give(
        customer_id=customer.pk, amount=fields.amount("Amount", currency),
        reason=fields.one_of("Reason", reasons, GiveReason.GOODWILL),
        refundable=_or_left(fields.boolean("Refundable")), expires_at=_or_left(fields.moment("DateExpires")),
        note=fields.text("InternalNotes"), public_note=fields.text("PublicNotes"), key=item.key(), **item.by,
    )  # fmt: skip
    return {"CreditID": credit.number.removeprefix("CR-")}


def _or_left(sent: T | None) -> T | Left:
    """What was sent; what was not is left to the shop's policy."""
    return Left.TO_SHOP if sent is None else sent


def recalculate(call: Call) -> Tree:
    done: set[str] = set()
    return change(call, "Customer", lambda item: _recalculate(item, done))


def _recalculate(item: Item, done: set[str]) -> Tree:
    """Compare with the history and repair, each customer once; DryRun True only compares."""
    customer = by_username(item.fields.needed("Username"))
    if customer.username in done:
        raise InvalidInput(f"{customer.username} is there twice.", field="Username")
    done.add(customer.username)
    result = recalculated(customer.pk, repair=not item.fields.boolean("DryRun"), **item.by)
    return {
        "Username": customer.username,
        "Compared": str(result.compared),
        "Repaired": told_boolean(result.repaired),
        "Broken": str(len(result.broken)),
        "Differences": {"Difference": [_difference(each) for each in result.differences]},
    }


def _difference(each: Difference) -> Tree:
    return {
        "Entry": each.entry,
        "Figure": each.figure,
        "CurrencyCode": each.stored.currency,
        "Stored": each.stored.decimal(),
        "Derived": each.derived.decimal(),
    }
