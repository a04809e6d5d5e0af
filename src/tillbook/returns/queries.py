"""Reading returns."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext as _

from tillbook.common.errors import NotFound
from tillbook.common.numbering import row_id
from tillbook.common.paging import ordered_after
from tillbook.returns.models import Rma, RmaLine


class RmaNotFound(NotFound):
    """There is no such RMA."""

    code = "rma_not_found"


def by_number(number: str) -> Rma:
    """The return RMA-... with its customer and order; raises RmaNotFound."""
    rows = Rma.objects.select_related("customer", "order")
    wanted = row_id("RMA", number)
    rma = None if wanted is None else rows.filter(pk=wanted).first()
    if rma is None:
        raise RmaNotFound(_("There is no RMA %(number)r.") % {"number": number}, field="rma")
    return rma


def by_id(rma_id: int) -> Rma:
    """The return with its customer and order; raises RmaNotFound."""
    rma = Rma.objects.select_related("customer", "order").filter(pk=rma_id).first()
    if rma is None:
        raise RmaNotFound(_("There is no such RMA."), field="rma")
    return rma


def lines_of(rma: Rma) -> list[RmaLine]:
    """The return's lines in their order, each with the order line that it takes from."""
    rows = RmaLine.objects.filter(rma=rma).select_related("order_line__order")
    return list(rows.order_by("position"))


def page(
    *,
    customer_id: int | None = None,
    order_id: int | None = None,
    status: str = "",
    oldest_first: bool = False,
    before: str | None = None,
    limit: int = 50,
) -> list[Rma]:
    """A page of returns, the newest first, or with `oldest_first` the oldest.

    `before` is the number of the last one seen.

    An order's are those opened on it, and those that take from its lines.
    """
    rows = Rma.objects.select_related("customer", "order")
    if customer_id is not None:
        rows = rows.filter(customer_id=customer_id)
    if order_id is not None:
        rows = rows.filter(_touches(order_id))
    if status:
        rows = rows.filter(status=status)
    last = Rma.objects.filter(pk=row_id("RMA", before) or 0).first() if before else None
    return list(ordered_after(rows, "opened_at", last, newest_first=not oldest_first)[:limit])


def of_order(order_id: int) -> list[Rma]:
    """Returns opened on the order, and those that take from its lines; the newest first."""
    return list(Rma.objects.filter(_touches(order_id)).order_by("-id"))


def _touches(order_id: int) -> Q:
    # Looked up first: in one statement PostgreSQL would go through all returns there are.
    ids = set(RmaLine.objects.filter(order_line__order_id=order_id).values_list("rma_id", flat=True))
    return Q(order_id=order_id) | Q(pk__in=ids)


def of_customer(customer_id: int, *, limit: int = 100) -> list[Rma]:
    """The customer's newest returns first."""
    rows = Rma.objects.filter(customer_id=customer_id).select_related("order")
    return list(rows.order_by("-opened_at", "-id")[:limit])
