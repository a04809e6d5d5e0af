"""The ledger's writes. Only the credit package calls them.

The order is always: `lock`, `replays`, `load` into a Book, `Book.post`, `write`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from operator import attrgetter
from typing import Any

from django.db import connection

from tillbook.common.errors import KeyReused
from tillbook.ledger.book import Book, Counters, Hold, Line, genesis
from tillbook.ledger.models import Account, Balance, House, Kind, Transfer

_LINE_COLUMNS = [each.name for each in fields(Line)]
_LINE_TYPES = [
    "bigint",
    "bigint",
    "int",
    "text",
    "text",
    "bool",
    "bigint",
    "int",
    "text",
    "text",
    "text",
    "int",
    "text",
    "text",
    "timestamptz",
    "timestamptz",
    "bigint",
    "bigint",
    "bytea",
]


#: Above this many values a list of them no longer fits a statement on SQLite.
_MANY = 500


def lock(books: Iterable[tuple[int, str]]) -> None:
    """Take the locks of these (customer_id, currency) books, in order, until the transaction ends.

    One order for everybody is what keeps two batches from waiting for each other. On SQLite
    the transaction itself is the only writer; there only the rows are made to exist.
    """
    wanted = sorted(set(books))
    _insert(
        "ledger_balance",
        ["customer_id", "currency", "available_minor", "held_minor", "owing_minor"],
        ["bigint", "text", "bigint", "bigint", "bigint"],
        [(customer_id, currency, 0, 0, 0) for customer_id, currency in _missing(wanted)],
        "ON CONFLICT DO NOTHING",
    )
    if connection.vendor == "postgresql" and wanted:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM ledger_balance WHERE (customer_id, currency) IN "
                "(SELECT * FROM unnest(%s::bigint[], %s::text[])) "
                "ORDER BY customer_id, currency FOR UPDATE",
                [[each[0] for each in wanted], [each[1] for each in wanted]],
            )


def _missing(wanted: list[tuple[int, str]]) -> list[tuple[int, str]]:
    customers = {customer_id for customer_id, _ in wanted}
    there = set(
        Balance.objects.filter(customer_id__in=customers).values_list("customer_id", "currency")
        if len(customers) < _MANY
        else Balance.objects.values_list("customer_id", "currency")
    )
    return [each for each in wanted if each not in there]


def replays(requests: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str], list[Transfer]]:
    """The transfers that these (customer_id, key, content) requests wrote before (R4).

    Raises KeyReused if a key stands for other content.
    """
    contents = {(customer_id, key): content for customer_id, key, content in requests}
    found: dict[tuple[int, str], list[Transfer]] = {}
    keys = [key for _, key, _ in requests]
    customers = {customer_id for customer_id, _, _ in requests}
    for chunk in _chunks(keys):
        rows = Transfer.objects.filter(customer_id__in=customers, key__in=chunk).order_by("part")
        for row in (
            rows if len(customers) < _MANY else Transfer.objects.filter(key__in=chunk).order_by("part")
        ):
            place = (row.customer_id, row.key)
            if place not in contents:
                continue
            if row.content != contents[place]:
                raise KeyReused(row.key)
            found.setdefault(place, []).append(row)
    return found


def load(customer_ids: Iterable[int], account_ids: Iterable[int]) -> list[Counters]:
    """The counters of these accounts; call it under their customers' locks."""
    customers, ids = list(set(customer_ids)), sorted(set(account_ids))
    rows = [
        row
        for chunk in _chunks(ids)
        for row in Account.objects.filter(customer_id__in=customers, id__in=chunk)
    ]
    return [
        Counters(
            customer_id=row.customer_id,
            account_id=row.id,
            currency=row.currency,
            posted=row.posted_minor,
            held=row.held_minor,
            transfers=row.transfers,
            digest=bytes(row.digest),
        )
        for row in rows
    ]


def holds(customer_id: int, key: str) -> list[Hold]:
    """The holds that the keyed operation made, in its order, each with whether it was resolved."""
    made = list(Transfer.objects.filter(customer_id=customer_id, key=key, kind=Kind.HOLD).order_by("part"))
    ended = set(
        Transfer.objects.filter(
            customer_id=customer_id,
            account_id__in=[row.account_id for row in made],
            hold_seq__in=[row.seq for row in made],
        ).values_list("account_id", "hold_seq")
    )
    return [
        Hold(row.account_id, row.seq, row.amount_minor, House(row.house), (row.account_id, row.seq) in ended)
        for row in made
    ]


def open_accounts(owners: Sequence[tuple[int, str]]) -> list[Counters]:
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
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT nextval('ledger_account_ids') FROM generate_series(1, %s)", [count])
            return sorted(row[0] for row in cursor.fetchall())
        # The write lock is held from BEGIN on, so nobody else can take the same ids.
        cursor.execute("SELECT coalesce(max(id), 0) FROM ledger_account")
        last = cursor.fetchone()[0]
        return list(range(last + 1, last + 1 + count))


def write(book: Book) -> None:
    """Store the book's new lines, its changed accounts and the customers' projection."""
    changed = {line.account_id for line in book.lines}
    accounts = sorted((book.accounts[each] for each in changed), key=attrgetter("account_id"))
    _insert(
        "ledger_account",
        ["customer_id", "id", "currency", "posted_minor", "held_minor", "transfers", "digest"],
        ["bigint", "bigint", "text", "bigint", "bigint", "int", "bytea"],
        [
            (
                each.customer_id,
                each.account_id,
                each.currency,
                each.posted,
                each.held,
                each.transfers,
                each.digest,
            )
            for each in accounts
            if each.opened
        ],
    )
    _update_accounts([each for each in accounts if not each.opened])
    _insert("ledger_transfer", _LINE_COLUMNS, _LINE_TYPES, [_line_values(line) for line in book.lines])
    _update_balances([(*place, *delta) for place, delta in sorted(book.moved.items())])
    for each in accounts:
        each.opened = False
    book.lines.clear()
    book.moved.clear()


def _line_values(line: Line) -> tuple[Any, ...]:
    values = astuple(line)
    adapt = connection.ops.adapt_datetimefield_value
    at = _LINE_COLUMNS.index("effective_at")
    return (*values[:at], adapt(values[at]), adapt(values[at + 1]), *values[at + 2 :])


def _update_accounts(accounts: Sequence[Counters]) -> None:
    rows = [(a.customer_id, a.account_id, a.posted, a.held, a.transfers, a.digest) for a in accounts]
    _apply(
        rows,
        "UPDATE ledger_account SET posted_minor = c.posted, held_minor = c.held, transfers = c.transfers, "
        "digest = c.digest FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::int[], "
        "%s::bytea[]) AS c(customer_id, id, posted, held, transfers, digest) "
        "WHERE ledger_account.customer_id = c.customer_id AND ledger_account.id = c.id",
        "UPDATE ledger_account SET posted_minor = %s, held_minor = %s, transfers = %s, digest = %s "
        "WHERE customer_id = %s AND id = %s",
    )


def _update_balances(rows: Sequence[tuple[Any, ...]]) -> None:
    _apply(
        rows,
        "UPDATE ledger_balance SET available_minor = available_minor + c.available, "
        "held_minor = held_minor + c.held FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[]) "
        "AS c(customer_id, currency, available, held) "
        "WHERE ledger_balance.customer_id = c.customer_id AND ledger_balance.currency = c.currency",
        "UPDATE ledger_balance SET available_minor = available_minor + %s, held_minor = held_minor + %s "
        "WHERE customer_id = %s AND currency = %s",
    )


def change_owing(customer_id: int, currency: str, delta_minor: int) -> None:
    """Add to what the projection says the customer owes on open orders; under the lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_balance SET owing_minor = owing_minor + %s "
            "WHERE customer_id = %s AND currency = %s",
            [delta_minor, customer_id, currency],
        )


def _apply(rows: Sequence[tuple[Any, ...]], set_sql: str, row_sql: str) -> None:
    """Run one set-based statement on PostgreSQL, one prepared statement per row on SQLite.

    Rows start with their two key columns; the row statement wants those last.
    """
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(set_sql, [list(column) for column in zip(*rows, strict=True)])
        else:
            cursor.executemany(row_sql, [(*row[2:], *row[:2]) for row in rows])


def _insert(
    table: str,
    columns: Sequence[str],
    types: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    suffix: str = "",
) -> None:
    if not rows:
        return
    head = f"INSERT INTO {table} ({', '.join(columns)})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{each}[]" for each in types)
            cursor.execute(
                f"{head} SELECT * FROM unnest({arrays}) {suffix}",
                [list(column) for column in zip(*rows, strict=True)],
            )
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"{head} VALUES ({marks}) {suffix}", rows)


def _chunks(values: Sequence[Any], size: int = _MANY) -> Iterable[Sequence[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))
