"""Issuing credit: by hand, from a document, in batches; and the lock all of it runs under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import transaction

from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.errors import InvalidInput, NotFound, Refusal
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.credit.models import POLICY, Credit, GiveReason, Source
from tillbook.events.services import NewEvent, check_key, content_of, record_many
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Book, Draft, Stamp
from tillbook.ledger.models import House, Kind
from tillbook.shop.policies import shop


class CreditNotFound(NotFound):
    code = "credit_not_found"


class CreditNotRefundable(Refusal):
    """Goodwill and promotional credit never turn into cash."""

    code = "credit_not_refundable"


class CreditExpired(Refusal):
    code = "credit_expired"


class CurrencyMismatch(Refusal):
    """Currencies never mix (R1)."""

    code = "currency_mismatch"
    status = 422


class LimitExceeded(Refusal):
    """More than this role may give at once."""

    code = "limit_exceeded"
    status = 403


@dataclass(frozen=True, slots=True)
class Issue:
    """A credit about to be issued. `effective_at` is when it arose, if not now."""

    customer_id: int
    amount: Money
    source: Source
    house: House
    reason: str
    reference: str
    key: str
    refundable: bool = True
    expires_at: datetime | None = None
    effective_at: datetime | None = None
    note: str = ""
    public_note: str = ""

    @property
    def content(self) -> str:
        return content_of("credit.issued", **{**asdict(self), "key": None})


def lock(customer_id: int, currency: str) -> None:
    """Take the one lock under which this customer's money in `currency` moves.

    Documents above call it first in their transaction and read what they decide on after it.
    """
    lock_many([(customer_id, currency)])


def lock_many(books: Iterable[tuple[int, str]]) -> None:
    """Take the locks of several (customer_id, currency) books, in the one order that all use."""
    ledger.lock([(customer_id, check_currency(currency)) for customer_id, currency in books])


def change_owing(customer_id: int, currency: str, delta_minor: int) -> None:
    """Add to the projection's owing; orders call it in the transaction that changes an order."""
    if delta_minor:
        ledger.change_owing(customer_id, currency, delta_minor)


@transaction.atomic
def give(
    *,
    customer_id: int,
    amount: Money,
    reason: GiveReason,
    refundable: bool,
    expires_at: datetime | None,
    note: str = "",
    public_note: str = "",
    key: str,
    actor: Actor,
    now: datetime,
) -> Credit:
    """Give credit by hand. Raises LimitExceeded, CreditNotRefundable, InvalidInput."""
    actor.require(Permission.GIVE_CREDIT)
    house, may_refund = POLICY[reason]
    new = Issue(
        customer_id,
        amount,
        Source.MANUAL,
        house,
        reason,
        "",
        key,
        refundable,
        expires_at,
        None,
        note,
        public_note,
    )
    lock(customer_id, amount.currency)
    if not _is_replay(new):
        _check_gift(new, may_refund, actor, now)
    return issue_many([new], actor=actor, now=now)[0]


def _is_replay(new: Issue) -> bool:
    return bool(ledger.replays([(new.customer_id, check_key(new.key), new.content)]))


def _check_gift(new: Issue, may_refund: bool, actor: Actor, now: datetime) -> None:
    limit = shop().staff_credit_limit_minor
    over = new.amount.currency != shop().currency or new.amount.minor > limit
    if actor.role == Role.STAFF and over:
        raise LimitExceeded(
            f"Staff may give at most {Money(limit, shop().currency)} at once. Ask an admin.", field="amount"
        )
    if new.refundable and not may_refund:
        raise CreditNotRefundable("Credit given for this reason can't be paid out.", field="refundable")
    if new.expires_at is not None and new.expires_at <= now:
        raise InvalidInput("The expiry must lie in the future.", field="expires_at")


@transaction.atomic
def issue(
    *,
    customer_id: int,
    amount: Money,
    source: Source,
    house: House,
    reason: str,
    reference: str,
    refundable: bool = True,
    expires_at: datetime | None = None,
    effective_at: datetime | None = None,
    note: str = "",
    public_note: str = "",
    key: str,
    actor: Actor,
    now: datetime,
) -> Credit:
    """Issue one credit from a business document; what orders and returns call."""
    new = Issue(
        customer_id, amount, source, house, reason, reference, key, refundable,
        expires_at, effective_at, note, public_note,
    )  # fmt: skip
    return issue_many([new], actor=actor, now=now)[0]


@transaction.atomic
def issue_many(issues: Sequence[Issue], *, actor: Actor, now: datetime) -> list[Credit]:
    """Issue credits in one batch, for any customers; a replayed key gives its first credit."""
    for new in issues:
        check_amount(new.amount.minor)
        check_key(new.key)
    ledger.lock((new.customer_id, check_currency(new.amount.currency)) for new in issues)
    known = ledger.replays([(new.customer_id, new.key, new.content) for new in issues])
    fresh = [new for new in issues if (new.customer_id, new.key) not in known]
    accounts = (
        ledger.open_accounts([(new.customer_id, new.amount.currency) for new in fresh]) if fresh else []
    )
    book = Book()
    book.add(accounts)
    credits: dict[tuple[int, str], Credit] = {}
    for new, account in zip(fresh, accounts, strict=True):
        draft = Draft(
            account.account_id, Kind.POST, new.house, True, new.amount.minor, new.reason, new.reference
        )
        book.post(stamp(new.customer_id, new.key, new.content, actor, now, new.effective_at), [draft])
        credits[new.customer_id, new.key] = _credit(new, account.account_id, actor, now)
    ledger.write(book)
    Credit.objects.bulk_create(credits.values())
    record_many([_issued(new, credits[new.customer_id, new.key]) for new in fresh], actor=actor, now=now)
    first = {place: rows[0].account_id for place, rows in known.items()}
    credits |= {place: Credit.objects.get(customer_id=place[0], id=row_id) for place, row_id in first.items()}
    return [credits[new.customer_id, new.key] for new in issues]


def _credit(new: Issue, credit_id: int, actor: Actor, now: datetime) -> Credit:
    return Credit(
        customer_id=new.customer_id,
        id=credit_id,
        currency=new.amount.currency,
        issued_minor=new.amount.minor,
        source=new.source,
        source_reference=new.reference,
        house=new.house,
        reason=new.reason,
        note=new.note,
        public_note=new.public_note,
        refundable=new.refundable,
        issued_at=new.effective_at or now,
        expires_at=new.expires_at,
        issued_by=actor.name,
        key=new.key,
    )


def _issued(new: Issue, credit: Credit) -> NewEvent:
    return NewEvent(
        "credit.issued",
        credit.number,
        new.customer_id,
        reason=new.reason,
        note=new.note,
        public_note=new.public_note,
        data={"amount": str(new.amount), "reference": new.reference},
    )


def stamp(
    customer_id: int,
    key: str,
    content: str,
    actor: Actor,
    now: datetime,
    effective_at: datetime | None = None,
) -> Stamp:
    return Stamp(customer_id, key, content, actor.identity, effective_at or now, now)
