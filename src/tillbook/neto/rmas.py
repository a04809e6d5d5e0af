"""AddRma and GetRma."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from django.db.models import Q, QuerySet

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.common.numbering import public_number, row_id
from tillbook.credit.models import Credit, Source
from tillbook.customers.queries import by_username
from tillbook.neto import refunds
from tillbook.neto.calls import Call, Item, between, change, page, selected
from tillbook.neto.fields import Fields, numbered, told_boolean, told_moment, told_money
from tillbook.neto.orders import check_tax, line_id
from tillbook.neto.wire import Tree
from tillbook.orders.models import Order, OrderLine
from tillbook.orders.queries import by_number, lines_of
from tillbook.refunds.models import Refund, RefundSource
from tillbook.returns import services
from tillbook.returns.models import Rma, RmaLine
from tillbook.returns.services import RmaLineInput
from tillbook.shop.policies import shop

_INNER = {
    "RmaLine": (("RmaLines", "RmaLine"), ("RmaLineID", "SKU", "Quantity")),
    "Refund": (("Refunds", "Refund"), ("RefundID", "RefundAmount")),
}
_STATUSES = ("Open", "Closed")


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    lines: dict[int, list[RmaLine]] = defaultdict(list)
    for line in RmaLine.objects.filter(rma__in=rows).order_by("rma_id", "position"):
        lines[line.rma_id].append(line)
    paid_out = _refunds_of(rows)
    things = [told(row, lines[row.pk], paid_out[row.number]) for row in rows]
    return {"Rma": selected(call.filter, things, ("RmaID", "RmaNumber"), _INNER)}


def _found(wanted: Fields) -> QuerySet[Rma]:
    rows = Rma.objects.select_related("customer", "order").order_by("pk")
    if numbers := wanted.texts("RmaID"):
        rows = rows.filter(pk__in=[row_id("RMA", numbered("RMA", each)) or 0 for each in numbers])
    if orders := wanted.texts("OrderID") or wanted.texts("InvoiceNumber"):
        rows = rows.filter(order__number__in=orders)
    if usernames := wanted.texts("Username") or wanted.texts("CustomerUsername"):
        rows = rows.filter(customer__username__in=usernames)
    if statuses := {each.lower() for each in wanted.texts("RmaStatus")}:
        # A cancelled one is closed on this wire, which has no third word.
        ended = Q(status__in=(Rma.Status.CLOSED, Rma.Status.CANCELLED)) if "closed" in statuses else Q(pk=0)
        rows = rows.filter(ended | Q(status=Rma.Status.OPEN) if "open" in statuses else ended)
    rows = between(wanted, "DateIssued", "opened_at", rows)
    return between(wanted, "DateApproved", "closed_at", rows)


def bare(number: str) -> str:
    """The whole number of a public one: RMA-1042 is "1042"."""
    return number.rpartition("-")[2]


def told(rma: Rma, lines: Sequence[RmaLine], paid_out: Sequence[tuple[Refund, int]]) -> Tree:
    """The return as the wire has it; `paid_out` are the refunds of its credits, each with its minor units."""

    def money(minor: int) -> str:
        return told_money(minor, rma.currency)

    goods = rma.total_minor - rma.shipping_minor - rma.surcharge_minor
    refunded = sum(minor for each, minor in paid_out if each.status == Refund.Status.COMPLETED)
    return {
        "RmaID": bare(rma.number),
        "RmaNumber": rma.number,
        "OrderID": rma.order.number if rma.order else "",
        "InvoiceNumber": rma.order.number if rma.order else "",
        "CustomerUsername": rma.customer.username,
        "StaffUsername": rma.opened_by,
        "InternalNotes": rma.note,
        "CurrencyCode": rma.currency,
        "RmaStatus": "Open" if rma.status == Rma.Status.OPEN else "Closed",
        "ShippingRefundAmount": money(rma.shipping_minor),
        "SurchargeRefundAmount": money(rma.surcharge_minor),
        "RefundSubtotal": money(goods),
        "RefundTotal": money(rma.total_minor),
        "RefundedTotal": money(refunded),
        "TaxInclusive": told_boolean(True),
        "DateIssued": told_moment(rma.opened_at),
        "DateApproved": told_moment(rma.closed_at),
        "CreditID": "" if rma.credit_id is None else bare(public_number("CR", rma.credit_id)),
        "RmaLines": {"RmaLine": [_line(rma, line) for line in lines]},
        "Refunds": {"Refund": [refunds.told_short(each, minor) for each, minor in paid_out]},
    }


def _line(rma: Rma, line: RmaLine) -> Tree:
    return {
        "RmaLineID": f"{bare(rma.number)}-{line.position - 1}",
        "SKU": line.sku,
        "ProductName": line.description,
        "Quantity": str(line.quantity),
        "RefundSubtotal": told_money(line.amount_minor, rma.currency),
        "ReturnReason": rma.get_reason_display(),
        "ResolutionOutcome": rma.get_outcome_display(),
    }


def _refunds_of(rmas: Sequence[Rma]) -> dict[str, list[tuple[Refund, int]]]:
    """RMA number -> the refunds that its credits were paid out by, and how much of each, in minor units."""
    closed = [rma for rma in rmas if rma.credit_id is not None]
    customers = {rma.customer_id for rma in closed}
    rows = Credit.objects.filter(customer_id__in=customers, source=Source.RETURN)
    number_of = dict(
        rows.filter(source_reference__in=[rma.number for rma in closed]).values_list("id", "source_reference")
    )
    found: dict[str, list[tuple[Refund, int]]] = defaultdict(list)
    sources = RefundSource.objects.filter(customer_id__in=customers, credit_id__in=number_of)
    for each in sources.select_related("refund").order_by("refund_id"):
        if each.refund.kind == Refund.Kind.REFUND:
            found[number_of[each.credit_id]].append((each.refund, each.amount_minor))
    return found


def add(call: Call) -> Tree:
    return change(call, "Rma", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    check_tax(fields)
    status = fields.one_of("RmaStatus", _STATUSES, "Open")
    number = fields.text("OrderID") or fields.text("InvoiceNumber")
    order = by_number(number) if number else None
    customer = order.customer if order else by_username(fields.needed("CustomerUsername"))
    username = fields.text("CustomerUsername")
    if username and username != customer.username:
        raise InvalidInput(f"Order {number} is another customer's.", field="CustomerUsername")
    currency = order.currency if order else fields.text("CurrencyCode") or customer.currency
    sent = fields.inner("RmaLines").each("RmaLine")
    rma = services.open_rma(
        customer_id=customer.pk, currency=currency, order_id=order.pk if order else None,
        lines=_lines(order, sent, currency),
        shipping_minor=fields.minor("ShippingRefundAmount", currency) or 0,
        surcharge_minor=fields.minor("SurchargeRefundAmount", currency) or 0,
        reason=_reason(sent), note=fields.text("InternalNotes"), opened_at=fields.past("DateIssued"),
        key=item.key(), **item.by,
    )  # fmt: skip
    wanted = fields.inner("Refunds").each("Refund")
    if status == "Closed" and rma.status == Rma.Status.OPEN:
        rma = services.close(
            rma.pk, key=f"{item.key()}/close" if item.call.sent_key else item.key(), **item.by
        )
    elif wanted and status == "Open":
        raise InvalidInput("Only a closed RMA has credit to refund. Send RmaStatus Closed.", field="Refunds")
    for place, refund in enumerate(wanted):
        _refund(item, rma, refund, place)
    return {"RmaID": bare(rma.number)}


def _lines(order: Order | None, sent: Sequence[Fields], currency: str) -> list[RmaLineInput]:
    left = _Left(order) if order else None
    made = []
    for fields in sent:
        sku, quantity = fields.needed("SKU"), fields.whole("Quantity", 1)
        row = left.take(fields, sku) if left else None
        made.append(
            RmaLineInput(
                order_line_id=row.pk if row else None,
                sku=sku,
                quantity=quantity,
                description=fields.text("ItemDescription") or (row.description if row else ""),
                amount_minor=fields.minor("RefundSubtotal", currency),
            )
        )
    return made


class _Left:
    """An order's lines, each of which may come back once in an RMA."""

    def __init__(self, order: Order) -> None:
        rows = lines_of(order)
        self._number = order.number
        self._by_id = {line_id(order, row): row for row in rows}
        self._by_sku: dict[str, deque[OrderLine]] = defaultdict(deque)
        for row in rows:
            if row.returned_quantity < row.quantity:
                self._by_sku[row.sku].append(row)
        self._taken: set[int] = set()

    def take(self, fields: Fields, sku: str) -> OrderLine:
        """The line that comes back, by OrderLineID, or by SKU. Raises InvalidInput."""
        wanted = fields.text("OrderLineID")
        row = self._by_id.get(wanted) if wanted else self._next(sku)
        if row is None or row.pk in self._taken:
            raise InvalidInput(f"Order {self._number} has no {sku} left to return.", field="SKU")
        self._taken.add(row.pk)
        return row

    def _next(self, sku: str) -> OrderLine | None:
        rows = self._by_sku[sku]
        while rows and rows[0].pk in self._taken:
            rows.popleft()
        return rows[0] if rows else None


def _reason(sent: Sequence[Fields]) -> str:
    """The first line's ReturnReason where it is one of ours; else Other."""
    text = sent[0].text("ReturnReason").strip().lower() if sent else ""
    for reason in shop().return_reasons.values():
        if text and text in (reason.label.lower(), reason.code):
            return reason.code
    return Rma.Reason.SHIPPING_ONLY if not sent else Rma.Reason.OTHER


def _refund(item: Item, rma: Rma, fields: Fields, place: int) -> None:
    """Ask for a refund out of the credit that closing the return gave."""
    amount = fields.amount("RefundAmount", rma.currency)
    refunds.ask(
        item, fields, rma.customer, Money(amount.minor, rma.currency), rma.credit_id, f"refund-{place}"
    )
