"""The raw limit: the rows of one spend, written by prepared statements in the same driver.

A spend writes a transfer and an event and changes an account and a customer's projection.
Here that happens with nothing decided, checked or looked up: what is left is the database.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection

_NUMBERS = itertools.count(1)  # one counter for all threads: every key is new

_TRANSFER = (
    "INSERT INTO ledger_transfer (customer_id, account_id, seq, kind, house, inward, amount_minor, reason, "
    "reference, key, part, content, actor, effective_at, recorded_at, posted_minor, held_minor, digest) "
)
_EVENT = (
    "INSERT INTO events_event (action, customer_id, subject, key, content, actor_name, actor_role, origin, "
    "reason, note, public_note, data, recorded_at) "
)
_ACCOUNT = "UPDATE ledger_account SET posted_minor = posted_minor - 1, transfers = transfers + 1 "
_BALANCE = "UPDATE ledger_balance SET available_minor = available_minor - 1 "
_DIGEST = b"\0" * 32
_CONTENT = "0" * 64
_DATA = '{"amount":"0.01 GBP","credits":[["CR-1001","0.01 GBP"]]}'
_REFERENCE = "SO-1"

_POSTGRESQL_ONE = (
    "WITH transfer AS ("
    + _TRANSFER
    + "VALUES (%(c)s, %(a)s, %(n)s, 'post', 'orders', false, 1, 'order', %(reference)s, %(key)s, 0, "
    "%(content)s, 'system', now(), now(), 1, 0, %(digest)s)), account AS ("
    + _ACCOUNT
    + ", digest = %(digest)s WHERE customer_id = %(c)s AND id = %(a)s), balance AS ("
    + _BALANCE
    + "WHERE customer_id = %(c)s AND currency = 'GBP') "
    + _EVENT
    + "VALUES ('credit.spent', %(c)s, %(reference)s, %(key)s, %(content)s, 'system', 'system', 'bench', '', "
    "'', '', %(data)s, now())"
)
_POSTGRESQL_MANY = [
    _TRANSFER
    + "SELECT c, a, n, 'post', 'orders', false, 1, 'order', %(reference)s, 'raw-' || n, 0, %(content)s, "
    "'system', now(), now(), 1, 0, %(digest)s "
    "FROM unnest(%(c)s::bigint[], %(a)s::bigint[], %(n)s::int[]) AS new(c, a, n)",
    _ACCOUNT + ", digest = %(digest)s FROM unnest(%(c)s::bigint[], %(a)s::bigint[]) AS new(c, a) "
    "WHERE customer_id = c AND id = a",
    _BALANCE + "FROM unnest(%(c)s::bigint[]) AS new(c) WHERE customer_id = c AND currency = 'GBP'",
    _EVENT
    + "SELECT 'credit.spent', c, %(reference)s, 'raw-' || n, %(content)s, 'system', 'system', 'bench', "
    "'', '', '', %(data)s, now() FROM unnest(%(c)s::bigint[], %(n)s::int[]) AS new(c, n)",
]
_SQLITE = [
    _TRANSFER
    + "VALUES (:c, :a, :n, 'post', 'orders', 0, 1, 'order', :reference, :key, 0, :content, 'system', "
    ":now, :now, 1, 0, :digest)",
    _ACCOUNT + ", digest = :digest WHERE customer_id = :c AND id = :a",
    _BALANCE + "WHERE customer_id = :c AND currency = 'GBP'",
    _EVENT
    + "VALUES ('credit.spent', :c, :reference, :key, :content, 'system', 'system', 'bench', '', '', '', "
    ":data, :now)",
]

Place = tuple[int, int]  # a customer's id and their account's


def _row(place: Place) -> dict[str, Any]:
    number = next(_NUMBERS)
    return {
        "c": place[0], "a": place[1], "n": 1_000_000 + number, "key": f"raw-{number}", "content": _CONTENT,
        "digest": _DIGEST, "data": _DATA, "reference": _REFERENCE, "now": "2026-01-01 12:00:00.000000",
    }  # fmt: skip


def writer() -> tuple[Callable[[list[Place]], None], Callable[[], None]]:
    """(write, close) over a connection of its own: `write` stores one durable commit of rows."""
    return _postgresql_writer() if connection.vendor == "postgresql" else _sqlite_writer()


def _postgresql_writer() -> tuple[Callable[[list[Place]], None], Callable[[], None]]:
    wanted = connection.get_connection_params()
    parameters = {
        name: wanted[name] for name in ("dbname", "user", "host", "port", "password") if wanted.get(name)
    }
    raw = psycopg.connect(**parameters, autocommit=True, prepare_threshold=0)

    def write(places: list[Place]) -> None:
        if len(places) == 1:
            raw.execute(_POSTGRESQL_ONE, _row(places[0]))
            return
        rows = [_row(place) for place in places]
        arrays = {name: [row[name] for row in rows] for name in ("c", "a", "n")}
        shared = {name: rows[0][name] for name in ("content", "digest", "data", "reference")}
        with raw.transaction():
            for statement in _POSTGRESQL_MANY:
                raw.execute(statement, {**shared, **arrays})

    return write, raw.close


def _sqlite_writer() -> tuple[Callable[[list[Place]], None], Callable[[], None]]:
    raw = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=30, isolation_level=None)
    raw.executescript(settings.DATABASES["default"]["OPTIONS"]["init_command"])  # as the program's own

    def write(places: list[Place]) -> None:
        rows = [_row(place) for place in places]
        raw.execute("BEGIN IMMEDIATE")
        for statement in _SQLITE:
            raw.executemany(statement, rows)
        raw.execute("COMMIT")

    return write, raw.close
