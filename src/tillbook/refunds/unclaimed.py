"""Money that nobody took: refunds that are out, at the bank or unpaid for too long, and taking them back."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.checks import check_text
from tillbook.common.errors import Refusal, WrongState
from tillbook.credit.basis import day_start
from tillbook.refunds.models import Refund
from tillbook.refunds.receipt import NotOut, is_out
from tillbook.refunds.services import make_credit_again
from tillbook.refunds.state import OPEN, check_free, check_move, locked
from tillbook.shop.policies import shop


class NotStale(Refusal):
    """A refund that has not waited for as long as the shop gives it."""

    code = "not_stale"


@transaction.atomic
def cancel(refund_id: int, *, note: str = "", actor: Actor, now: datetime) -> Refund:
    """Cancel a stale refund back to credit: the same credits on the same terms, with grace if expired.

    Again on one that was cancelled so: nothing more happens. `note` is internal. Raises PermissionDenied,
    NotStale, NotOut when it was received, InPayout or InSending while the bank or the gateway may pay it,
    WrongState, InvalidInput, RefundNotFound.
    """
    actor.require(Permission.COMPLETE_REFUND)
    refund = locked(refund_id)
    if refund.was_unclaimed:
        return refund
    check_text(note, field="note", longest=1_000)
    if refund.pays_nobody:
        raise WrongState(_("%(number)s is a reversal: nobody is paid by it.") % {"number": refund.number})
    check_move(refund, Refund.Status.FAILED)
    if refund.status in OPEN:
        check_free(refund)
    elif not is_out(refund):
        raise NotOut(
            _("%(number)s is not out: the payee has its money, or it goes by bank transfer.")
            % {"number": refund.number}
        )
    _check_stale(refund, now)
    since = since_of(refund).astimezone(shop().time_zone).date()
    refund.was_unclaimed = True
    reason = f"Unclaimed since {since.isoformat()}. {note.strip()}".strip()
    return make_credit_again(refund, reason, actor, now)


def since_of(refund: Refund) -> datetime:
    """Since when its money waits: it was paid then, or, where nobody paid it, asked for."""
    return refund.completed_at or refund.requested_at


def stale_before(now: datetime) -> datetime:
    """What waits since before this moment is stale: longer than the shop's whole days, today not counted."""
    return day_start(_today(now) - timedelta(days=shop().stale_refund_days))


def age_days(since: datetime, day: date) -> int:
    """How many of the shop's days it has waited on that day."""
    return (day - since.astimezone(shop().time_zone).date()).days


def is_stale(refund: Refund, now: datetime) -> bool:
    """Whether `cancel` would take it back."""
    waits = is_out(refund) or (
        refund.status in OPEN and not (refund.pays_nobody or refund.payout or refund.sending)
    )
    return waits and since_of(refund) < stale_before(now)


def _today(now: datetime) -> date:
    return now.astimezone(shop().time_zone).date()


def _check_stale(refund: Refund, now: datetime) -> None:
    since = since_of(refund)
    if since >= stale_before(now):
        raise NotStale(
            _(
                "%(number)s has waited for %(days)s days. It may be cancelled as unclaimed after %(most)s, "
                "or fail before with the reason why."
            )
            % {
                "number": refund.number,
                "days": age_days(since, _today(now)),
                "most": shop().stale_refund_days,
            }
        )
