"""Taking credit: spent at once, or held first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from django.db import connection, transaction
from django.utils.translation import gettext

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.credit.batch import (
    Asked,
    Batch,
    Outcome,
    Part,
    Request,
    attempt,
    check_reference,
    only,
    parts_of,
)
from tillbook.credit.issuing import (
    CreditExpired,
    CreditNotFound,
    CreditNotRefundable,
    CurrencyMismatch,
    InsufficientRefundable,
)
from tillbook.credit.queries import Usable, all_in_order, chosen_query, in_order_queries, usables
from tillbook.events.services import check_key, content_of_texts
from tillbook.ledger.book import Book, Draft, InsufficientCredit
from tillbook.ledger.models import House, Kind

# How many credits of a book are read first.
_FIRST_CREDITS = 16
_CREDITS_A_TAKING = 4

_EVER = datetime.min.replace(tzinfo=UTC)

_ACTIONS = {
    Kind.POST: "credit.spent",
    Kind.HOLD: "credit.held",
}


class Taking(NamedTuple):
    """Credit to be taken for `reference`: spent at once (POST), or set aside first (HOLD).

    `credits` chooses {credit id: minor units}; without it those that expire first go first,
    then the oldest. `house` is where it goes: ORDERS, PAYOUTS for a refund, or for a reversal the
    one that the credit came from. With `refundable_only` expiry is no matter and the oldest go first.
    """

    customer_id: int
    amount: Money
    reference: str
    key: str
    kind: Kind = Kind.POST
    credits: Mapping[int, int] | None = None
    house: House = House.ORDERS
    reason: str = "order"
    refundable_only: bool = False


class Takings:
    """Some takings as a part of a batch: who asks what, what is read for them, and how each is decided."""

    def __init__(self, asked: Sequence[Asked[Taking]]) -> None:
        self._asked = asked
        self.requests = [attempt(_request, *each[:3]) for each in asked]
        sound = [
            each.what
            for each, request in zip(asked, self.requests, strict=True)
            if isinstance(request, Request)
        ]
        self.references = {taking.reference for taking in sound}
        self._stock = _Stock(sound, max((each.now for each in asked), default=_EVER))
        self.reads = self._stock.reads

    def decide(
        self, batch: Batch, rows: Sequence[Sequence[tuple[Any, ...]]], documents: Collection[str] = ()
    ) -> list[Outcome | None]:
        """The outcome of each; `rows` are what its `reads` found.

        One for a reference among the `documents` is left alone, and has none, unless its key took credit
        before.
        """
        self._stock.fill(rows, batch.book)

        def take(each: Asked[Taking], request: Request) -> list[Part] | None:
            if each.what.reference in documents and batch.is_new(request):
                return None
            return _taken(each, request, batch, self._stock)

        return batch.decide(self._asked, self.requests, take)


def take_many(takings: Sequence[Taking], *, actor: Actor, now: datetime) -> list[Outcome]:
    """Spend or hold credit, for any customers, in one batch: the parts of each, or its own refusal.

    Refusals are InsufficientCredit, CreditExpired, CreditNotFound, CreditNotRefundable,
    CurrencyMismatch, PermissionDenied, InvalidInput and KeyReused.
    """
    alone = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        part = Takings([Asked(taking, actor, now) for taking in takings])
        batch = Batch(part.requests, reads=part.reads)
        outcomes = part.decide(batch, batch.rows)
        batch.write(commit=alone)
    return cast("list[Outcome]", outcomes)  # there are no documents to be left alone


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
    """Pay `reference` with credit. Raises what `take_many` answers."""
    taking = Taking(customer_id, amount, reference, key, credits=credits)
    return only(take_many([taking], actor=actor, now=now))


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

    `key` names the hold when it is captured or released. Raises what `take_many` answers.
    """
    taking = Taking(customer_id, amount, reference, key, Kind.HOLD, credits, house, reason, refundable_only)
    return only(take_many([taking], actor=actor, now=now))


def _request(taking: Taking, actor: Actor, now: datetime) -> Request:
    """The taking's request, if nothing speaks against it by itself."""
    actor.require(permission_for(taking.kind, taking.house))
    check_reference(taking.reference)
    check_amount(taking.amount.minor)
    credits = None if taking.credits is None else sorted(taking.credits.items())
    for _, minor in credits or ():
        check_amount(minor, field="credits")
    if credits is not None and sum(minor for _, minor in credits) != taking.amount.minor:
        raise InvalidInput(gettext("The chosen credits do not add up to the amount."), field="credits")
    content = content_of_texts(
        _ACTIONS[taking.kind], taking.amount.minor, check_currency(taking.amount.currency), taking.reference,
        credits, taking.house, taking.reason, taking.refundable_only,
    )  # fmt: skip
    key = check_key(taking.key)
    return Request(taking.customer_id, taking.amount.currency, key, content, actor, now)


def permission_for(kind: Kind, house: House) -> Permission:
    """What it takes to move credit so.

    Credit that leaves for anything but an order may be held by staff; only an admin lets it go.
    """
    if house == House.ORDERS:
        return Permission.SPEND_CREDIT
    return Permission.REQUEST_REFUND if kind == Kind.HOLD else Permission.COMPLETE_REFUND


def _taken(asked: Asked[Taking], request: Request, batch: Batch, stock: _Stock) -> list[Part]:
    taking = asked.what
    moved = batch.first_answer(request)
    if moved is not None:
        return parts_of(moved, taking.kind)
    parts = stock.parts(taking)
    kind, house, reason, reference = taking.kind, taking.house, taking.reason, taking.reference
    batch.post(
        request,
        [Draft(credit_id, kind, house, False, minor, reason, reference) for credit_id, minor in parts],
    )
    batch.tell(_ACTIONS[kind], request, reference, parts)
    if asked.beside is not None:
        batch.store_beside(asked.beside)
    return parts


_Purpose = tuple[int, str, bool]  # a customer's id, a currency, and whether it is for a payout


class _Stock:
    """The credits that some takings may use, and what is left of each as the batch goes on.

    Of a book with thousands of credits only so many are read as the takings are likely to
    need; the rest if they turn out not to be enough.
    """

    def __init__(self, takings: Sequence[Taking], now: datetime) -> None:
        self._now = now
        self._most = _FIRST_CREDITS + _CREDITS_A_TAKING * len(takings)
        self._queues: defaultdict[_Purpose, deque[Usable]] = defaultdict(deque)
        self._whole: set[_Purpose] = set()  # of these all credits are in their queue
        self._chosen: dict[tuple[int, int], Usable] = {}
        self._book = Book()
        by_choice = {(each.customer_id, credit_id) for each in takings for credit_id in each.credits or ()}
        self._in_order = [
            (payout, query)
            for payout in (False, True)
            if (books := _books(takings, payout=payout))
            for query in in_order_queries(books, now, refundable=payout, most=self._most)
        ]
        self.reads = [query for _, query in self._in_order]
        if by_choice:
            self.reads.append(chosen_query(by_choice, now))

    def fill(self, rows: Sequence[Sequence[tuple[Any, ...]]], book: Book) -> None:
        """Take in what `reads` found; `book` keeps the counters from here on."""
        self._book = book
        for (payout, _), found in zip(self._in_order, rows, strict=False):
            self._queue(payout, usables(found))
        for credit in usables(rows[-1]) if len(rows) > len(self._in_order) else ():
            self._chosen[credit.customer_id, credit.credit_id] = credit
            book.add([credit.counters])

    def _queue(self, payout: bool, credits: Sequence[Usable]) -> None:
        for credit in credits:
            self._queues[credit.customer_id, credit.currency, payout].append(credit)
            self._book.add([credit.counters])

    def parts(self, taking: Taking) -> list[Part]:
        """How much to take of which credit. Raises the refusal that forbids it."""
        if taking.credits is not None:
            for credit_id in taking.credits:
                _check_usable(self._chosen.get((taking.customer_id, credit_id)), taking)
            return [Part(credit_id, minor) for credit_id, minor in taking.credits.items()]
        purpose = (taking.customer_id, taking.amount.currency, taking.refundable_only)
        parts, left = self._first(purpose, taking.amount.minor)
        if left and self._read_rest(purpose):
            parts, left = self._first(purpose, taking.amount.minor)
        if left:
            refusal = InsufficientRefundable if taking.refundable_only else InsufficientCredit
            raise refusal(Money(taking.amount.minor - left, taking.amount.currency))
        return parts

    def _first(self, purpose: _Purpose, wanted: int) -> tuple[list[Part], int]:
        """What the queue gives of `wanted` minor units, and how much it lacks."""
        queue, accounts = self._queues[purpose], self._book.accounts
        while queue and not accounts[queue[0].credit_id].available:
            queue.popleft()
        left = wanted
        parts: list[Part] = []
        for credit in queue:
            if minor := min(left, accounts[credit.credit_id].available):
                parts.append(Part(credit.credit_id, minor))
                left -= minor
                if not left:
                    break
        return parts, left

    def _read_rest(self, purpose: _Purpose) -> bool:
        """Take in all credits of the book; False if they are here already."""
        customer_id, currency, payout = purpose
        if purpose in self._whole:
            return False
        self._whole.add(purpose)
        self._queues[purpose].clear()
        self._queue(payout, all_in_order((customer_id, currency), self._now, refundable=payout))
        return True


def _books(takings: Iterable[Taking], *, payout: bool) -> set[tuple[int, str]]:
    """The books from which something is to be taken in the order of use."""
    return {
        (each.customer_id, each.amount.currency)
        for each in takings
        if each.credits is None and each.refundable_only == payout
    }


def _check_usable(credit: Usable | None, taking: Taking) -> None:
    if credit is None:
        raise CreditNotFound(gettext("This customer has no such credit."), field="credits")
    if credit.currency != taking.amount.currency:
        raise CurrencyMismatch(
            gettext("%(number)s is in %(currency)s, not in %(other)s.")
            % {"number": credit.number, "currency": credit.currency, "other": taking.amount.currency},
            field="amount",
        )
    if taking.refundable_only and not credit.refundable:
        raise CreditNotRefundable(
            gettext("%(number)s can pay orders but can't be paid out.") % {"number": credit.number},
            field="credit",
        )
    # A reversal takes a mistake back whether or not it could still be used.
    if taking.reason != "reversal" and credit.expired:
        raise CreditExpired(gettext("%(number)s has expired.") % {"number": credit.number}, field="credits")
