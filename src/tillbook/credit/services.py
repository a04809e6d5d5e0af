"""What happens to credits once issued: spend, hold, capture, release, restore, expire, reverse.

Everything here runs under the lock of the customer's book, looks for the key's first
answer before it tries any rule, and leaves one event per change. Issuing stands in
`issuing` and is part of the same interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, check_amount
from tillbook.common.numbering import public_number
from tillbook.credit.issuing import (
    CreditExpired,
    CreditNotFound,
    CreditNotRefundable,
    CurrencyMismatch,
    Issue,
    LimitExceeded,
    change_owing,
    give,
    issue,
    issue_many,
    lock,
    lock_many,
    stamp,
)
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import usable
from tillbook.events.services import NewEvent, check_key, content_of, record
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Book, Draft, Hold, HoldNotFound, InsufficientCredit, Stamp
from tillbook.ledger.models import House, Kind, Transfer
from tillbook.shop.policies import shop

__all__ = [
    "CreditExpired",
    "CreditNotFound",
    "CreditNotRefundable",
    "CurrencyMismatch",
    "HoldNotFound",
    "InsufficientCredit",
    "Issue",
    "LimitExceeded",
    "Part",
    "capture",
    "change_owing",
    "expire_due",
    "give",
    "hold",
    "issue",
    "issue_many",
    "lock",
    "lock_many",
    "release",
    "restore",
    "spend",
    "take_back",
]


@dataclass(frozen=True, slots=True)
class Part:
    """How much of an operation fell on which credit, in minor units."""

    credit_id: int
    amount_minor: int


@transaction.atomic
def spend(
    *,
    customer_id: int,
    amount: Money,
    reference: str,
    credits: Mapping[int, int] | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Pay `reference` with credit: chosen {credit_id: minor}, else first to expire, then oldest.

    Raises InsufficientCredit, CreditExpired, CreditNotFound, CurrencyMismatch, KeyReused.
    """
    actor.require(Permission.SPEND_CREDIT)
    content = content_of("credit.spent", amount=amount, reference=reference, credits=_sorted(credits))
    return _take(
        _Taking(customer_id, amount, Kind.POST, House.ORDERS, "order", reference, key, content, credits),
        "credit.spent",
        actor,
        now,
    )


@transaction.atomic
def hold(
    *,
    customer_id: int,
    amount: Money,
    reference: str,
    credits: Mapping[int, int] | None = None,
    refundable_only: bool = False,
    house: House = House.ORDERS,
    reason: str = "order",
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Set credit aside for `reference`: no longer available, not yet gone.

    `key` names the hold when it is captured or released. Refuses as `spend` does, and
    CreditNotRefundable when `refundable_only` meets a chosen credit that is not.
    """
    content = content_of(
        "credit.held",
        amount=amount,
        reference=reference,
        credits=_sorted(credits),
        house=house,
        reason=reason,
    )
    taking = _Taking(
        customer_id, amount, Kind.HOLD, house, reason, reference, key, content, credits, refundable_only
    )
    return _take(taking, "credit.held", actor, now)


def _sorted(credits: Mapping[int, int] | None) -> list[tuple[int, int]] | None:
    return None if credits is None else sorted(credits.items())


@dataclass(frozen=True, slots=True)
class _Taking:
    customer_id: int
    amount: Money
    kind: Kind
    house: House
    reason: str
    reference: str
    key: str
    content: str
    credits: Mapping[int, int] | None = None
    refundable_only: bool = False


def _take(taking: _Taking, action: str, actor: Actor, now: datetime) -> list[Part]:
    check_amount(taking.amount.minor)
    lock(taking.customer_id, taking.amount.currency)
    known = ledger.replays([(taking.customer_id, check_key(taking.key), taking.content)])
    if known:
        return _parts(known[taking.customer_id, taking.key])
    parts = _chosen(taking, now) if taking.credits is not None else _in_order(taking, now)
    drafts = [
        Draft(
            part.credit_id,
            taking.kind,
            taking.house,
            False,
            part.amount_minor,
            taking.reason,
            taking.reference,
        )
        for part in parts
    ]
    _post(stamp(taking.customer_id, taking.key, taking.content, actor, now), drafts)
    _record_parts(action, taking.customer_id, taking.reference, parts, taking.amount.currency, actor, now)
    return parts


def _parts(rows: Sequence[Transfer]) -> list[Part]:
    return [Part(row.account_id, row.amount_minor) for row in rows]


def _post(stamp: Stamp, drafts: Sequence[Draft]) -> None:
    book = Book()
    book.add(ledger.load([stamp.customer_id], [draft.account_id for draft in drafts]))
    book.post(stamp, drafts)
    ledger.write(book)


def _record_parts(
    action: str,
    customer_id: int,
    subject: str,
    parts: Sequence[Part],
    currency: str,
    actor: Actor,
    now: datetime,
) -> None:
    data = {
        "amount": str(Money(sum(part.amount_minor for part in parts), currency)),
        "credits": [
            [public_number("CR", part.credit_id), str(Money(part.amount_minor, currency))] for part in parts
        ],
    }
    record(NewEvent(action, subject, customer_id, data=data), actor=actor, now=now)


def _chosen(taking: _Taking, now: datetime) -> list[Part]:
    """The parts staff chose, each credit checked; they must add up to the amount."""
    assert taking.credits is not None
    credits = {
        credit.id: credit
        for credit in Credit.objects.filter(customer_id=taking.customer_id, id__in=list(taking.credits))
    }
    for credit_id, minor in taking.credits.items():
        check_amount(minor, field="credits")
        _check_usable(credits.get(credit_id), taking, now)
    if sum(taking.credits.values()) != taking.amount.minor:
        raise InvalidInput("The chosen credits do not add up to the amount.", field="credits")
    return [Part(credit_id, minor) for credit_id, minor in taking.credits.items()]


def _check_usable(credit: Credit | None, taking: _Taking, now: datetime) -> None:
    if credit is None:
        raise CreditNotFound("This customer has no such credit.", field="credits")
    if credit.currency != taking.amount.currency:
        raise CurrencyMismatch(
            f"{credit.number} is in {credit.currency}, not in {taking.amount.currency}.", field="amount"
        )
    if taking.refundable_only and not credit.refundable:
        raise CreditNotRefundable(f"{credit.number} can pay orders but can't be paid out.", field="credit")
    # A reversal takes a mistake back whether or not it could still be used.
    if taking.reason != "reversal" and credit.expires_at is not None and credit.expires_at <= now:
        raise CreditExpired(f"{credit.number} has expired.", field="credits")


def _in_order(taking: _Taking, now: datetime) -> list[Part]:
    """Those that expire first, then the oldest; for a payout, where expiry is no matter, the oldest."""
    left = taking.amount.minor
    parts: list[Part] = []
    for credit in usable(taking.customer_id, taking.amount.currency, now, refundable=taking.refundable_only):
        if left == 0:
            break
        minor = min(left, credit.account.available_minor)
        parts.append(Part(credit.id, minor))
        left -= minor
    if left:
        raise InsufficientCredit(Money(taking.amount.minor - left, taking.amount.currency))
    return parts


@transaction.atomic
def capture(
    *,
    customer_id: int,
    hold_key: str,
    amount: Money | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """End a hold: its amount, or the part given, is gone; the rest is available again."""
    content = content_of("credit.captured", hold_key=hold_key, amount=amount)
    return _resolve(customer_id, hold_key, Kind.CAPTURE, amount, key, content, actor, now)


@transaction.atomic
def release(*, customer_id: int, hold_key: str, key: str, actor: Actor, now: datetime) -> list[Part]:
    """End a hold: all of it is available again."""
    content = content_of("credit.released", hold_key=hold_key)
    return _resolve(customer_id, hold_key, Kind.RELEASE, None, key, content, actor, now)


def _resolve(
    customer_id: int,
    hold_key: str,
    kind: Kind,
    amount: Money | None,
    key: str,
    content: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    made = (
        Transfer.objects.filter(customer_id=customer_id, key=hold_key, kind=Kind.HOLD)
        .order_by("part")
        .first()
    )
    if made is None:
        raise HoldNotFound("There is no such hold.", field="hold")
    credit = Credit.objects.get(customer_id=customer_id, id=made.account_id)
    lock(customer_id, credit.currency)
    known = ledger.replays([(customer_id, check_key(key), content)])
    if known:
        return _parts([row for row in known[customer_id, key] if row.kind == kind])
    if amount is not None and amount.currency != credit.currency:
        raise CurrencyMismatch(f"The hold is in {credit.currency}.", field="amount")
    held = ledger.holds(customer_id, hold_key)
    drafts = _resolutions(
        held, kind, made, sum(each.amount for each in held) if amount is None else amount.minor
    )
    _post(stamp(customer_id, key, content, actor, now), drafts)
    parts = [Part(draft.account_id, draft.amount) for draft in drafts if draft.kind == kind]
    _extend([draft.account_id for draft in drafts if _frees(draft)], customer_id, now)
    action = "credit.captured" if kind == Kind.CAPTURE else "credit.released"
    _record_parts(action, customer_id, made.reference, parts, credit.currency, actor, now)
    return parts


def _frees(draft: Draft) -> bool:
    assert draft.hold is not None
    return draft.kind == Kind.RELEASE or draft.amount < draft.hold.amount


def _resolutions(held: Sequence[Hold], kind: Kind, made: Transfer, amount: int) -> list[Draft]:
    """One draft per hold: captured in their order while `amount` lasts, released after that."""
    check_amount(amount)
    total = sum(each.amount for each in held)
    if amount > total:
        raise InvalidInput("More was asked for than this hold keeps.", field="amount")
    drafts = []
    for each in held:
        minor = min(amount, each.amount)
        amount -= minor
        drafts.append(
            Draft(
                each.account_id,
                kind if minor else Kind.RELEASE,
                each.house,
                False,
                minor or each.amount,
                made.reason,
                made.reference,
                each,
            )
        )
    return drafts


def _extend(credit_ids: Sequence[int], customer_id: int, now: datetime) -> None:
    """Credit given back after its expiry gets the shop's grace period."""
    Credit.objects.filter(customer_id=customer_id, id__in=list(credit_ids), expires_at__lte=now).update(
        expires_at=now + timedelta(days=shop().grace_days)
    )


@transaction.atomic
def restore(
    *,
    customer_id: int,
    currency: str,
    reference: str,
    amount: Money | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """Give back what was spent on `reference`, to the same credits, at most that and once.

    Without `amount`: everything not yet given back. The credit spent last comes back first.
    """
    actor.require(Permission.SPEND_CREDIT)
    lock(customer_id, currency)
    content = content_of("credit.restored", reference=reference, currency=currency, amount=amount)
    known = ledger.replays([(customer_id, check_key(key), content)])
    if known:
        return _parts(known[customer_id, key])
    spent = _spent_on(customer_id, reference, currency)
    wanted = sum(spent.values()) if amount is None else check_amount(amount.minor)
    if wanted > sum(spent.values()):
        raise InsufficientCredit(Money(sum(spent.values()), currency))
    parts = []
    for credit_id, minor in reversed(spent.items()):
        if part := min(wanted, minor):
            parts.append(Part(credit_id, part))
            wanted -= part
    drafts = [
        Draft(part.credit_id, Kind.POST, House.ORDERS, True, part.amount_minor, "restored", reference)
        for part in parts
    ]
    if drafts:
        _post(stamp(customer_id, key, content, actor, now), drafts)
        _extend([part.credit_id for part in parts], customer_id, now)
        _record_parts("credit.restored", customer_id, reference, parts, currency, actor, now)
    return parts


def _spent_on(customer_id: int, reference: str, currency: str) -> dict[int, int]:
    """credit_id -> what it paid of the document and did not get back, in the order of spending."""
    own = set(Credit.objects.filter(customer_id=customer_id, currency=currency).values_list("id", flat=True))
    spent: dict[int, int] = {}
    rows = Transfer.objects.filter(customer_id=customer_id, reference=reference, house=House.ORDERS)
    for row in rows.order_by("recorded_at", "account_id", "seq"):
        if row.account_id in own and row.kind in (Kind.POST, Kind.CAPTURE):
            signed = -row.amount_minor if row.inward else row.amount_minor
            spent[row.account_id] = spent.get(row.account_id, 0) + signed
    return {credit_id: minor for credit_id, minor in spent.items() if minor > 0}


@transaction.atomic
def take_back(
    *, customer_id: int, amount: Money, reference: str, key: str, actor: Actor, now: datetime
) -> int:
    """Reverse up to `amount` of the overpayment credits of document `reference`, newest first.

    Returns the minor units taken back: at most what is still available of them.
    """
    lock(customer_id, amount.currency)
    content = content_of("credit.taken_back", amount=amount, reference=reference)
    known = ledger.replays([(customer_id, check_key(key), content)])
    if known:
        return sum(row.amount_minor for row in known[customer_id, key])
    left, drafts = amount.minor, []
    rows = Credit.objects.filter(
        customer_id=customer_id,
        currency=amount.currency,
        source=Source.OVERPAYMENT,
        source_reference=reference,
    )
    for credit in rows.select_related("account").order_by("-id"):
        if minor := min(left, credit.account.available_minor):
            left -= minor
            house = House(credit.house)
            drafts.append(Draft(credit.id, Kind.POST, house, False, minor, "reversal", reference))
    if drafts:
        _post(stamp(customer_id, key, content, actor, now), drafts)
        parts = [Part(draft.account_id, draft.amount) for draft in drafts]
        _record_parts("credit.reversed", customer_id, reference, parts, amount.currency, actor, now)
    return amount.minor - left


def expire_due(*, actor: Actor, now: datetime) -> int:
    """Expire what is available of every credit whose time is over; returns how many credits.

    What is held stays: it expires, if it comes back, after its grace period.
    """
    actor.require(Permission.RUN_SYSTEM)
    due = Credit.objects.filter(expires_at__lte=now, account__posted_minor__gt=0).order_by(
        "customer_id", "id"
    )
    return sum(_expire(credit, actor, now) for credit in list(due))


@transaction.atomic
def _expire(credit: Credit, actor: Actor, now: datetime) -> bool:
    lock(credit.customer_id, credit.currency)
    current = Credit.objects.select_related("account").get(customer_id=credit.customer_id, id=credit.id)
    left = current.account.available_minor
    if left == 0 or current.expires_at is None or current.expires_at > now:
        return False
    # The running number makes the key new if a restored credit expires a second time.
    key = f"expire:{current.id}:{current.account.transfers}"
    draft = Draft(current.id, Kind.POST, House.BREAKAGE, False, left, "expired", current.number)
    content = content_of("credit.expired", key=key)
    at_expiry = replace(stamp(current.customer_id, key, content, actor, now), effective_at=current.expires_at)
    _post(at_expiry, [draft])
    parts = [Part(current.id, left)]
    _record_parts("credit.expired", current.customer_id, current.number, parts, current.currency, actor, now)
    return True
