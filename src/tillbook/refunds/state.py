"""The states of a refund, and finding one under its customer's lock."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound, Refusal, WrongState
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.refunds.models import Refund


class RefundNotFound(NotFound):
    """There is no such refund."""

    code = "refund_not_found"


class InPayout(Refusal):
    """The refund is in a file that went to the bank: only the bank's answer moves it on."""

    code = "in_payout"


_S = Refund.Status

#: state -> the states it may become
TRANSITIONS: dict[str, frozenset[str]] = {
    _S.REQUESTED: frozenset({_S.APPROVED, _S.COMPLETED, _S.DECLINED, _S.FAILED}),
    _S.APPROVED: frozenset({_S.REQUESTED, _S.COMPLETED, _S.DECLINED, _S.FAILED}),
    _S.COMPLETED: frozenset({_S.FAILED}),
    _S.DECLINED: frozenset(),
    _S.FAILED: frozenset(),
}

#: the states of a refund whose money is held
OPEN = (_S.REQUESTED, _S.APPROVED)


def locked(refund_id: int) -> Refund:
    """The refund as it stands under its customer's lock. Raises RefundNotFound."""
    found = Refund.objects.filter(pk=refund_id).first()
    if found is None:
        raise RefundNotFound(_("There is no such refund."))
    credit.lock(found.customer_id, found.currency)
    return Refund.objects.select_related("customer").get(pk=refund_id)


def check_move(refund: Refund, to: str) -> None:
    """Raise WrongState if the refund can't become that."""
    if to not in TRANSITIONS[refund.status]:
        raise WrongState(
            _("%(number)s is already %(state)s.")
            % {"number": refund.number, "state": refund.get_status_display().lower()}
        )


def is_own(refund: Refund, actor: Actor) -> bool:
    """Whether the actor asked for it, by themselves or by a key of theirs."""
    if actor.user_id is None:
        return refund.requested_by_user_id is None and refund.requested_by == actor.name
    return refund.requested_by_user_id == actor.user_id


def check_free(refund: Refund) -> None:
    """Raise InPayout if the refund is in a file that went to the bank."""
    if refund.payout:
        raise InPayout(
            _("%(number)s is in payout %(payout)s. Cancel that first, or wait for the bank's answer.")
            % {"number": refund.number, "payout": refund.payout}
        )


def amount_of(refund: Refund) -> Money:
    return Money(refund.amount_minor, refund.currency)
