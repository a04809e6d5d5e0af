"""GetOrder, AddOrder, UpdateOrder."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from tillbook.common.actor import Permission
from tillbook.common.errors import InvalidInput, KeyReused
from tillbook.common.money import exponent
from tillbook.events.queries import of_key
from tillbook.neto import customers, methods
from tillbook.neto.calls import Call, Item, between, change, page, selected
from tillbook.neto.fields import A_DAY_AHEAD, Fields, rounded, told_boolean, told_moment, told_money
from tillbook.neto.wire import Tree
from tillbook.orders import services
from tillbook.orders.lines import locked_order
from tillbook.orders.models import Order, OrderLine, Payment
from tillbook.orders.queries import by_number, lines_of
from tillbook.orders.services import LineInput, NumberTaken

_PAID = {
    "FullyPaid": (Order.PaidStatus.FULLY_PAID, Order.PaidStatus.OVER_PAID),
    "PartialPaid": (Order.PaidStatus.PART_PAID,),
    "Pending": (Order.PaidStatus.PENDING,),
}
_INNER = {
    "OrderLine": (("OrderLine",), ("SKU", "OrderLineID")),
    "OrderPayment": (("OrderPayment",), ("Id",)),
}
_STATUSES = {Order.Status.OPEN: "New", Order.Status.CANCELLED: "Cancelled"}


def get(call: Call) -> Tree:
    call.actor.require(Permission.VIEW)
    rows = page(call.filter, _found(call.filter))
    lines: dict[int, list[OrderLine]] = defaultdict(list)
    for line in OrderLine.objects.filter(order__in=rows).order_by("order_id", "position"):
        lines[line.order_id].append(line)
    payments: dict[int, list[Payment]] = defaultdict(list)
    for payment in Payment.objects.filter(order__in=rows, voided_at=None).order_by("received_at", "pk"):
        payments[payment.order_id].append(payment)
    things = [told(row, lines[row.pk], payments[row.pk]) for row in rows]
    return {"Order": _selected(call.filter, things)}


def _selected(wanted: Fields, things: list[Tree]) -> list[Tree]:
    names = wanted.texts("OutputSelector")
    if {"BillAddress", "BillingAddress"} & set(names) and things:
        also = [name for name in things[0] if name.startswith("Bill")]
        wanted = Fields({"OutputSelector": [*names, *also]}, wanted.now)
    return selected(wanted, things, ("ID", "OrderID"), _INNER)


def _found(wanted: Fields) -> QuerySet[Order]:
    rows = Order.objects.select_related("customer").order_by("pk")
    for name, column in (("OrderID", "number"), ("Username", "customer__username")):
        if texts := wanted.texts(name):
            rows = rows.filter(**{f"{column}__in": texts})
    if words := wanted.texts("PaymentStatus"):
        rows = rows.filter(paid_status__in=[each for word in words for each in _paid_statuses(word)])
    if statuses := {each.lower() for each in wanted.texts("OrderStatus")}:
        rows = rows.filter(status__in=[each for each, name in _STATUSES.items() if name.lower() in statuses])
    rows = between(wanted, "DatePlaced", "placed_at", rows)
    if "DatePaidFrom" in wanted or "DatePaidTo" in wanted:
        payments = between(wanted, "DatePaid", "received_at", Payment.objects.filter(voided_at=None))
        rows = rows.filter(pk__in=payments.values("order_id"))
    return rows


def _paid_statuses(word: str) -> Sequence[str]:
    if word not in _PAID:
        raise InvalidInput(f"PaymentStatus must be {' or '.join(_PAID)}.", field="PaymentStatus")
    return _PAID[word]


def told(order: Order, lines: Sequence[OrderLine], payments: Sequence[Payment]) -> Tree:
    """The order as the wire has it, with what its customer's address is now."""

    def money(minor: int) -> str:
        return told_money(minor, order.currency)

    settled = order.paid_status in _PAID["FullyPaid"]
    return {
        "ID": order.number,
        "OrderID": order.number,
        "Username": order.customer.username,
        "Email": order.customer.email,
        "OrderType": "Sales",
        "OrderStatus": _STATUSES[Order.Status(order.status)],
        "PaymentStatus": next(word for word, statuses in _PAID.items() if order.paid_status in statuses),
        "CurrencyCode": order.currency,
        "TaxInclusive": told_boolean(True),
        "ProductSubtotal": money(order.total_minor - order.shipping_minor - order.surcharge_minor),
        "ShippingTotal": money(order.shipping_minor),
        "SurchargeTotal": money(order.surcharge_minor),
        "GrandTotal": money(order.total_minor),
        "InternalOrderNotes": order.note,
        "DatePlaced": told_moment(order.placed_at),
        "DatePaid": told_moment(payments[-1].received_at if payments and settled else None),
        **customers.billing(order.customer),
        "OrderLine": [_line(order, line) for line in lines],
        "OrderPayment": _payments(order, payments),
    }


def _line(order: Order, line: OrderLine) -> Tree:
    return {
        "OrderLineID": line_id(order, line),
        "SKU": line.sku,
        "ProductName": line.description,
        "Quantity": str(line.quantity),
        "UnitPrice": _unit_price(line.amount_minor, line.quantity, order.currency),
    }


def line_id(order: Order, line: OrderLine) -> str:
    """As the platform counts them: "N1001-0" is the first line of N1001."""
    return f"{order.number}-{line.position - 1}"


def _unit_price(minor: int, quantity: int, currency: str) -> str:
    """With the currency's digits, or with as many more as bring the line's amount back."""
    digits = exponent(currency)
    price = Decimal(minor).scaleb(-digits) / quantity
    while rounded(round(price, digits) * quantity, currency) != minor:
        digits += 1
    return str(round(price, digits))


def _payments(order: Order, payments: Sequence[Payment]) -> list[Tree]:
    """Money that came in, and what credit paid: together they are what is no longer owing."""
    told = [
        {
            "Id": str(each.pk),
            "Amount": told_money(each.amount_minor, order.currency),
            "PaymentType": methods.name_of(each.method),
            "DatePaid": told_moment(each.received_at),
        }
        for each in payments
    ]
    if order.credit_used_minor:
        used = told_money(order.credit_used_minor, order.currency)
        told.append(
            {"Id": "0", "Amount": used, "PaymentType": methods.name_of(methods.CREDIT), "DatePaid": ""}
        )
    return told


def add(call: Call) -> Tree:
    return change(call, "Order", _add)


def _add(item: Item) -> Tree:
    fields = item.fields
    number = fields.text("OrderID") or None
    if fields.text("OrderType").lower() == "quote" or fields.text("OrderStatus").lower() == "quote":
        raise InvalidInput("A quote is no order: nobody owes anything on it.", field="OrderType")
    check_tax(fields)
    customer = customers.of_order(fields, item)
    currency = fields.currency(customer.currency)
    shipping, rounding = _shipping(fields, currency), fields.decimal("OrderRounding") or Decimal(0)
    lines = [_new_line(line, currency) for line in fields.each("OrderLine")]
    off = sum(
        (each.decimal("DiscountAmount") or Decimal(0) for each in fields.each("AppliedDiscounts")), Decimal(0)
    )
    key = item.key("order", number) if number else item.key()
    try:
        order = services.place(
            customer_id=customer.pk, currency=currency, number=number,
            lines=_less(lines, rounded(off - min(rounding, Decimal(0)), currency)),
            shipping_minor=shipping or 0, surcharge_minor=rounded(max(rounding, Decimal(0)), currency),
            note=fields.text("InternalOrderNotes"),
            placed_at=_placed_at(fields, customer.pk, key), key=key, **item.by,
        )  # fmt: skip
    except KeyReused as error:
        if item.call.sent_key:
            raise
        raise NumberTaken(
            f"There is already an order {number}, with other content.", field="OrderID"
        ) from error
    return {"OrderID": order.number}


def _placed_at(fields: Fields, customer_id: int, key: str) -> datetime | None:
    """When it was placed. A day that has not begun in UTC counts from now, for a repetition from then."""
    name = "DatePlacedUTC" if fields.past("DatePlacedUTC") else "DatePlaced"
    at = fields.past(name)
    first = of_key(customer_id, key) if at is not None and fields.is_day(name) else None
    if at is None or first is None or first.action != "order.placed":
        return at
    placed = by_number(first.subject).placed_at
    return placed if timedelta(0) <= at - placed <= A_DAY_AHEAD else at


def check_tax(fields: Fields) -> None:
    """Raise InvalidInput for prices without their tax: which one comes on top is not known here."""
    if fields.boolean("TaxInclusive") is False:
        raise InvalidInput(
            "Send prices that include their tax, with TaxInclusive True.", field="TaxInclusive"
        )


def _shipping(fields: Fields, currency: str) -> int | None:
    shipping = fields.decimal("ShippingCost")
    if shipping is None:
        return None
    return rounded(shipping - (fields.decimal("ShippingDiscount") or Decimal(0)), currency)


def _new_line(fields: Fields, currency: str) -> LineInput:
    fields.needed("UnitPrice")
    quantity = fields.whole("Quantity", 1)
    return LineInput(
        sku=fields.needed("SKU"),
        description=fields.text("ItemDescription") or fields.text("ProductName"),
        quantity=quantity,
        amount_minor=_line_amount(fields, fields.decimal("UnitPrice") or Decimal(0), quantity, currency),
    )


def _line_amount(fields: Fields, price: Decimal, quantity: int, currency: str) -> int:
    percent = fields.decimal("DiscountPercent") or Decimal(0)
    off = fields.decimal("DiscountAmount") or Decimal(0)
    return rounded(price * quantity * (100 - percent) / 100 - off, currency)


def _less(lines: Sequence[LineInput], off_minor: int) -> list[LineInput]:
    """The lines with a discount on the whole order taken off them, each its share."""
    total = sum(line.amount_minor for line in lines)
    if not off_minor:
        return list(lines)
    if not 0 < off_minor <= total:
        raise InvalidInput("The discount is more than the order's lines.", field="AppliedDiscounts")
    made, so_far = [], 0
    for line in lines:
        before = so_far * off_minor // total
        so_far += line.amount_minor
        share = so_far * off_minor // total - before
        made.append(replace(line, amount_minor=line.amount_minor - share))
    return made


def update(call: Call) -> Tree:
    return change(call, "Order", _update)


def _update(item: Item) -> Tree:
    """Lines, shipping, note; OrderStatus Cancelled cancels. Other statuses are not kept."""
    fields = item.fields
    # Under the lock from here: what others change meanwhile is not written over.
    order = locked_order(by_number(fields.needed("OrderID")).pk)
    if fields.text("OrderStatus").lower() == "cancelled":
        if order.status != Order.Status.CANCELLED:
            reason = fields.text("InternalOrderNotes") or "Cancelled over the old wire"
            services.cancel(order.pk, reason=reason, key=item.key(), **item.by)
        return {"OrderID": order.number}
    check_tax(fields)
    stored = lines_of(order)
    before = [
        LineInput(each.sku, each.description, each.quantity, each.amount_minor, each.pk) for each in stored
    ]
    lines = _changed_lines(order, stored, before, fields.each("OrderLine"))
    shipping = _shipping(fields, order.currency)
    note = fields.text("InternalOrderNotes") if "InternalOrderNotes" in fields else order.note
    wanted = (lines, order.shipping_minor if shipping is None else shipping, note)
    if wanted != (before, order.shipping_minor, order.note):
        services.edit(
            order.pk, lines=wanted[0], shipping_minor=wanted[1], surcharge_minor=order.surcharge_minor,
            note=wanted[2], key=item.key(), **item.by,
        )  # fmt: skip
    return {"OrderID": order.number}


def _changed_lines(
    order: Order, stored: Sequence[OrderLine], before: Sequence[LineInput], sent: Sequence[Fields]
) -> list[LineInput]:
    """The lines as they shall be: those named by OrderLineID or SKU changed, all others added."""
    lines = list(before)
    places = _places_of(order, stored, sent)
    for fields, place in zip(sent, places, strict=True):
        if place is None:
            lines.append(_new_line(fields, order.currency))
            continue
        line, row = lines[place], stored[place]
        quantity, price = fields.whole("Quantity", line.quantity), fields.decimal("UnitPrice")
        if price is None:
            price = Decimal(row.amount_minor).scaleb(-exponent(order.currency)) / row.quantity
        amount = _line_amount(fields, price, quantity, order.currency)
        description = fields.text("ItemDescription") or fields.text("ProductName") or line.description
        lines[place] = replace(line, description=description, quantity=quantity, amount_minor=amount)
    return lines


def _places_of(order: Order, stored: Sequence[OrderLine], sent: Sequence[Fields]) -> list[int | None]:
    """Which stored line each entry changes, by its OrderLineID or else its SKU; None for a new one.

    Of two lines with one SKU each is changed by an entry of its own.
    """
    by_id = {line_id(order, row): place for place, row in enumerate(stored)}
    named = [each.text("OrderLineID") for each in sent]
    taken = set()
    for wanted in filter(None, named):
        if wanted not in by_id:
            raise InvalidInput(f"Order {order.number} has no line {wanted}.", field="OrderLineID")
        if by_id[wanted] in taken:
            raise InvalidInput(f"Line {wanted} is there twice.", field="OrderLineID")
        taken.add(by_id[wanted])
    free: dict[str, deque[int]] = defaultdict(deque)
    for place, row in enumerate(stored):
        if place not in taken:
            free[row.sku].append(place)
    places: list[int | None] = []
    for wanted, fields in zip(named, sent, strict=True):
        of_sku = free[fields.text("SKU")]
        places.append(by_id[wanted] if wanted else of_sku.popleft() if of_sku else None)
    return places
