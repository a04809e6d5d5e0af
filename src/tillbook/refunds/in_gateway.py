"""Refunds on their way through a payment gateway."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.events.services import NewEvent, record
from tillbook.refunds.backing import check_backed
from tillbook.refunds.models import Refund
from tillbook.refunds.services import check_payer
from tillbook.refunds.state import check_free, check_move


class NotForGateway(Refusal):
    """A refund that does not go back through a payment gateway."""

    code = "not_for_gateway"


def check_sendable(refund: Refund, *, actor: Actor, now: datetime) -> None:
    """Raise NotForGateway, InSending, WrongState, or what `complete` would refuse it for."""
    actor.require(Permission.COMPLETE_REFUND)
    check_move(refund, Refund.Status.COMPLETED)
    check_free(refund)
    if refund.pays_nobody:
        raise NotForGateway(
            _("%(number)s takes back a credit given by mistake: nobody is paid.") % {"number": refund.number}
        )
    if refund.method != Refund.Method.GATEWAY or not refund.charge:
        raise NotForGateway(
            _("%(number)s does not go back through a gateway. Pay it another way.")
            % {"number": refund.number}
        )
    check_payer(refund, actor, now)
    check_backed(refund)


def enter_gateway(refund: Refund, number: str, *, actor: Actor, now: datetime) -> None:
    """Bind a refund that can be sent to the sending of that number, in the caller's transaction.

    From then on only the gateway's answer moves it.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund.sending = number
    refund.save(update_fields=["sending"])
    data = {"sending": number, "gateway": refund.gateway, "charge": refund.charge}
    record(NewEvent("refund.sent", refund.number, refund.customer_id, data=data), actor=actor, now=now)
