"""Refunds on their way into a payout, and out of one that is cancelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.events.services import NewEvent, record_many
from tillbook.refunds.backing import check_backed
from tillbook.refunds.models import Refund
from tillbook.refunds.services import check_payer
from tillbook.refunds.state import OPEN, is_own


class NotReady(Refusal):
    """A refund that can't go into a payout."""

    code = "not_ready"


def enter_payout(refunds: Sequence[Refund], number: str, *, actor: Actor, now: datetime) -> None:
    """Put refunds into a payout, under the locks of their books, in the caller's transaction.

    Raises NotReady for the first that can't go there, and what `complete` would refuse it for.
    """
    actor.require(Permission.MAKE_PAYOUTS)
    own: dict[tuple[int, str], int] = defaultdict(int)  # of the actor, in this payout, for one customer
    for refund in refunds:
        _check_ready(refund)
        book = (refund.customer_id, refund.currency)
        check_payer(refund, actor, now, under_way_minor=own[book])
        check_backed(refund)
        refund.payout = number
        own[book] += refund.amount_minor if is_own(refund, actor) else 0
    Refund.objects.bulk_update(refunds, ["payout"], batch_size=500)
    record_many(
        [
            NewEvent("refund.entered_payout", each.number, each.customer_id, data={"payout": number})
            for each in refunds
        ],
        actor=actor,
        now=now,
    )


def leave_payout(refunds: Sequence[Refund], *, actor: Actor, now: datetime) -> None:
    """Take refunds out of a payout that is cancelled, in the caller's transaction."""
    actor.require(Permission.MAKE_PAYOUTS)
    events = [
        NewEvent("refund.left_payout", each.number, each.customer_id, data={"payout": each.payout})
        for each in refunds
    ]
    for refund in refunds:
        refund.payout = ""
    Refund.objects.bulk_update(refunds, ["payout"], batch_size=500)
    record_many(events, actor=actor, now=now)


def _check_ready(refund: Refund) -> None:
    if refund.pays_nobody:
        raise NotReady(
            _("%(number)s takes back a credit given by mistake: nobody is paid. Leave it out.")
            % {"number": refund.number},
            field="refunds",
        )
    if refund.method != Refund.Method.BANK_TRANSFER:
        raise NotReady(
            _("%(number)s is not paid by bank transfer. Leave it out.") % {"number": refund.number},
            field="refunds",
        )
    if refund.status not in OPEN:
        state = refund.get_status_display().lower()
        raise NotReady(
            _("%(number)s is already %(state)s. Leave it out.") % {"number": refund.number, "state": state},
            field="refunds",
        )
    if refund.payout:
        raise NotReady(
            _("%(number)s is in payout %(payout)s already. Leave it out.")
            % {"number": refund.number, "payout": refund.payout},
            field="refunds",
        )
