"""Issuing credit: by hand, from a document, in batches; and the lock all of it runs under."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission, Role
from tillbook.common.checks import check_note
from tillbook.common.errors import InvalidInput, NotFound, Refusal
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.credit.batch import CREDIT, Batch, Request, attempt, lock_books, only
from tillbook.credit.models import Credit, Source
from tillbook.credit.terms import Left, terms_of_gift
from tillbook.events.services import NewEvent, check_key, content_maker
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Counters, Draft, InsufficientCredit
from tillbook.ledger.models import House, Kind
from tillbook.shop.details import GiveReason
from tillbook.shop.policies import shop


class CreditNotFound(NotFound):
    """The customer has no such credit."""

    code = "credit_not_found"


class CreditNotRefundable(Refusal):
    """Goodwill and promotional credit never turn into cash."""

    code = "credit_not_refundable"


class InsufficientRefundable(InsufficientCredit):
    """More was asked for than may be paid out, whatever else pays orders."""

    says = gettext_noop("Only %(available)s can be paid out.")


def check_refundable(wanted: Money, refundable: Money) -> None:
    """Raise InsufficientRefundable for more than may be paid out."""
    if wanted.minor > refundable.minor:
        raise InsufficientRefundable(refundable)


class CreditExpired(Refusal):
    """The chosen credit's time is over."""

    code = "credit_expired"


class CurrencyMismatch(Refusal):
    """Currencies never mix (R1)."""

    code = "currency_mismatch"
    status = 422


class LimitExceeded(Refusal):
    """More than this role may give at once."""

    code = "limit_exceeded"
    status = 403


_TOO_FAR = datetime(9999, 1, 1, tzinfo=UTC)  # a year before the last moments, which some zones can't show

_COLUMNS = list(CREDIT)
_MOMENTS = [place for place, kind in enumerate(CREDIT.values()) if kind == "timestamptz"]


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
    order_reference: str = ""

    @property
    def content(self) -> str:
        """The digest of all that is asked for; `verify` compares it with the credit."""
        return content_of_issue(_asked(self))


_ASKED = [each.name for each in fields(Issue) if each.name != "key"]
_asked = attrgetter(*_ASKED)
#: The same, of an issue's fields in their order, without its key.
content_of_issue = content_maker("credit.issued", _ASKED)


def lock(customer_id: int, currency: str) -> None:
    """Take the one lock under which this customer's money in `currency` moves.

    Documents above call it first in their transaction and read what they decide on after it.
    Raises CustomerNotFound and InvalidInput.
    """
    lock_many([(customer_id, currency)])


def lock_many(books: Iterable[tuple[int, str]]) -> None:
    """Take the locks of several (customer_id, currency) books, in the one order that all use."""
    lock_books({(customer_id, check_currency(currency)) for customer_id, currency in books})


def change_owing(customer_id: int, currency: str, delta_minor: int) -> None:
    """Add to the projection's owing; orders call it in the transaction that changes an order."""
    if delta_minor:
        ledger.change_owing(customer_id, currency, delta_minor)


@dataclass(frozen=True, slots=True)
class Gift:
    """Credit about to be given by hand. What is left to the shop, its policy and the reason say."""

    customer_id: int
    amount: Money
    reason: str
    key: str
    refundable: bool | Left = False
    expires_at: datetime | Left | None = None
    note: str = ""
    public_note: str = ""


@transaction.atomic
def give(
    *,
    customer_id: int,
    amount: Money,
    reason: str,
    refundable: bool | Left,
    expires_at: datetime | Left | None,
    note: str = "",
    public_note: str = "",
    key: str,
    actor: Actor,
    now: datetime,
) -> Credit:
    """Give credit by hand.

    Raises PermissionDenied, LimitExceeded, CreditNotRefundable, CustomerNotFound, InvalidInput, KeyReused.
    """
    gift = Gift(customer_id, amount, reason, key, refundable, expires_at, note, public_note)
    return only(give_many([gift], actor=actor, now=now))


@transaction.atomic
def give_many(gifts: Sequence[Gift], *, actor: Actor, now: datetime) -> list[Credit | Refusal]:
    """Give credit by hand in one batch, to any customers: each one's credit, or its own refusal.

    Refusals are those of `give` and of `issue_many`.
    """
    actor.require(Permission.GIVE_CREDIT)
    asked = [attempt(_checked_texts, gift) for gift in gifts]
    first = _first_credits({(each.customer_id, each.key) for each in asked if isinstance(each, Gift)})

    def issue_of(gift: Gift) -> Issue:
        known = first.get((gift.customer_id, gift.key))
        # A rule that changed since must not meet a repetition (R4).
        return _checked_gift(gift, actor, now) if known is None else _again(gift, known)

    checked = [each if isinstance(each, Refusal) else attempt(issue_of, each) for each in asked]
    issued = iter(issue_many([each for each in checked if isinstance(each, Issue)], actor=actor, now=now))
    return [each if isinstance(each, Refusal) else next(issued) for each in checked]


def _checked_texts(gift: Gift) -> Gift:
    check_key(gift.key)
    check_note(gift.note)
    check_note(gift.public_note, field="public_note")
    return gift


def _issue_of(gift: Gift, house: str, refundable: bool, expires_at: datetime | None) -> Issue:
    return Issue(
        gift.customer_id, gift.amount, Source.MANUAL, House(house), str(gift.reason), "", gift.key,
        refundable, expires_at, None, gift.note, gift.public_note,
    )  # fmt: skip


def _first_credits(places: set[tuple[int, str]]) -> dict[tuple[int, str], Credit]:
    """The credit of each key that moved any before."""
    answers = ledger.answers(list(places)) if places else {}
    ids = {place: moved[0].account_id for place, moved in answers.items() if moved}
    customers = {customer_id for customer_id, _ in ids}
    found = (
        {
            (credit.customer_id, credit.id): credit
            for credit in Credit.objects.filter(customer_id__in=customers, id__in=set(ids.values()))
        }
        if ids
        else {}
    )
    return {place: found[place[0], credit_id] for place, credit_id in ids.items()}


def _again(gift: Gift, first: Credit) -> Issue:
    """What is asked for under a key that is known, to be compared with what it asked for first.

    The house account and what is left to the shop are as they were then: settings may have changed since.
    """
    refundable = first.refundable if isinstance(gift.refundable, Left) else gift.refundable
    expires_at = first.expires_at if isinstance(gift.expires_at, Left) else gift.expires_at
    return _issue_of(gift, first.house, refundable, expires_at)


def _checked_gift(gift: Gift, actor: Actor, now: datetime) -> Issue:
    reason = reason_to_give(gift.reason)
    terms = terms_of_gift(reason, gift.refundable, gift.expires_at, now)
    check_may_give(gift.amount, actor)
    check_payable(reason, terms.refundable)
    check_expiry(terms.expires_at, now)
    return _issue_of(gift, reason.house, terms.refundable, terms.expires_at)


def reason_to_give(code: str) -> GiveReason:
    """The shop's reason of that code. Raises InvalidInput if credit is not given for it."""
    reason = shop().give_reasons.get(code)
    if reason is None or not reason.on:
        raise InvalidInput(_no_reason(code), field="reason")
    return reason


def check_may_give(amount: Money, actor: Actor) -> None:
    """Raise LimitExceeded for more than the actor may give at once."""
    limit = shop().staff_credit_limit_minor
    over = amount.currency != shop().currency or amount.minor > limit
    if actor.role == Role.STAFF and over:
        raise LimitExceeded(
            _("Staff may give at most %(limit)s at once. Ask an admin.")
            % {"limit": Money(limit, shop().currency)},
            field="amount",
        )


def check_payable(reason: GiveReason, refundable: bool) -> None:
    """Raise CreditNotRefundable for credit that is to be paid out, given for a reason that forbids it."""
    if refundable and not reason.may_be_paid_out:
        raise CreditNotRefundable(_("Credit given for this reason can't be paid out."), field="refundable")


def check_expiry(expires_at: datetime | None, now: datetime) -> None:
    """Raise InvalidInput for a moment that has passed, or is too far away to be shown."""
    if expires_at is not None and expires_at <= now:
        raise InvalidInput(_("The expiry must lie in the future."), field="expires_at")
    if expires_at is not None and expires_at >= _TOO_FAR:
        raise InvalidInput(_("The date is too far away. Leave it empty for no expiry."), field="expires_at")


def _no_reason(code: str) -> str:
    known = ", ".join(each.code for each in shop().give_reasons.values() if each.on)
    return _("Credit is not given for %(code)r. Use one of %(known)s.") % {"code": code[:60], "known": known}


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
    order_reference: str = "",
    key: str,
    actor: Actor,
    now: datetime,
) -> Credit:
    """Issue one credit from a business document; what orders and returns call."""
    new = Issue(
        customer_id, amount, source, house, reason, reference, key, refundable,
        expires_at, effective_at, note, public_note, order_reference,
    )  # fmt: skip
    return only(issue_many([new], actor=actor, now=now))


@transaction.atomic
def issue_many(issues: Sequence[Issue], *, actor: Actor, now: datetime) -> list[Credit | Refusal]:
    """Issue credits in one batch, for any customers: each one's credit, or its own refusal.

    A key that issued before gives its first credit. Refusals are PermissionDenied,
    CustomerNotFound, InvalidInput and KeyReused.
    """
    requests = [attempt(_request, new, actor, now) for new in issues]
    batch = Batch(requests)
    # One account a request, not a key: the same key may come with another currency, and be refused.
    fresh = dict.fromkeys(each for each in requests if isinstance(each, Request) and batch.is_new(each))
    opened = ledger.open_accounts([(each.customer_id, each.currency) for each in fresh])
    batch.book.add(opened)
    accounts = dict(zip(fresh, opened, strict=True))
    made: dict[int, Credit] = {}
    ids = batch.decide(issues, requests, lambda new, request: _issue(new, request, batch, accounts, made))
    batch.write()
    found = made | _earlier({each for each in ids if isinstance(each, int)} - made.keys(), requests)
    return [found[each] if isinstance(each, int) else each for each in ids]


def _earlier(ids: set[int], requests: Sequence[Request | Refusal]) -> dict[int, Credit]:
    """Credits that the requests' keys issued before, by id."""
    if not ids:
        return {}
    customers = {each.customer_id for each in requests if isinstance(each, Request)}
    return {credit.id: credit for credit in Credit.objects.filter(customer_id__in=customers, id__in=ids)}


#: source -> what it takes to issue credit from it
_PERMISSIONS = {
    Source.OVERPAYMENT: Permission.WORK_ORDERS,
    Source.RETURN: Permission.WORK_RETURNS,
    Source.MANUAL: Permission.GIVE_CREDIT,
}


def _request(new: Issue, actor: Actor, now: datetime) -> Request:
    actor.require(_PERMISSIONS[new.source])
    check_amount(new.amount.minor)
    return Request(new.customer_id, new.amount.currency, new.key, new.content, actor, now).checked()


def _issue(
    new: Issue,
    request: Request,
    batch: Batch,
    accounts: Mapping[Request, Counters],
    made: dict[int, Credit],
) -> int:
    """The id of the credit that the request stands for; a new one goes into `made`."""
    moved = batch.first_answer(request)
    if moved is None:
        account = accounts[request]
        draft = Draft(
            account.account_id, Kind.POST, new.house, True, new.amount.minor, new.reason, new.reference
        )
        moved = batch.post(request, [draft], effective_at=new.effective_at)
        values = _values(new, account.account_id, request)
        batch.issue(_row(values))
        credit = made[account.account_id] = Credit.from_db(DEFAULT_DB_ALIAS, _COLUMNS, values)
        batch.record(_issued(new, credit), request)
    return moved[0].account_id


def _values(new: Issue, credit_id: int, request: Request) -> list[Any]:
    """The new credit's values in the order of `CREDIT`."""
    return [
        new.customer_id, credit_id, new.amount.currency, new.amount.minor, new.source, new.reference,
        new.order_reference, new.house, new.reason, new.note, new.public_note, new.refundable,
        new.effective_at or request.now, new.expires_at, request.actor.name, new.key, True, None,
    ]  # fmt: skip


def _row(values: Sequence[Any]) -> list[Any]:
    """The values as the database takes them: with its own kind of moments."""
    row = list(values)
    for place in _MOMENTS:
        if row[place] is not None:
            row[place] = statements.moment(row[place])
    return row


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
