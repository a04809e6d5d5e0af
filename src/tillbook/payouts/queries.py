"""Reading payouts and statements."""

from __future__ import annotations

from tillbook.payouts.models import Booking, GatewayAccount, Item, Payout, Sending, Source, Statement


def sources() -> list[Source]:
    """The accounts that refunds are paid from, by name."""
    return list(Source.objects.order_by("name"))


def page(*, before: int | None = None, limit: int = 50) -> list[Payout]:
    """A page of the payouts without files, the newest first; `before` is the id of the last one seen."""
    rows = Payout.objects.select_related("source").defer("file").order_by("-pk")
    return list((rows if before is None else rows.filter(pk__lt=before))[:limit])


def items_of(payout: Payout) -> list[Item]:
    """What is in the payout, in the order of its file, with the refunds as they stand now."""
    return list(Item.objects.filter(payout=payout).select_related("refund__customer").order_by("pk"))


def page_of_statements(*, before: int | None = None, limit: int = 50) -> list[Statement]:
    """A page of the statements, the newest first; `before` is the id of the last one seen."""
    rows = Statement.objects.order_by("-pk")
    return list((rows if before is None else rows.filter(pk__lt=before))[:limit])


def bookings_of(statement: Statement) -> list[Booking]:
    """The entries that the statement was the first to have, in its order."""
    return list(Booking.objects.filter(statement=statement).select_related("refund").order_by("position"))


def gateway_accounts() -> list[GatewayAccount]:
    """The shop's accounts at payment gateways, by name."""
    return list(GatewayAccount.objects.order_by("gateway"))


def account_at(gateway: str) -> GatewayAccount | None:
    """The shop's account at the gateway, if it has one."""
    return GatewayAccount.objects.filter(gateway=gateway).first()


def sending_of(refund_id: int) -> Sending | None:
    """How the refund went through its gateway, if it did."""
    return Sending.objects.filter(refund_id=refund_id).order_by("-sent_at", "-pk").first()
