"""The services of credit, in one place to import from.

Each runs under the lock of the customer's book, looks for the key's first answer before it tries any rule,
and leaves one event per change. Issuing stands in `issuing`, spending and holding in `taking`, the end of
holds in `ending`, expiry in `expiring`; giving back and taking back stand here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.common.money import Money, check_amount
from tillbook.credit.batch import Batch, Moved, Part, Request, accepted, check_reference
from tillbook.credit.ending import Resolution, capture, release, resolve_many
from tillbook.credit.expiring import expire_due, extend_expired
from tillbook.credit.issuing import (
    CreditExpired,
    CreditNotFound,
    CreditNotRefundable,
    CurrencyMismatch,
    Gift,
    InsufficientRefundable,
    Issue,
    LimitExceeded,
    change_owing,
    check_expiry,
    check_may_give,
    check_payable,
    check_refundable,
    give,
    give_many,
    issue,
    issue_many,
    lock,
    lock_many,
    reason_to_give,
)
from tillbook.credit.models import Credit, Source
from tillbook.credit.taking import Taking, hold, spend, take_many
from tillbook.events.services import content_of
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Draft, HoldNotFound, InsufficientCredit
from tillbook.ledger.models import House, Kind

__all__ = [
    "CreditExpired",
    "CreditNotFound",
    "CreditNotRefundable",
    "CurrencyMismatch",
    "Gift",
    "HoldNotFound",
    "InsufficientCredit",
    "InsufficientRefundable",
    "Issue",
    "LimitExceeded",
    "MoreThanSpent",
    "Part",
    "Resolution",
    "Taking",
    "accepted",
    "capture",
    "change_owing",
    "check_expiry",
    "check_may_give",
    "check_payable",
    "check_refundable",
    "expire_due",
    "give",
    "give_back",
    "give_many",
    "hold",
    "issue",
    "issue_many",
    "lock",
    "lock_many",
    "reason_to_give",
    "release",
    "resolve_many",
    "restore",
    "spend",
    "take_back",
    "take_many",
]


class MoreThanSpent(Refusal):
    """More would be given back than a document was paid with, what came back already left out."""

    code = "more_than_spent"


@transaction.atomic
def restore(
    *,
    customer_id: int,
    currency: str,
    reference: str,
    amount: Money | None = None,
    refundable_first_up_to: int | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Give back what was spent on `reference`, to the same credits, at most that and once.

    Without `amount`: everything not yet given back. The credit spent last comes back first. Beyond
    `refundable_first_up_to` minor units refundable credit comes back only after all other is back.
    Raises MoreThanSpent, CurrencyMismatch, CustomerNotFound, InvalidInput, KeyReused.
    """
    actor.require(Permission.SPEND_CREDIT)
    check_reference(reference)
    content = content_of("credit.restored", reference=reference, currency=currency, amount=amount)
    request = Request(customer_id, currency, key, content, actor, now).checked()
    batch = Batch([request])
    moved = batch.first_answer(request)
    if moved is None:
        spent = _last_spent_first(_spent_on(request, reference), customer_id, refundable_first_up_to)
        parts = _first_of(spent, amount, request, reference)
        drafts = [
            Draft(part.credit_id, Kind.POST, House.ORDERS, True, part.amount_minor, "restored", reference)
            for part in parts
        ]
        moved = _post(batch, request, drafts)
        batch.tell("credit.restored", request, reference, parts)
        batch.write()
        back = {(customer_id, part.credit_id): part.amount_minor for part in parts}
        extend_expired(back, actor=actor, now=now)
    return [Part(each.account_id, each.amount_minor) for each in moved]


@transaction.atomic
def give_back(
    *,
    customer_id: int,
    currency: str,
    parts: Mapping[int, int],
    house: House,
    reason: str,
    reference: str,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Put back what left the credits for `reference`: {credit id: minor units}, out of `house`.

    A credit that has expired meanwhile gets the shop's grace period. Raises PermissionDenied,
    CustomerNotFound, InvalidInput, KeyReused.
    """
    actor.require(Permission.COMPLETE_REFUND)
    content = content_of("credit.given_back", reference=reference, parts=sorted(parts.items()), house=house)
    request = Request(customer_id, currency, key, content, actor, now).checked()
    batch = Batch([request])
    moved = batch.first_answer(request)
    if moved is None:
        drafts = [
            Draft(credit_id, Kind.POST, house, True, minor, reason, reference)
            for credit_id, minor in sorted(parts.items())
        ]
        moved = _post(batch, request, drafts)
        told = [Part(credit_id, minor) for credit_id, minor in sorted(parts.items())]
        batch.tell("credit.given_back", request, reference, told)
        batch.write()
        back = {(customer_id, credit_id): minor for credit_id, minor in parts.items()}
        extend_expired(back, actor=actor, now=now)
    return [Part(each.account_id, each.amount_minor) for each in moved]


def _spent_on(request: Request, reference: str) -> dict[int, int]:
    """credit_id -> what it paid of the document and did not get back, in the order of spending."""
    rows = statements.select(
        "SELECT t.account_id, t.inward, t.amount_minor FROM ledger_transfer AS t "
        "JOIN ledger_account AS a ON a.customer_id = t.customer_id AND a.id = t.account_id "
        "WHERE t.customer_id = %s AND t.reference = %s AND t.house = %s AND t.kind IN (%s, %s) "
        "AND a.currency = %s ORDER BY t.recorded_at, t.key, t.part",
        [request.customer_id, reference, House.ORDERS, Kind.POST, Kind.CAPTURE, request.currency],
    )
    spent: dict[int, int] = {}
    for account_id, inward, minor in rows:
        spent[account_id] = spent.get(account_id, 0) + (-minor if inward else minor)
    return {credit_id: minor for credit_id, minor in spent.items() if minor > 0}


def _last_spent_first(
    spent: dict[int, int], customer_id: int, refundable_first_up_to: int | None
) -> list[Part]:
    """The parts in the order in which they come back: refundable ones beyond the limit after all others."""
    backwards = [Part(credit_id, minor) for credit_id, minor in reversed(spent.items())]
    if refundable_first_up_to is None:
        return backwards
    rows = Credit.objects.filter(customer_id=customer_id, id__in=spent, refundable=True)
    refundable = set(rows.values_list("id", flat=True))
    left, first, later = refundable_first_up_to, [], []
    for credit_id, minor in backwards:
        now = min(minor, left) if credit_id in refundable else minor
        left -= now if credit_id in refundable else 0
        first.append(Part(credit_id, now))
        later.append(Part(credit_id, minor - now))
    return first + later


def _first_of(spent: Sequence[Part], amount: Money | None, request: Request, reference: str) -> list[Part]:
    """So much of what was spent, one part a credit. Raises MoreThanSpent, CurrencyMismatch, InvalidInput."""
    most = Money(sum(part.amount_minor for part in spent), request.currency)
    if amount is not None and amount.currency != most.currency:
        raise CurrencyMismatch(
            _("%(reference)s was paid in %(currency)s, not in %(other)s.")
            % {"reference": reference, "currency": most.currency, "other": amount.currency},
            field="amount",
        )
    left = most.minor if amount is None else check_amount(amount.minor)
    if not most.minor or left > most.minor:
        raise MoreThanSpent(
            _("At most %(most)s of what credit paid on %(reference)s can still be given back.")
            % {"most": most, "reference": reference},
            field="amount",
        )
    parts: dict[int, int] = {}
    for credit_id, minor in spent:
        if part := min(left, minor):
            parts[credit_id] = parts.get(credit_id, 0) + part
            left -= part
    return [Part(credit_id, minor) for credit_id, minor in parts.items()]


def _post(batch: Batch, request: Request, drafts: Sequence[Draft]) -> list[Moved]:
    batch.book.add(ledger.load((request.customer_id, draft.account_id) for draft in drafts))
    return batch.post(request, drafts)


@transaction.atomic
def take_back(
    *, customer_id: int, amount: Money, reference: str, key: str, actor: Actor, now: datetime
) -> int:
    """Reverse up to `amount` of the overpayment credits of document `reference`, newest first.

    Returns the minor units taken back: at most what is still available of them. It follows from what the
    actor did, whatever that was: who may do that was asked there.
    """
    content = content_of("credit.taken_back", amount=amount, reference=reference)
    request = Request(customer_id, amount.currency, key, content, actor, now).checked()
    batch = Batch([request])
    moved = batch.first_answer(request)
    if moved is None:
        drafts = _newest_overpayments(request, check_amount(amount.minor), reference)
        if not drafts:
            return 0
        moved = _post(batch, request, drafts)
        parts = [Part(draft.account_id, draft.amount) for draft in drafts]
        batch.tell("credit.reversed", request, reference, parts)
        batch.write()
    return sum(each.amount_minor for each in moved)


def _newest_overpayments(request: Request, left: int, reference: str) -> list[Draft]:
    drafts = []
    rows = Credit.objects.filter(
        customer_id=request.customer_id,
        currency=request.currency,
        source=Source.OVERPAYMENT,
        source_reference=reference,
    )
    for credit in rows.select_related("account").order_by("-id"):
        if minor := min(left, credit.account.available_minor):
            left -= minor
            house = House(credit.house)
            drafts.append(Draft(credit.id, Kind.POST, house, False, minor, "reversal", reference))
    return drafts
