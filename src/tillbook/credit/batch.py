"""Requests to move credit, decided one after another and written together.

The order is the same for one request and for ten thousand: check each by itself, lock the
books, look for first answers, load, decide in plain integers, write once. A request that is
refused stops only itself.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

from django.utils.translation import gettext as _

from tillbook.common import statements
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, KeyReused, Refusal
from tillbook.common.money import amount_text, check_currency
from tillbook.common.numbering import public_number
from tillbook.common.statements import Columns, Insert, Query, Rows, Update
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.events.services import NewEvent, check_key, keys_query, recorded
from tillbook.ledger import services as ledger
from tillbook.ledger.book import Book, Draft, Line, Stamp
from tillbook.ledger.models import Kind

Moved = ledger.Moved | Line  # how much went where: as it stood in the book, or as just decided

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")  # what is asked

_AHEAD = 1_000  # rows: once so many wait, some are handed over while the rest is decided
_LOOKED_AT = 64  # requests: after so many it is looked how many rows wait
_MANY = 1_000  # requests: from so many on collecting garbage costs more than it gives
#: A credit's columns in its model's order, and their types on PostgreSQL.
CREDIT = {
    "customer_id": "bigint", "id": "bigint", "currency": "text", "issued_minor": "bigint", "source": "text",
    "source_reference": "text", "order_reference": "text", "house": "text", "reason": "text", "note": "text",
    "public_note": "text", "refundable": "boolean", "issued_at": "timestamptz", "expires_at": "timestamptz",
    "issued_by": "text", "key": "text", "usable": "boolean", "kept_at": "timestamptz",
}  # fmt: skip
_CREDIT_KEY = {"customer_id": "bigint", "id": "bigint"}
_LONGEST_REFERENCE = 60  # as an event's subject


class Request(NamedTuple):
    """Whose book is moved, the idempotency key, the digest of all that is asked for, by whom and when."""

    customer_id: int
    currency: str
    key: str
    content: str
    actor: Actor
    now: datetime

    def checked(self) -> Request:
        """The request itself; raises InvalidInput if its key or its currency could be none."""
        check_key(self.key)
        check_currency(self.currency)
        return self


class Asked(NamedTuple, Generic[A]):
    """What is asked for, by whom and when.

    `beside` is a row of the caller's that is stored with it, or not at all; a repetition stores none, as the
    first one has.
    """

    what: A
    actor: Actor
    now: datetime
    beside: Insert | None = None


Told = tuple[NewEvent, Actor, datetime]


class Part(NamedTuple):
    """How much of an operation fell on which credit, in minor units."""

    credit_id: int
    amount_minor: int


Outcome = list[Part] | Refusal


class Batch:
    """The books of some requests, locked, with what their keys wrote before.

    `rows` are what each of `reads` found under the lock, all in the same round trip. `at_most_ms` is how
    long it waits for a lock: see `ledger.begin`.
    """

    def __init__(
        self,
        requests: Iterable[Request | Refusal],
        *,
        reads: Sequence[Query] = (),
        at_most_ms: int | None = None,
    ) -> None:
        asked = [each for each in requests if isinstance(each, Request)]
        self.book = Book()
        self._events: list[Told] = []
        self._credits: list[Sequence[Any]] = []
        self._beside: list[Insert] = []
        self._unknown: set[int] = set()
        books = {(each.customer_id, each.currency) for each in asked}
        keys = [(each.customer_id, each.key) for each in asked]
        reads = [keys_query(keys), *reads] if keys else reads
        missing, self.rows = ledger.begin(books, reads, at_most_ms=at_most_ms)
        if missing:
            self._unknown = open_books(missing)
            known = [book for book in books if book[0] not in self._unknown]
            _, self.rows = ledger.begin(known, reads)
        used = self.rows.pop(0) if keys else ()
        #: Keys that stand for a request already; one that moved no credit has no answer.
        self._used = {(customer_id, key): content for customer_id, key, content in used}
        self._answers = ledger.answers(list(self._used)) if self._used else {}

    def is_new(self, request: Request) -> bool:
        """Whether nothing was written under the request's key before."""
        return (request.customer_id, request.key) not in self._answers

    def first_answer(self, request: Request) -> Sequence[Moved] | None:
        """What the key moved before, or None if it is new (R4).

        Raises KeyReused, and CustomerNotFound where there is nobody to have a key.
        """
        if request.customer_id in self._unknown:
            raise no_customer()
        place = (request.customer_id, request.key)
        content = self._used.get(place)
        if content is None:
            return None
        answer = self._answers.get(place)
        # A key that moved no credit stands for another kind of request: an order, a payment.
        if answer is None or content != request.content:
            raise KeyReused(request.key)
        return answer

    def post(
        self, request: Request, drafts: Sequence[Draft], *, effective_at: datetime | None = None
    ) -> list[Moved]:
        """Decide the request's drafts, all or none, and remember them as its key's answer."""
        customer_id, _, key, content, actor, now = request
        stamp = Stamp(customer_id, key, content, actor.identity, effective_at or now, now)
        moved: list[Moved] = [*self.book.post(stamp, drafts)]
        place = (customer_id, key)
        self._used[place] = content
        self._answers[place] = moved
        return moved

    def tell(self, action: str, request: Request, reference: str, parts: Sequence[Part]) -> None:
        """Note the event of what was posted."""
        # Numbers, amounts and currencies hold nothing that JSON would escape.
        currency = request.currency
        texts = [(public_number("CR", credit_id), amount_text(minor, currency)) for credit_id, minor in parts]
        credits = ",".join([f'["{number}","{text}"]' for number, text in texts])
        # Mostly it is one part: to write an amount takes longer than to look.
        total = texts[0][1] if len(parts) == 1 else amount_text(sum([minor for _, minor in parts]), currency)
        data = f'{{"amount":"{total}","credits":[{credits}]}}'
        new = NewEvent(action, reference, request.customer_id, request.key, request.content, "", "", "", data)
        self._events.append((new, request.actor, request.now))

    def record(self, new: NewEvent, request: Request) -> None:
        """Note the request's event, which keeps its key for all that has keys; `write` stores it."""
        keyed = new._replace(key=request.key, content=request.content)
        self._events.append((keyed, request.actor, request.now))

    def issue(self, credit: Sequence[Any]) -> None:
        """Note a new credit, its values in the order of `CREDIT`; its account is in the book."""
        self._credits.append(credit)

    def store_beside(self, row: Insert) -> None:
        """Note a row of the caller's own, which `write` stores with all else."""
        self._beside.append(row)

    def decide(
        self, things: Sequence[A], requests: Sequence[Request | Refusal], decide: Callable[[A, Request], T]
    ) -> list[T | Refusal]:
        """What `decide` makes of each thing and its request, or the request's refusal.

        `decide` asks the database for nothing past `statements`: it may be storing what was decided already.
        """
        outcomes: list[T | Refusal] = []
        with _uncollected(len(requests)):
            for place, (thing, request) in enumerate(zip(things, requests, strict=True)):
                if isinstance(request, Refusal):
                    outcomes.append(request)
                else:
                    outcomes.append(attempt(decide, thing, request))
                if not place % _LOOKED_AT:
                    self._write_ahead()
        return outcomes

    def _write_ahead(self) -> None:
        """Hand over what is decided, once it is much: the database stores it while the rest is decided.

        It takes in one table at a time: the one with the most rows, so that they take turns.
        """
        lines, events, credits = len(self.book.lines), len(self._events), len(self._credits)
        if lines + events + credits < _AHEAD:
            return
        if lines >= max(events, credits):
            statements.write_ahead(self._take_lines())
        else:
            statements.write_ahead(self._take_events() if events >= credits else self._take_credits())

    def _take_lines(self) -> Insert:
        return ledger.take_lines(self.book)

    def _take_events(self) -> Insert:
        events, self._events = self._events, []
        return recorded(events)

    def _take_credits(self) -> Insert:
        credits, self._credits = self._credits, []
        return Insert("credit_credit", CREDIT, credits)

    def write(self, *, commit: bool = False) -> None:
        """Store everything that was decided. With `commit` nothing may follow in the transaction."""
        turned = [(each.customer_id, each.account_id, bool(each.available)) for each in self.book.turned()]
        changes = [*ledger.changes(self.book), self._take_credits(), _marking(turned), self._take_events()]
        statements.write([*changes, *_by_table(self._beside)], commit=commit)
        self.book.stored()


@contextmanager
def _uncollected(requests: int) -> Iterator[None]:
    """While very many requests are decided, nothing is collected as garbage, in any thread.

    Each makes a score of tuples that live until the batch is written. None is part of a cycle, and the
    collector would look them all through again and again: a tenth of the time.
    """
    pauses = requests >= _MANY and gc.isenabled()
    if pauses:
        gc.disable()
    try:
        yield
    finally:
        if pauses:
            gc.enable()


def _by_table(inserts: Iterable[Insert]) -> list[Insert]:
    """The rows for each table as one change."""
    columns: dict[str, Columns] = {}
    rows: defaultdict[str, list[Sequence[Any]]] = defaultdict(list)
    for each in inserts:
        columns[each.table] = each.columns
        rows[each.table] += each.rows
    return [Insert(table, columns[table], rows[table]) for table in rows]


def _marking(credits: Rows) -> Update:
    return Update("credit_credit", _CREDIT_KEY, {"usable": "boolean"}, credits)


def mark_usable(credits: Iterable[tuple[int, int, bool]]) -> None:
    """Store of each (customer_id, credit_id) whether anything is available; under the lock."""
    statements.write([_marking(list(credits))])


def parts_of(moved: Sequence[Moved], kind: Kind) -> list[Part]:
    """How much of which credit moved so."""
    return [Part(each.account_id, each.amount_minor) for each in moved if each.kind == kind]


def lock_books(books: Collection[ledger.Place]) -> None:
    """Lock the (customer_id, currency) books, making those that are missing. Raises CustomerNotFound."""
    missing = ledger.lock(books)
    if missing:
        if open_books(missing):
            raise no_customer()
        ledger.lock(books)


def open_books(missing: Collection[ledger.Place]) -> set[int]:
    """Make books for customers who have none yet; the ids that no customer has get none, and are returned."""
    unknown = customers.unknown_ids({customer_id for customer_id, _ in missing})
    ledger.open_books([place for place in missing if place[0] not in unknown])
    return unknown


def no_customer() -> CustomerNotFound:
    return CustomerNotFound(_("There is no such customer."), field="customer")


def attempt(decide: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Refusal:
    """What `decide` answers, or the refusal it raised: one request must not stop its neighbours."""
    try:
        return decide(*args, **kwargs)
    except Refusal as refusal:
        return refusal.with_traceback(None)  # which names the whole batch, and would be part of it


def only(outcomes: Sequence[T | Refusal]) -> T:
    """The answer of a batch of one; raises its refusal."""
    return accepted(outcomes)[0]


def accepted(outcomes: Sequence[T | Refusal]) -> list[T]:
    """All answers of a batch that must be accepted whole; raises the first refusal."""
    answers: list[T] = []
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            raise outcome
        answers.append(outcome)
    return answers


def check_reference(reference: str) -> str:
    """Return `reference` if it can name a business document: 1 to 60 printable characters.

    Raises InvalidInput.
    """
    if not 1 <= len(reference) <= _LONGEST_REFERENCE or not reference.isprintable():
        raise InvalidInput(
            _("A reference is 1 to %(longest_reference)s printable characters.")
            % {"longest_reference": _LONGEST_REFERENCE},
            field="reference",
        )
    return reference
