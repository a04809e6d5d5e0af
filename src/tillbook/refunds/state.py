"""The states of a refund, and finding one under its customer's lock."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound, Refusal, WrongState
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.events.models import Event
from tillbook.refunds.models import REVERSAL_NOTE, Ask, Refund


class RefundNotFound(NotFound):
    """There is no such refund."""

    code = "refund_not_found"


class InPayout(Refusal):
    """The refund is in a file that went to the bank: only the bank's answer moves it on."""

    code = "in_payout"


class InSending(Refusal):
    """The refund was sent through a payment gateway: only the gateway's answer moves it on."""

    code = "in_sending"


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


def paying() -> QuerySet[Refund]:
    """The refunds by which somebody is paid, as `Refund.pays_nobody` has it."""
    return Refund.objects.filter(kind=Refund.Kind.REFUND).exclude(note__icontains=REVERSAL_NOTE)


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


#: The columns of a refund, and of an ask, that say who gets the money and where; in the order of `Payee`.
PAYEE_COLUMNS = ("payee_name", "bank_account", "paypal_email", "postal_address", "payee_reference")
#: What a redirect may change that says who gets the money.
DESTINATION = ("method", *PAYEE_COLUMNS, "gateway", "charge")


def is_own(refund: Refund, actor: Actor) -> bool:
    """Whether the actor asked for it or said where it goes, by themselves or by a key of theirs."""
    if actor.user_id is None:
        asked = refund.requested_by_user_id is None and refund.requested_by == actor.name
    else:
        asked = refund.requested_by_user_id == actor.user_id
    return asked or _was_redirected_by(refund, actor)


def _was_redirected_by(refund: Refund, actor: Actor) -> bool:
    changes = Event.objects.filter(
        subject=refund.number, action="refund.changed", actor_user_id=actor.user_id
    )
    if actor.user_id is None:
        changes = changes.filter(actor_name=actor.name)
    return any(
        data.get("changed", {}).keys() & DESTINATION for data in changes.values_list("data", flat=True)
    )


def check_free(refund: Refund) -> None:
    """Raise InPayout or InSending if the refund is at the bank or at a gateway, which may be paying it."""
    check_sending(refund, "")
    if refund.payout:
        raise InPayout(
            _("%(number)s is in payout %(payout)s. Cancel that first, or wait for the bank's answer.")
            % {"number": refund.number, "payout": refund.payout}
        )


def check_sending(refund: Refund, told_by: str) -> None:
    """Raise InSending if the refund is open and at a gateway, unless it is that very sending that tells."""
    if refund.sending and refund.sending != told_by and refund.status in OPEN:
        raise InSending(
            _("%(number)s was sent through its gateway. Wait for the answer: it may be paid already.")
            % {"number": refund.number}
        )


def amount_of(found: Refund | Ask) -> Money:
    return Money(found.amount_minor, found.currency)
