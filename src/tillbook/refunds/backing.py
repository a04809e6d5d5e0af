"""No more goes out than came in: whether the money behind a refund's credits is there (R7)."""

from __future__ import annotations

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit.models import Source
from tillbook.orders.models import Order
from tillbook.orders.settling import given_as_refundable, given_without_money, paid_back, source_orders
from tillbook.refunds.charges import check_room
from tillbook.refunds.models import Refund, RefundSource
from tillbook.refunds.state import OPEN, paying


class SourceNotBacked(Refusal):
    """The money that the credit came from is not all there any more: there is none to pay out (R7)."""

    code = "source_not_backed"


def check_backed(refund: Refund) -> None:
    """Raise SourceNotBacked if a source of the refund is without its money.

    A payment was voided, or its gateway paid back so much that less than this is left. Raises ChargeLimit if
    more would go back to the refund's charge than that brought.
    """
    check_room(refund)
    credit_ids = [part.credit_id for part in refund.sources.all()]
    known: dict[int, int] = {}
    for order in source_orders(refund.customer_id, credit_ids):
        missing = given_without_money(order, known)
        more_returned = order.returned_minor > max(0, order.paid_minor)
        if order.unbacked_minor or more_returned or missing > paid_back(order):
            raise SourceNotBacked(
                _(
                    "Credit of %(number)s came from order %(order)s, and the money behind it is not all "
                    "there any more: a payment was voided, or an order was raised. That must be paid before "
                    "this can be paid out."
                )
                % {"order": order.number, "number": refund.number}
            )
        if missing:
            _check_left(refund, order, missing)


def _check_left(refund: Refund, order: Order, missing: int) -> None:
    """Raise if the order's refunds, with this one, pay out what its gateway has paid back already."""
    over = _paid_out(order) - (given_as_refundable(order) - missing)
    if over > 0:
        raise SourceNotBacked(
            _(
                "A gateway paid %(back)s of order %(order)s back already: %(over)s of %(number)s would be "
                "paid twice. Reverse that much of the credit, and pay out the rest."
            )
            % {
                "back": Money(paid_back(order), order.currency),
                "order": order.number,
                "number": refund.number,
                "over": Money(min(over, refund.amount_minor), order.currency),
            }
        )


def _paid_out(order: Order) -> int:
    """What refunds pay out of the credit that the order gave, those that wait included, in minor units."""
    from_order = Q(credit__source=Source.OVERPAYMENT, credit__source_reference=order.number) | Q(
        credit__source=Source.RETURN, credit__order_reference=order.number
    )
    refunds = paying().filter(customer_id=order.customer_id, status__in=(*OPEN, Refund.Status.COMPLETED))
    parts = RefundSource.objects.filter(from_order, customer_id=order.customer_id, refund__in=refunds)
    return int(parts.aggregate(minor=Sum("amount_minor", default=0))["minor"])
