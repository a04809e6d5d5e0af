"""Reading payouts and statements."""

from __future__ import annotations

from django.db.models import Count

from tillbook.common.paging import newest_before, ordered_after
from tillbook.payouts.models import Booking, GatewayAccount, Item, Payout, Sending, Source, Statement
from tillbook.refunds.state import OPEN


def sources() -> list[Source]:
    """The accounts that refunds are paid from, by name."""
    return list(Source.objects.order_by("name"))


def page(*, before: int | None = None, limit: int = 50) -> list[Payout]:
    """A page of the payouts without files, the newest first; `before` is the id of the last one seen."""
    rows = Payout.objects.select_related("source").defer("file")
    return list(newest_before(rows, before)[:limit])


def items_of(payout: Payout, *, after: int = 0, limit: int | None = None) -> list[Item]:
    """What is in the payout, in the order of its file, with the refunds as they stand now.

    `after` is the id of the last one seen, `limit` how many are wanted, else all.
    """
    rows = Item.objects.filter(payout=payout, pk__gt=after).select_related("refund__customer")
    return list(rows.order_by("pk")[:limit])


def is_untouched(payout: Payout) -> bool:
    """Whether nothing has become of any refund in it yet."""
    return not Item.objects.filter(payout=payout).exclude(refund__status__in=OPEN).exists()


def page_of_statements(*, before: int | None = None, limit: int = 50) -> list[Statement]:
    """A page of the statements, the newest first; `before` is the id of the last one seen."""
    return list(newest_before(Statement.objects.all(), before)[:limit])


def bookings_of(statement: Statement, *, after: int | None = None, limit: int | None = None) -> list[Booking]:
    """The entries that the statement was the first to have, in its order.

    `after` is the id of the last one seen, `limit` how many are wanted, else all.
    """
    rows = Booking.objects.filter(statement=statement).select_related("refund")
    last = None if after is None else rows.filter(pk=after).first()
    # Read again with other columns, an entry may stand twice at one position.
    return list(ordered_after(rows, "position", last)[:limit])


def outcomes_of(statement: Statement) -> dict[str, int]:
    """How many of the statement's entries came to which outcome."""
    counted = Booking.objects.filter(statement=statement).values_list("outcome").annotate(Count("pk"))
    return dict(counted.order_by())


def gateway_accounts() -> list[GatewayAccount]:
    """The shop's accounts at payment gateways, by name."""
    return list(GatewayAccount.objects.order_by("gateway"))


def account_at(gateway: str) -> GatewayAccount | None:
    """The shop's account at the gateway, if it has one."""
    return GatewayAccount.objects.filter(gateway=gateway).first()


def sending_of(refund_id: int) -> Sending | None:
    """How the refund went through its gateway, if it did."""
    return Sending.objects.filter(refund_id=refund_id).order_by("-sent_at", "-pk").first()
