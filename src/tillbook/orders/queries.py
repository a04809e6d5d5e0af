"""Reading orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.errors import NotFound
from tillbook.common.numbering import row_id
from tillbook.common.paging import ordered_after
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import by_ids as credits_by_ids
from tillbook.credit.queries import transfers_of_document
from tillbook.customers.finding import few_found, mentioned
from tillbook.ledger.models import House, Kind
from tillbook.orders.models import Order, OrderLine, Payment

_LAST = "\U0010ffff"  # no text that begins alike comes after it


class OrderNotFound(NotFound):
    """There is no such order."""

    code = "order_not_found"


class PaymentNotFound(NotFound):
    """There is no such payment."""

    code = "payment_not_found"


@dataclass(frozen=True, slots=True)
class CreditPaid:
    """What one credit paid of an order and did not get back, in minor units."""

    credit: Credit
    amount_minor: int


def by_number(number: str) -> Order:
    """The order with its customer; raises OrderNotFound."""
    order = Order.objects.select_related("customer").filter(number=number).first()
    if order is None:
        raise OrderNotFound(_("There is no order %(number)r.") % {"number": number}, field="order")
    return order


def beginning_with(text: str, *, limit: int) -> list[Order]:
    """Orders with their customers whose number begins with `text`, in small letters or capitals."""
    rows = Order.objects.select_related("customer").filter(_begins(text))
    return list(rows.order_by("number")[:limit])


def _begins(text: str) -> Q:
    begins = Q()
    for each in {text, text.upper()}:
        if statements.is_postgresql():
            begins |= Q(number__startswith=each)
        else:  # where LIKE would read all: SQLite compares bytes, so they stand together
            begins |= Q(number__gte=each, number__lt=f"{each}{_LAST}")
    return begins


def orders_named(numbers: Collection[str]) -> set[str]:
    """Those of `numbers` that an order has."""
    return set(Order.objects.filter(number__in=numbers).values_list("number", flat=True))


def lines_of(order: Order) -> list[OrderLine]:
    """The order's lines in their order."""
    return list(OrderLine.objects.filter(order=order).order_by("position"))


def payments_of(order: Order) -> list[Payment]:
    """The order's payments, voided ones too, as they came in."""
    return list(Payment.objects.filter(order=order).order_by("received_at", "id"))


def payment_by_id(payment_id: int) -> Payment:
    """The payment with its order; raises PaymentNotFound."""
    payment = Payment.objects.select_related("order__customer").filter(pk=payment_id).first()
    if payment is None:
        raise PaymentNotFound(_("There is no such payment."), field="payment")
    return payment


def payment_by_number(number: str) -> Payment:
    """The payment PAY-... with its order; raises PaymentNotFound."""
    payment_id = row_id("PAY", number)
    if payment_id is None:
        raise PaymentNotFound(_("There is no payment %(number)r.") % {"number": number}, field="payment")
    return payment_by_id(payment_id)


def credit_paid(order: Order) -> list[CreditPaid]:
    """The credits that pay the order now, and how much each; what was given back is left out."""
    paid: dict[int, int] = defaultdict(int)
    for row in transfers_of_document(order.customer_id, order.number):
        if row.house == House.ORDERS and row.kind in (Kind.POST, Kind.CAPTURE):
            paid[row.account_id] += -row.amount_minor if row.inward else row.amount_minor
    credits = Credit.objects.filter(customer_id=order.customer_id, id__in=paid).order_by("id")
    return [CreditPaid(credit, paid[credit.id]) for credit in credits if paid[credit.id] > 0]


def overpayment_credits(order: Order) -> list[Credit]:
    """The credits that arose from too much paid for the order, with their accounts, oldest first."""
    ids = Credit.objects.filter(
        customer_id=order.customer_id, source=Source.OVERPAYMENT, source_reference=order.number
    ).values_list("id", flat=True)
    # Chosen by the order, then looked up: joined, or in the order of their ids, a database may rather
    # read all credits that the customer ever had.
    found = credits_by_ids([(order.customer_id, credit_id) for credit_id in ids.order_by()])
    return [found[credit_id] for credit_id in sorted(found)]


def page_key(order: Order) -> str:
    """What `page` takes as `before` to go on after this order."""
    return order.number


def page(
    *,
    q: str = "",
    customer_id: int | None = None,
    paid_status: str = "",
    status: str = "",
    oldest_first: bool = False,
    before: str | None = None,
    limit: int = 50,
) -> list[Order]:
    """A page of orders, the last placed first, or with `oldest_first` the first.

    `before` is the page_key of the last order seen.

    `q` is the beginning of an order number, or finds its customer. A paid status leaves cancelled
    orders out unless they are asked for: nobody waits for money on them.
    """
    rows = Order.objects.select_related("customer")
    if customer_id is not None:
        rows = rows.filter(customer_id=customer_id)
    if paid_status:
        rows = rows.filter(paid_status=paid_status)
        status = status or Order.Status.OPEN
    if status:
        rows = rows.filter(status=status)
    last = Order.objects.filter(number=before).first() if before else None
    rows = ordered_after(rows, "placed_at", last, newest_first=not oldest_first)
    if not q.strip():
        return list(rows[:limit])
    ids = few_found(q)
    if ids is None:
        return list(rows.filter(_begins(q.strip()) | mentioned(q, "customer__"))[:limit])
    # Each by its own index: for both at once the database would read all orders there are.
    found = {
        each.pk: each
        for part in (_begins(q.strip()), Q(customer__in=ids))
        for each in rows.filter(part)[:limit]
    }
    return sorted(found.values(), key=lambda each: (each.placed_at, each.pk), reverse=not oldest_first)[
        :limit
    ]


def owing_of_customer(customer_id: int, *, limit: int = 100) -> list[Order]:
    """The customer's open orders that are not paid yet, the oldest first."""
    unpaid = (Order.PaidStatus.PENDING, Order.PaidStatus.PART_PAID)
    rows = Order.objects.filter(customer_id=customer_id, status=Order.Status.OPEN, paid_status__in=unpaid)
    return list(rows.order_by("placed_at", "id")[:limit])


def of_customer(customer_id: int, *, limit: int = 100) -> list[Order]:
    """The customer's last placed orders first."""
    return list(Order.objects.filter(customer_id=customer_id).order_by("-placed_at", "-id")[:limit])
