"""Statements past Django's cursors: what goes in comes out, and what is refused leaves a usable connection."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import DataError, IntegrityError, NotSupportedError, connection, transaction

from tillbook.common import statements
from tillbook.common.statements import Insert, Query, Update

pytestmark = pytest.mark.django_db

COLUMNS = {"id": "bigint", "name": "text", "amount": "bigint", "digest": "bytea", "flag": "boolean"}


@pytest.fixture
def table(db: None) -> str:
    kinds = {"bytea": "blob"} if connection.vendor == "sqlite" else {}
    columns = ", ".join(f"{name} {kinds.get(kind, kind)}" for name, kind in COLUMNS.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE thing ({columns}, UNIQUE (id))")
    return "thing"


def row(number: int) -> tuple[object, ...]:
    odd = ["plain", "it's", 'say "x"', "back\\slash\t,{}\r\n\\N", "ünï – 漢字 🙂", ""][number % 6]
    return (
        number,
        odd,
        None if number % 5 == 0 else -(10**15),
        bytes([number % 256, 0, 92]),
        number % 2 == 0,
    )


def stored() -> list[tuple[object, ...]]:
    rows = statements.select("SELECT id, name, amount, digest, flag FROM thing ORDER BY id", [])
    return [(*each[:3], bytes(each[3]), bool(each[4])) for each in rows]


@pytest.mark.parametrize("count", [1, 2, 8, 9, 99, 100, 2001])
def test_rows_come_back_as_they_went_in_however_many(table, count):
    rows = [row(number) for number in range(count)]
    statements.write([Insert(table, COLUMNS, rows)])
    assert stored() == rows


@pytest.mark.parametrize("odd", ["", "NULL", ",", "{}", '"', '","', "\\", "\\x41", "\n", "漢"])
def test_one_odd_text_among_plain_ones_comes_back_as_it_went_in(table, odd):
    rows = [(number, odd if number == 7 else "plain", number, b"", True) for number in range(20)]
    statements.write([Insert(table, COLUMNS, rows)])
    assert stored() == rows


@pytest.mark.parametrize("count", [1, 2, 8, 9, 1000])
def test_updates_set_or_add(table, count):
    statements.write([Insert(table, COLUMNS, [(n, "", 1, b"", False) for n in range(count)])])
    key = {"id": "bigint"}
    statements.write(
        [
            Update(table, key, {"amount": "bigint"}, [(n, n) for n in range(count)], add=True),
            Update(
                table,
                key,
                {"name": "text", "digest": "bytea"},
                [(n, row(n)[1], b"\0\\") for n in range(count)],
            ),
        ]
    )
    assert stored() == [(n, row(n)[1], n + 1, b"\0\\", False) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 8, 9, 1000])
def test_wanted_rows_are_found_each_once(table, count):
    statements.write([Insert(table, COLUMNS, [row(number) for number in range(1000)])])
    asked = [(number, row(number)[1]) for number in range(count)]
    wanted, parameters = statements.wanted({"id": "bigint", "name": "text"}, asked * 2)
    found = statements.select(
        f"SELECT t.id, t.name FROM {wanted} CROSS JOIN thing AS t "
        "WHERE t.id = wanted.id AND t.name = wanted.name ORDER BY t.id",
        parameters,
    )
    assert found == asked


def test_single_rows_of_several_tables_are_all_written(table):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE other (id bigint, amount bigint)")
    statements.write([Insert("other", {"id": "bigint", "amount": "bigint"}, [(7, 5)])])
    statements.write(
        [
            Insert(table, COLUMNS, [row(1)]),
            Update("other", {"id": "bigint"}, {"amount": "bigint"}, [(7, 2)], add=True),
        ]
    )
    assert (stored(), statements.select("SELECT id, amount FROM other", [])) == ([row(1)], [(7, 7)])


def test_a_change_sees_what_the_one_before_it_did_to_the_same_table(table):
    statements.write(
        [
            Insert(table, COLUMNS, [(1, "", 1, b"", False)]),
            Update(table, {"id": "bigint"}, {"amount": "bigint"}, [(1, 4)], add=True),
            Update(table, {"id": "bigint"}, {"amount": "bigint"}, [(1, 5)], add=True),
        ]
    )
    assert stored() == [(1, "", 10, b"", False)]


def test_a_trip_may_be_larger_than_what_the_socket_holds(table):
    long = "x" * 10_000
    statements.write([Insert(table, COLUMNS, [(n, long, n, b"", True) for n in range(2000)])])
    everything = Query("SELECT name FROM thing", [])
    asked = Query("SELECT length(%s)", [long * 500])
    first, length, second = statements.read([everything, asked, everything])
    assert (len(first), length, len(second)) == (2000, [(5_000_000,)], 2000)


@pytest.mark.parametrize("count", [1, 500, 2500])
def test_what_is_written_ahead_is_there_for_the_next_statement(table, count):
    rows = [row(number) for number in range(4 * count)]
    for first in range(0, 2 * count, count):
        statements.write_ahead(Insert(table, COLUMNS, rows[first : first + count]))
    assert stored() == rows[: 2 * count]
    for first in range(2 * count, 4 * count, count):
        statements.write_ahead(Insert(table, COLUMNS, rows[first : first + count]))
    statements.write([Update(table, {"id": "bigint"}, {"amount": "bigint"}, [(4 * count - 1, 77)])])
    assert stored()[:-1] == rows[:-1]
    assert stored()[-1][2] == 77


def test_what_is_refused_of_it_is_raised_by_then_and_the_connection_lives_on(table):
    statements.write([Insert(table, COLUMNS, [row(1)])])
    with pytest.raises(IntegrityError), transaction.atomic():
        write_ahead_and_ask(Insert(table, COLUMNS, [row(2), row(1)]))
    assert stored() == [row(1)]


def write_ahead_and_ask(new):
    statements.write_ahead(new)
    statements.select("SELECT 1", [])


def test_what_is_refused_is_raised_as_django_would_and_the_connection_lives_on(table):
    statements.write([Insert(table, COLUMNS, [row(1)])])
    with pytest.raises(IntegrityError), transaction.atomic():
        statements.write(
            [
                Insert(table, COLUMNS, [row(2)]),
                Insert(table, COLUMNS, [row(1)]),
                Insert(table, COLUMNS, [row(3)]),
            ]
        )
    assert stored() == [row(1)]


def test_nothing_is_cut_off_at_a_zero_character(table):
    if connection.vendor == "sqlite":
        statements.write([Insert(table, COLUMNS, [(1, "a\0b", 1, b"", True)])])
        assert statements.select("SELECT name FROM thing", []) == [("a\0b",)]
        return
    with pytest.raises(DataError), transaction.atomic():
        statements.write([Insert(table, COLUMNS, [(1, "a\0b", 1, b"", True)])])
    assert stored() == []


def test_a_statement_outlives_a_change_of_its_table(table):
    everything = [Query("SELECT * FROM thing", [])]
    statements.write([Insert(table, COLUMNS, [row(1)])])
    assert len(statements.read(everything)[0][0]) == 5
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE thing ADD COLUMN more text")
    with suppress(NotSupportedError), transaction.atomic():
        statements.read(everything)  # PostgreSQL says once that its plan no longer fits
    assert len(statements.read(everything)[0][0]) == 6


@pytest.mark.parametrize(
    "at",
    [
        datetime(2026, 3, 2, 10, 30, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, 7, ZoneInfo("Australia/Sydney")),
    ],
)
def test_a_moment_is_written_as_django_writes_it(at):
    assert statements.moment(at) == connection.ops.adapt_datetimefield_value(at)
