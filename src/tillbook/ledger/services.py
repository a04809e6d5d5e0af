"""The ledger's writes. Only the credit package calls them.

The order is always: `begin` (lock and read), `Book.post`, `changes` (what stores it).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tillbook.common import statements
from tillbook.common.statements import Change, Insert, Query, Update
from tillbook.ledger.book import Book, Counters, Line, Pending, genesis
from tillbook.ledger.models import House, Kind

Place = tuple[int, str]  # a customer's id, and a currency or a key

_BALANCE_KEY = {"customer_id": "bigint", "currency": "text"}
_KEY = {"customer_id": "bigint", "key": "text"}
_ACCOUNT_KEY = {"customer_id": "bigint", "id": "bigint"}
_COUNTERS = {"posted_minor": "bigint", "held_minor": "bigint", "transfers": "int", "digest": "bytea"}
_LINE = {
    "customer_id": "bigint", "account_id": "bigint", "seq": "int", "kind": "text", "house": "text",
    "inward": "bool", "amount_minor": "bigint", "hold_seq": "int", "reason": "text", "reference": "text",
    "key": "text", "part": "int", "content": "text", "actor": "text", "effective_at": "timestamptz",
    "recorded_at": "timestamptz", "posted_minor": "bigint", "held_minor": "bigint", "digest": "bytea",
}  # fmt: skip
_NEW_ACCOUNT = {**_ACCOUNT_KEY, **_COUNTERS, "currency": "text"}
_AVAILABLE = {"available_minor": "bigint", "held_minor": "bigint"}
_FIRST_TIME = list(_LINE).index("effective_at")


class Moved(NamedTuple):
    """How much a keyed operation moved on which account."""

    account_id: int
    kind: str
    amount_minor: int


def lock(books: Iterable[Place]) -> list[Place]:
    """Take the locks of these (customer_id, currency) books, in order, until the transaction ends.

    One order for everybody is what keeps two batches from waiting for each other; so if some
    do not exist yet, none is locked, and those are returned: `open_books`, then lock again.
    On SQLite the transaction itself is the only writer.
    """
    return begin(books, [])[0]


def begin(
    books: Iterable[Place], reads: Sequence[Query], *, at_most_ms: int | None = None
) -> tuple[list[Place], list[list[Any]]]:
    """Lock the books and read, in one trip.

    Returns the books that are missing (then nothing is locked: see `lock`), and the rows of
    each of `reads` as they are under the lock. With `at_most_ms` the transaction waits so many
    milliseconds for a lock that somebody else holds, and then ends in an OperationalError.
    """
    asked = sorted(set(books))
    impatient = at_most_ms is not None and statements.is_postgresql()
    first = [Query(_IMPATIENT, [f"{at_most_ms}ms"])] if impatient else []
    queries = [*first, *([_lock(asked)] if asked else []), *reads]
    while True:
        rows = statements.read(queries)[len(first) :]
        if len(set(rows.pop(0)) if asked else ()) == len(asked):
            return [], rows
        missing = _missing(asked)
        if missing:
            return missing, []
        # Somebody made the last of them in between, and now all can be locked.


_IMPATIENT = "SELECT set_config('lock_timeout', %s, true)"
_IN_BOOKS = (
    "FROM {table} CROSS JOIN ledger_balance AS b "
    "WHERE b.customer_id = wanted.customer_id AND b.currency = wanted.currency"
)


def _lock(asked: Sequence[Place]) -> Query:
    """The books, locked if all of them are there."""
    table, rows = statements.wanted(_BALANCE_KEY, asked)
    found = _IN_BOOKS.format(table=table)
    if not statements.is_postgresql():
        return Query(f"SELECT b.customer_id, b.currency {found}", rows)
    if len(asked) == 1:
        return Query(f"SELECT b.customer_id, b.currency {found} FOR UPDATE OF b", rows)
    return Query(
        f"SELECT b.customer_id, b.currency {found} AND (SELECT count(*) {found}) = %s "
        "ORDER BY b.customer_id, b.currency FOR UPDATE OF b",
        [*rows, *rows, len(asked)],
    )


def _missing(asked: Sequence[Place]) -> list[Place]:
    table, rows = statements.wanted(_BALANCE_KEY, asked)
    there = set(statements.select(f"SELECT b.customer_id, b.currency {_IN_BOOKS.format(table=table)}", rows))
    return [place for place in asked if place not in there]


def answers(places: Sequence[Place]) -> dict[Place, list[Moved | Line]]:
    """What each known (customer_id, key) moved before, in its order (R4)."""
    table, rows = statements.wanted(_KEY, places)
    found: dict[Place, list[Moved | Line]] = {}
    for customer_id, key, *moved in statements.select(
        "SELECT t.customer_id, t.key, t.account_id, t.kind, t.amount_minor "
        f"FROM {table} CROSS JOIN ledger_transfer AS t "
        "WHERE t.customer_id = wanted.customer_id AND t.key = wanted.key ORDER BY t.part",
        rows,
    ):
        found.setdefault((customer_id, key), []).append(Moved(*moved))
    return found


def open_books(books: Iterable[Place]) -> None:
    """Make the projection rows of books that money has not moved in before, in order."""
    columns = {**_BALANCE_KEY, "available_minor": "bigint", "held_minor": "bigint", "owing_minor": "bigint"}
    new = [(*place, 0, 0, 0) for place in sorted(books)]
    statements.write([Insert("ledger_balance", columns, new, or_nothing=True)])


def load(accounts: Iterable[tuple[int, int]]) -> list[Counters]:
    """The counters of these (customer_id, account_id); call it under their customers' locks."""
    return counters_of(statements.select(*counters_query(accounts)))


def counters_query(accounts: Iterable[tuple[int, int]]) -> Query:
    """What `load` reads, for `begin`; `counters_of` takes its rows."""
    table, rows = statements.wanted(_ACCOUNT_KEY, accounts)
    return Query(
        "SELECT a.customer_id, a.id, a.currency, a.posted_minor, a.held_minor, a.transfers, a.digest "
        f"FROM {table} CROSS JOIN ledger_account AS a "
        "WHERE a.customer_id = wanted.customer_id AND a.id = wanted.id",
        rows,
    )


def counters_of(rows: Iterable[tuple[Any, ...]]) -> list[Counters]:
    """The counters that rows of `counters_query` say."""
    return [
        Counters(customer_id, account_id, currency, posted, held, transfers, bytes(digest))
        for customer_id, account_id, currency, posted, held, transfers, digest in rows
    ]


def pending(places: Sequence[Place]) -> dict[Place, list[Pending]]:
    """The holds that each (customer_id, key) made, in its order, each with whether it was resolved."""
    return pending_of(statements.select(*pending_query(places)))


def pending_query(places: Sequence[Place]) -> Query:
    """What `pending` reads, for `begin`; `pending_of` takes its rows."""
    table, rows = statements.wanted(_KEY, places)
    return Query(
        "SELECT t.customer_id, t.key, t.account_id, t.seq, t.amount_minor, t.house, t.reason, t.reference, "
        "a.currency, EXISTS (SELECT 1 FROM ledger_transfer AS r WHERE r.customer_id = t.customer_id "
        "AND r.account_id = t.account_id AND r.hold_seq = t.seq) "
        f"FROM {table} CROSS JOIN ledger_transfer AS t "
        "JOIN ledger_account AS a ON a.customer_id = t.customer_id AND a.id = t.account_id "
        "WHERE t.customer_id = wanted.customer_id AND t.key = wanted.key AND t.kind = %s ORDER BY t.part",
        [*rows, Kind.HOLD.value],
    )


def pending_of(rows: Iterable[tuple[Any, ...]]) -> dict[Place, list[Pending]]:
    """The holds that rows of `pending_query` say, by (customer_id, key)."""
    found: dict[Place, list[Pending]] = {}
    for customer_id, key, account_id, seq, amount, house, reason, reference, currency, resolved in rows:
        made = Pending(account_id, seq, amount, House(house), reason, reference, currency, bool(resolved))
        found.setdefault((customer_id, key), []).append(made)
    return found


def open_accounts(owners: Sequence[Place]) -> list[Counters]:
    """New, empty accounts for these (customer_id, currency) owners; `write` stores them."""
    return [
        Counters(
            customer_id=customer_id,
            account_id=account_id,
            currency=currency,
            posted=0,
            held=0,
            transfers=0,
            digest=genesis(customer_id, account_id, currency),
            opened=True,
        )
        for (customer_id, currency), account_id in zip(owners, _new_ids(len(owners)), strict=True)
    ]


def _new_ids(count: int) -> list[int]:
    if not count:
        return []
    if statements.is_postgresql():
        ids = statements.select("SELECT nextval('ledger_account_ids') FROM generate_series(1, %s)", [count])
        return sorted(row[0] for row in ids)
    # The write lock is held from BEGIN on, so nobody else can take the same ids. `numbering` keeps where the
    # credits' numbers were begun as SQLite keeps it for a table that counts by itself.
    last = statements.select(
        "SELECT max(coalesce((SELECT max(id) FROM ledger_account), 0), "
        "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'ledger_account'), 0))",
        [],
    )[0][0]
    return list(range(last + 1, last + 1 + count))


def changes(book: Book) -> list[Change]:
    """What stores the book's new lines, which it gives once, its changed accounts and the projection.

    Whoever writes them calls `Book.stored` then.
    """
    accounts = book.changed()
    opened = [(*_account_row(each), each.currency) for each in accounts if each.opened]
    moved = [_account_row(each) for each in accounts if not each.opened]
    balances = [(*place, *delta) for place, delta in sorted(book.moved().items())]
    return [
        Insert("ledger_account", _NEW_ACCOUNT, opened),
        Update("ledger_account", _ACCOUNT_KEY, _COUNTERS, moved),
        take_lines(book),
        Update("ledger_balance", _BALANCE_KEY, _AVAILABLE, balances, add=True),
    ]


def take_lines(book: Book) -> Insert:
    """What stores the lines decided since it was taken last; `changes` stores what goes with them."""
    return Insert("ledger_transfer", _LINE, _rows(book.take()))


def _account_row(account: Counters) -> tuple[Any, ...]:
    return (
        account.customer_id,
        account.account_id,
        account.posted,
        account.held,
        account.transfers,
        account.digest,
    )


def _rows(lines: Sequence[Line]) -> Sequence[tuple[Any, ...]]:
    """The lines as the database takes them: with its own kind of moments."""
    times = {line.effective_at for line in lines} | {line.recorded_at for line in lines}
    moments = {each: statements.moment(each) for each in times}
    at = _FIRST_TIME
    return [
        (*line[:at], moments[line.effective_at], moments[line.recorded_at], *line[at + 2 :]) for line in lines
    ]


def change_owing(customer_id: int, currency: str, delta_minor: int) -> None:
    """Add to what the projection says the customer owes on open orders; under the lock."""
    row = (customer_id, currency, delta_minor)
    statements.write([Update("ledger_balance", _BALANCE_KEY, {"owing_minor": "bigint"}, [row], add=True)])


def repair(
    customer_id: int,
    *,
    accounts: Sequence[tuple[int, int, int]],
    balances: Sequence[tuple[str, int, int, int]],
) -> None:
    """Store what was derived anew, under the lock: counters and projection, never a transfer.

    `accounts` are (id, posted, held), `balances` (currency, available, held, owing), in minor units.
    """
    counters = {"posted_minor": "bigint", "held_minor": "bigint"}
    figures = {**_AVAILABLE, "owing_minor": "bigint"}
    statements.write(
        [
            Update("ledger_account", _ACCOUNT_KEY, counters, [(customer_id, *each) for each in accounts]),
            Update("ledger_balance", _BALANCE_KEY, figures, [(customer_id, *each) for each in balances]),
        ]
    )
