"""No more goes out than came in: whether the money behind a refund's credits is there (R7)."""

from __future__ import annotations

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit.models import Credit, Source
from tillbook.orders.models import Order
from tillbook.orders.settling import given_without_money, source_orders
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
        if order.unbacked_minor or order.returned_minor > max(0, order.paid_minor):
            raise SourceNotBacked(
                _(
                    "Credit of %(number)s came from order %(order)s, and the money behind it is not all "
                    "there any more: a payment was voided, or an order was raised. That must be paid before "
                    "this can be paid out."
                )
                % {"order": order.number, "number": refund.number}
            )
        if missing := given_without_money(order, known):
            _check_left(refund, order, missing)


def _check_left(refund: Refund, order: Order, missing: int) -> None:
    """Raise unless so much of the order's credit as has no money behind it stays credit."""
    over = missing - _staying(order)
    if over > 0:
        raise SourceNotBacked(
            _(
                "%(missing)s of the credit from order %(order)s can't be paid out: its money went back "
                "already, or a payment was voided. Of %(number)s at most %(left)s can be."
            )
            % {
                "missing": Money(missing, order.currency),
                "order": order.number,
                "number": refund.number,
                "left": Money(max(0, refund.amount_minor - over), order.currency),
            }
        )


def _staying(order: Order) -> int:
    """What is left of the refundable credit that the order gave once all refunds that wait are paid."""
    given = Q(source=Source.OVERPAYMENT, source_reference=order.number) | Q(
        source=Source.RETURN, order_reference=order.number
    )
    credits = Credit.objects.filter(given, customer_id=order.customer_id, refundable=True)
    left = credits.aggregate(minor=Sum("account__posted_minor", default=0))["minor"]
    waiting = paying().filter(customer_id=order.customer_id, status__in=OPEN)
    parts = RefundSource.objects.filter(
        customer_id=order.customer_id, refund__in=waiting, credit_id__in=credits.values("id")
    )
    return int(left - parts.aggregate(minor=Sum("amount_minor", default=0))["minor"])
