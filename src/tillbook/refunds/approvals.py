"""Approving refunds: how many people must agree, to exactly what, and what each must have seen (R6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.common.sealing import mark, marks
from tillbook.events.services import NewEvent, content_of, record
from tillbook.refunds.accounts import identity
from tillbook.refunds.models import Approval, Refund
from tillbook.refunds.state import check_move, is_own, locked
from tillbook.shop.details import ApprovalRule
from tillbook.shop.policies import shop


class SelfApproval(Refusal):
    """Above the shop's threshold, whoever asked may not approve (R6)."""

    code = "self_approval"
    status = 403


class ApprovalMissing(Refusal):
    """The shop's policy asks for approvals that the refund, as it stands now, does not have."""

    code = "approval_missing"


class NotAcknowledged(Refusal):
    """Something about the refund is unusual, and the approver has not said that they saw it."""

    code = "not_acknowledged"


class StaleRefund(Refusal):
    """The refund was changed since the page was opened that says yes to it, or corrects it (R6)."""

    code = "stale_refund"


class Flag(StrEnum):
    """What an approver must have seen."""

    CHANGED_ACCOUNT = "changed_account"  # not the one that the customer's last refund went to
    SHARED_ACCOUNT = "shared_account"  # refunds of other customers went there
    NEW_PAYEE = "new_payee"  # a large amount to a name that the customer was never paid under


_SAID = {
    Flag.CHANGED_ACCOUNT: gettext_lazy("the account is not the one that the last refund went to"),
    Flag.SHARED_ACCOUNT: gettext_lazy("refunds of other customers went to the same account"),
    Flag.NEW_PAYEE: gettext_lazy("the payee is new, and the amount is large"),
}


@transaction.atomic
def approve(
    refund_id: int,
    *,
    acknowledged: Collection[str] = (),
    seen: str | None = None,
    actor: Actor,
    now: datetime,
) -> Refund:
    """Agree to the refund exactly as it stands; with the last approval needed it is approved.

    `seen` is the `version_of` what the approver looked at. Approving again changes nothing. Raises
    PermissionDenied, StaleRefund, SelfApproval, NotAcknowledged naming the flags, WrongState, RefundNotFound.
    """
    actor.require(Permission.APPROVE_REFUND)
    refund = locked(refund_id)
    check_seen(refund, seen)
    given = standing(refund)
    if any(each.by == actor.name for each in given):
        return refund
    if refund.status != Refund.Status.APPROVED:
        check_move(refund, Refund.Status.APPROVED)
    _check_approver(refund, actor)
    unusual = flags(refund)
    if missed := [flag for flag in unusual if flag not in acknowledged]:
        raise NotAcknowledged(
            _("Look at %(number)s again: %(warnings)s. Approve it with that acknowledged.")
            % {"number": refund.number, "warnings": "; ".join(str(_SAID[flag]) for flag in missed)},
            field="acknowledge",
        )
    Approval.objects.filter(refund=refund, by=actor.name, voided_at=None).update(voided_at=now)
    approved = content(refund)
    Approval.objects.create(
        refund=refund, by=actor.name, by_user_id=actor.user_id, at=now, content=approved,
        acknowledged=[str(flag) for flag in unusual],
    )  # fmt: skip
    wanted = max(needed(refund, now), 1)
    if len(given) + 1 >= wanted and refund.status == Refund.Status.REQUESTED:
        refund.status = Refund.Status.APPROVED
        refund.save(update_fields=["status"])
    data = {
        "amount": str(Money(refund.amount_minor, refund.currency)),
        "approvals": f"{len(given) + 1} of {wanted}",
    }
    if unusual:
        data["acknowledged"] = ", ".join(unusual)
    event = NewEvent("refund.approved", refund.number, refund.customer_id, content=approved, data=data)
    record(event, actor=actor, now=now)
    return refund


def version_of(refund: Refund) -> str:
    """Stands for all that a redirect may change, and tells nothing of it: what people look at."""
    return mark(_looked_at(refund))


def check_seen(refund: Refund, seen: str | None) -> None:
    """Raise StaleRefund if what somebody saw, a `version_of`, is not how the refund stands now."""
    if seen is not None and seen not in marks(_looked_at(refund)):
        raise StaleRefund(
            _("%(number)s was changed since you opened it. Look at it again.") % {"number": refund.number}
        )


def _looked_at(refund: Refund) -> str:
    """The digest of what an approval is for, and of what else a payer goes by: the day, and the note."""
    # A note may say that nobody is paid. What is kept of an approval has neither of the two.
    return content_of(
        "refund.seen", approved=content(refund), payment_date=refund.payment_date, note=refund.note
    )


def standing(refund: Refund) -> list[Approval]:
    """The approvals of the refund as it stands now, the first one first."""
    now_asked = content(refund)
    found = Approval.objects.filter(refund=refund, voided_at=None).order_by("at", "pk")
    return [each for each in found if each.content == now_asked]


def needed(refund: Refund, now: datetime) -> int:
    """How many people must approve the refund by the shop's rules."""
    return max((rule.approvals for rule in shop().approval_rules if _applies(rule, refund, now)), default=0)


def check_approved(refund: Refund, now: datetime) -> None:
    """Raise ApprovalMissing unless enough people approved the refund as it stands."""
    wanted = needed(refund, now)
    if not wanted:
        return
    found = len(standing(refund))
    if found < wanted:
        was = Approval.objects.filter(refund=refund).exists()
        said = _("%(number)s needs %(wanted)s approvals and has %(found)s.")
        said %= {"number": refund.number, "wanted": wanted, "found": found}
        changed = _("It was changed after it was approved.") if was and not found else ""
        raise ApprovalMissing(f"{said} {changed}".strip())


def void(refund: Refund, now: datetime) -> int:
    """End the approvals of a refund that is being changed; returns how many there were."""
    ended = Approval.objects.filter(refund=refund, voided_at=None).update(voided_at=now)
    if refund.status == Refund.Status.APPROVED:
        refund.status = Refund.Status.REQUESTED
    return ended


def content(refund: Refund) -> str:
    """The digest of all that an approval is for: amount, payee, account, and the credits it comes from."""
    sources = sorted((part.credit_id, part.amount_minor) for part in refund.sources.all())
    # Those who approved before there were charges approved the same content.
    back_to = {"gateway": refund.gateway, "charge": refund.charge} if refund.charge else {}
    return content_of(
        "refund.approved", kind=refund.kind, currency=refund.currency, amount_minor=refund.amount_minor,
        method=refund.method, payee=refund.payee_name, bank_account=refund.bank_account,
        paypal_email=refund.paypal_email, postal_address=refund.postal_address,
        reference=refund.payee_reference, sources=sources, **back_to,
    )  # fmt: skip


def flags(refund: Refund) -> list[Flag]:
    """What is unusual about the refund's payee."""
    return list(_flags(refund)) if refund.kind == Refund.Kind.REFUND else []


def _flags(refund: Refund) -> Iterator[Flag]:
    paid = Refund.objects.filter(status=Refund.Status.COMPLETED, kind=Refund.Kind.REFUND).exclude(
        pk=refund.pk
    )
    own = paid.filter(customer_id=refund.customer_id)
    if refund.bank_account:
        same = marks(identity(refund.bank_account))
        last = own.exclude(account_mark="").order_by("-resolved_at", "-pk").first()
        if last is not None and last.account_mark not in same:
            yield Flag.CHANGED_ACCOUNT
        others = Refund.objects.filter(account_mark__in=same).exclude(customer_id=refund.customer_id)
        if others.exists():
            yield Flag.SHARED_ACCOUNT
    if _is_large(refund) and not own.filter(payee_name__iexact=refund.payee_name).exists():
        yield Flag.NEW_PAYEE


def _is_large(refund: Refund) -> bool:
    policy = shop()
    return refund.currency != policy.currency or refund.amount_minor > policy.self_completion_limit_minor


def is_barred(refund: Refund, actor: Actor) -> bool:
    """Whether the actor may not approve it whatever their role: it is their own, and large (R6)."""
    return is_own(refund, actor) and _is_large(refund)


def _check_approver(refund: Refund, actor: Actor) -> None:
    if is_barred(refund, actor):
        limit = Money(shop().self_completion_limit_minor, shop().currency)
        raise SelfApproval(
            _("You asked for %(number)s, or said where it goes. Above %(limit)s somebody else approves it.")
            % {"number": refund.number, "limit": limit}
        )


def _applies(rule: ApprovalRule, refund: Refund, now: datetime) -> bool:
    if refund.currency == shop().currency and refund.amount_minor <= rule.above_minor:
        return False
    if rule.methods and refund.method not in rule.methods:
        return False
    if rule.on_hold and not refund.customer.on_credit_hold:
        return False
    if rule.older_than_days is None:
        return True
    oldest = min(part.credit.issued_at for part in refund.sources.select_related("credit"))
    return oldest < now - timedelta(days=rule.older_than_days)
