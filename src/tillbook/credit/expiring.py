"""The end of credit that was issued with a date, and the grace of what comes back after it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission
from tillbook.common.money import Money
from tillbook.common.paging import ordered_after
from tillbook.common.statements import Query
from tillbook.credit.batch import Batch, Part, Request
from tillbook.credit.issuing import lock_many
from tillbook.credit.models import Credit
from tillbook.credit.terms import expiry_after
from tillbook.events.services import NewEvent, content_of, internal_key, keys_query, record_many
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Draft
from tillbook.ledger.models import House, Kind
from tillbook.shop.policies import policy_at

_AT_ONCE = 500  # credits in one transaction
SOON = timedelta(days=7)


class Ending(NamedTuple):
    """What ends soon in one currency: how many credits, and what is available of them in minor units."""

    currency: str
    credits: int
    minor: int


def expire_due(*, actor: Actor, now: datetime) -> int:
    """Expire what is available of every credit whose time is over; returns how many credits.

    What is held stays: it expires, if it comes back, after its grace period.
    """
    actor.require(Permission.EXPIRE_CREDIT)
    expired, last = 0, (0, 0)
    while due := _due(last, now):
        expired += _expire(due, actor, now)
        last = (due[-1].customer_id, due[-1].id)
    return expired


def _due(after: tuple[int, int], now: datetime) -> list[Credit]:
    """Credits past their time with something available, in the order of their keys."""
    rows = Credit.objects.filter(
        Q(customer_id__gt=after[0]) | Q(customer_id=after[0], id__gt=after[1]),
        expires_at__lte=now,
        usable=True,
        account__posted_minor__gt=F("account__held_minor"),
    )
    return list(rows.order_by("customer_id", "id")[:_AT_ONCE])


@transaction.atomic
def _expire(due: Sequence[Credit], actor: Actor, now: datetime) -> int:
    lock_many({(credit.customer_id, credit.currency) for credit in due})
    return _expire_available([(credit.customer_id, credit.id) for credit in due], {}, actor, now)


def _expire_available(
    places: Collection[tuple[int, int]], kept: dict[int, int], actor: Actor, now: datetime
) -> int:
    """Expire what is available of those past their time, but for what is `kept` of each, under the lock."""
    accounts = {each.account_id: each for each in ledger.load(places)}
    current = Credit.objects.filter(
        customer_id__in={customer_id for customer_id, _ in places}, id__in=accounts, expires_at__lte=now
    )
    over = []
    for credit in current.order_by("id"):
        account = accounts[credit.id]
        left = account.available - kept.get(credit.id, 0)
        if left > 0:
            over.append((credit, left, _expiry(credit, account.transfers, actor, now)))
    batch = Batch([request for _, _, request in over])
    batch.book.add(accounts.values())
    for credit, left, request in over:
        draft = Draft(credit.id, Kind.POST, House.BREAKAGE, False, left, "expired", credit.number)
        batch.post(request, [draft], effective_at=credit.expires_at)
        batch.tell("credit.expired", request, credit.number, [Part(credit.id, left)])
    batch.write()
    return len(over)


def _expiry(credit: Credit, transfers: int, actor: Actor, now: datetime) -> Request:
    # The running number makes the key new if a restored credit expires a second time.
    key = internal_key("expire", credit.id, transfers)
    content = content_of("credit.expired", key=key)
    return Request(credit.customer_id, credit.currency, key, content, actor, now).checked()


def expired_query(places: Iterable[tuple[int, int]], now: datetime) -> Query:
    """Those of these (customer_id, credit_id) whose time is over."""
    wanted, parameters = statements.wanted({"customer_id": "bigint", "id": "bigint"}, places)
    return Query(
        f"SELECT c.customer_id, c.id FROM {wanted} CROSS JOIN credit_credit AS c "
        "WHERE c.customer_id = wanted.customer_id AND c.id = wanted.id AND c.expires_at <= %s",
        [*parameters, statements.moment(now)],
    )


def extend_expired(back: dict[tuple[int, int], int], *, actor: Actor, now: datetime) -> None:
    """Give what came back after its expiry the shop's grace period, under the lock.

    `back` is minor units by (customer_id, credit_id). What was left of the credit besides had
    its time: it expires first, and so does not come back to life.
    """
    ids = [credit_id for _, credit_id in statements.select(*expired_query(back, now))]
    if not ids:  # nearly always: this must cost nothing
        return
    expired = Credit.objects.filter(customer_id__in={customer_id for customer_id, _ in back}, id__in=ids)
    credits = list(expired.order_by("id"))
    places = [(credit.customer_id, credit.id) for credit in credits]
    _expire_available(places, {place[1]: back[place] for place in places}, actor, now)
    # The grace that held when the credit arose: a policy that is saved later does not touch it.
    graces = {
        credit.id: expiry_after(policy_at(credit.source, credit.issued_at).grace_days, now)
        for credit in credits
    }
    events = [
        NewEvent(
            "credit.extended",
            credit.number,
            credit.customer_id,
            data={"expires_at": [_text(credit.expires_at), _text(graces[credit.id])]},
        )
        for credit in credits
    ]
    for grace in set(graces.values()):
        same = [credit_id for credit_id, until in graces.items() if until == grace]
        Credit.objects.filter(customer_id__in={credit.customer_id for credit in credits}, id__in=same).update(
            expires_at=grace
        )
    record_many(events, actor=actor, now=now)


def _text(moment: datetime | None) -> str:
    """In UTC, as the database tells it: events and keys hold the text."""
    return "" if moment is None else moment.astimezone(UTC).isoformat()


def announce_ending(days: int, *, actor: Actor, now: datetime) -> int:
    """Write `credit.expiring` for each credit that ends within so many days; returns how many.

    A part of the daily round. Once for each credit and date, and only while something is available.
    """
    actor.require(Permission.EXPIRE_CREDIT)
    announced, after = 0, 0
    until = now + timedelta(days=days)
    while ids := list(_ending_by(now, until).filter(id__gt=after).values_list("id", flat=True)[:_AT_ONCE]):
        announced += _announce(ids, until, actor, now)
        after = ids[-1]
    return announced


def _ending_by(now: datetime, until: datetime) -> QuerySet[Credit]:
    left = Credit.objects.filter(expires_at__gt=now, expires_at__lte=until, usable=True)
    return left.filter(account__posted_minor__gt=F("account__held_minor")).order_by("id")


@transaction.atomic
def _announce(ids: Collection[int], until: datetime, actor: Actor, now: datetime) -> int:
    """Announce those of the credits that are not announced yet, under the locks of their customers."""
    rows = Credit.objects.filter(id__in=ids)
    lock_many(rows.values_list("customer_id", "currency"))
    keys = {
        (each.customer_id, internal_key("expiring", each.id, _text(each.expires_at))): each
        for each in _ending_by(now, until).filter(id__in=ids).select_related("account")
    }
    known = {(row[0], row[1]) for row in statements.read([keys_query(keys)])[0]} if keys else set()
    events = [
        NewEvent(
            "credit.expiring", credit.number, credit.customer_id, key,
            content_of("credit.expiring", credit_id=credit.id, expires_at=credit.expires_at),
            data={
                "amount": str(Money(credit.account.available_minor, credit.currency)),
                "expires_at": _text(credit.expires_at),
            },
        )
        for (customer_id, key), credit in keys.items()
        if (customer_id, key) not in known
    ]  # fmt: skip
    record_many(events, actor=actor, now=now)
    return len(events)


def ending_soon(now: datetime) -> list[Ending]:
    """What ends within `SOON`, by currency."""
    left = Sum(F("account__posted_minor") - F("account__held_minor"))
    rows = _ending_soon(now).values_list("currency").annotate(credits=Count("id"), minor=left)
    return [Ending(currency, credits, int(minor)) for currency, credits, minor in rows.order_by("currency")]


def page_of_ending(now: datetime, *, after: Credit | None = None, limit: int = 50) -> list[Credit]:
    """A page of the credits that end within `SOON`, with customers and accounts, the next to end first.

    `after` is the last one seen.
    """
    rows = _ending_soon(now).select_related("account", "customer")
    return list(ordered_after(rows, "expires_at", after)[:limit])


def _ending_soon(now: datetime) -> QuerySet[Credit]:
    """Those with something available, which a customer can still use."""
    return Credit.objects.filter(
        expires_at__gt=now, expires_at__lte=now + SOON, account__posted_minor__gt=F("account__held_minor")
    )
