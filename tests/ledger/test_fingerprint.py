"""The fingerprint packs numbers in pairs: what does not fit is still compared, and nothing stands for another."""

from __future__ import annotations

import pytest

from tests.ledger.test_sums import ACTOR, ALL_BY_RANGE, book, execute  # noqa: F401 - a fixture
from tests.ledger.test_tampering import drop_triggers
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.customers.models import Customer
from tillbook.ledger import fingerprint, sums
from tillbook.ledger.models import Account, Transfer
from tillbook.ledger.verification import Proof

WIDTHS = [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**40]


@pytest.fixture(autouse=True)
def open_to_all(book) -> None:  # noqa: F811
    drop_triggers()


def renumber(column: str, own: str, by: int) -> None:
    for table, name in (("ledger_transfer", column), ("ledger_account", own)):
        execute(f"UPDATE {table} SET {name} = {name} + {by}")


def scale(by: int) -> None:
    execute(
        f"UPDATE ledger_transfer SET amount_minor = amount_minor * {by}, posted_minor = posted_minor * {by}, "
        f"held_minor = held_minor * {by}"
    )
    execute(f"UPDATE ledger_account SET posted_minor = posted_minor * {by}, held_minor = held_minor * {by}")
    execute(
        f"UPDATE ledger_balance SET available_minor = available_minor * {by}, held_minor = held_minor * {by}"
    )


def found() -> Proof:
    """What both ways of looking find: they find the same."""
    proof = sums.check()
    assert sums.check(ALL_BY_RANGE) == proof
    return proof


def test_accounts_of_any_number_agree_and_what_is_changed_is_found(book) -> None:  # noqa: F811
    credit_ids = set(Account.objects.values_list("id", flat=True))
    for width in WIDTHS:
        shift = width - min(credit_ids)
        renumber("account_id", "id", shift)
        assert found().broken == []
        execute("UPDATE ledger_transfer SET posted_minor = posted_minor + 1 WHERE key = 'g1'")
        assert {each.seq for each in found().broken} == {1}
        execute("UPDATE ledger_transfer SET posted_minor = posted_minor - 1 WHERE key = 'g1'")
        renumber("account_id", "id", -shift)


@pytest.mark.parametrize("factor", [2**21, 2**22, 2**30, 2**40])
def test_amounts_of_any_size_agree_and_what_is_changed_is_found(book, factor: int) -> None:  # noqa: F811
    scale(factor)
    assert found().broken == []
    execute(
        f"UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE key = 's' AND customer_id = {book[0]}"
    )
    assert {(each.customer_id, each.problem) for each in found().broken} == {
        (book[0], "has a running balance that does not continue")
    }


@pytest.mark.parametrize("by", [-(2**32), -(2**31), 2**31, 2**32, 2**33, 2**60])
@pytest.mark.parametrize("column", ["amount_minor", "posted_minor", "held_minor"])
@pytest.mark.parametrize("key", ["g1", "s", "h1", "h3", "c", "r"])
def test_what_differs_by_a_whole_width_is_not_the_same(book, key: str, column: str, by: int) -> None:  # noqa: F811
    if column == "amount_minor" and by < 0:
        return  # the database takes no amount below one
    execute(f"UPDATE ledger_transfer SET {column} = {column} + {by} WHERE key = '{key}'")
    assert {each.customer_id for each in found().broken} == set(book)


def test_a_balance_that_goes_once_around_is_found(book) -> None:  # noqa: F811
    """Out of 1000 go 1001, and what is left is said to be the largest number of 32 bits."""
    row = Transfer.objects.get(key="g2", customer_id=book[0])
    account = f"customer_id = {row.customer_id} AND account_id = {row.account_id}"
    last = Transfer.objects.filter(customer_id=row.customer_id, account_id=row.account_id).order_by("-seq")[0]
    before = last.posted_minor + last.amount_minor
    execute(
        f"UPDATE ledger_transfer SET kind = 'post', inward = FALSE, hold_seq = NULL, "
        f"amount_minor = {before + 1}, posted_minor = {2**32 - 1}, held_minor = 0 "
        f"WHERE {account} AND seq = {last.seq}"
    )
    execute(
        f"UPDATE ledger_account SET posted_minor = {2**32 - 1}, held_minor = 0 WHERE "
        f"customer_id = {row.customer_id} AND id = {row.account_id}"
    )
    assert (row.account_id, last.seq) in [(each.account_id, each.seq) for each in found().broken]


@pytest.mark.parametrize("column", ["posted_minor", "held_minor", "amount_minor"])
def test_what_is_taken_here_and_put_there_does_not_cancel_out(book, column: str) -> None:  # noqa: F811
    execute(f"UPDATE ledger_transfer SET {column} = {column} + 1 WHERE key = 'c' AND customer_id = {book[0]}")
    execute(f"UPDATE ledger_transfer SET {column} = {column} - 1 WHERE key = 'c' AND customer_id = {book[1]}")
    assert {each.customer_id for each in found().broken} == set(book)


@pytest.mark.parametrize("column", ["available_minor", "held_minor"])
def test_projections_that_make_up_for_each_other_are_both_named(book, column: str) -> None:  # noqa: F811
    execute(f"UPDATE ledger_balance SET {column} = {column} + 1 WHERE customer_id = {book[0]}")
    execute(f"UPDATE ledger_balance SET {column} = {column} - 1 WHERE customer_id = {book[1]}")
    assert [each.customer_id for each in found().broken] == sorted(book)


def test_available_and_held_do_not_make_up_for_each_other(book) -> None:  # noqa: F811
    execute("UPDATE ledger_balance SET available_minor = available_minor + 1, held_minor = held_minor - 1")
    assert [each.customer_id for each in found().broken] == sorted(book)


def test_a_hold_of_another_customers_account_of_that_number_ends_nothing(book) -> None:  # noqa: F811
    """Both customers' accounts get the same numbers, and one resolution the other's hold alone."""
    one, other = (
        sorted(Account.objects.filter(customer_id=each).values_list("id", flat=True)) for each in book
    )
    for mine, theirs in zip(one, other, strict=True):
        for table, name in (("ledger_transfer", "account_id"), ("ledger_account", "id")):
            execute(f"UPDATE {table} SET {name} = {mine} WHERE customer_id = {book[1]} AND {name} = {theirs}")
    assert found().broken == []
    row = Transfer.objects.get(key="h1", customer_id=book[1])
    execute(
        f"UPDATE ledger_transfer SET kind = 'post', inward = TRUE WHERE key = 'h1' AND customer_id = {book[1]}"
    )
    assert (book[1], row.account_id, row.seq) in [
        (each.customer_id, each.account_id, each.seq) for each in found().broken
    ]
    assert {each.customer_id for each in found().broken} == {book[1]}


def test_no_customer_and_no_transfer_is_missed_for_a_large_number(book) -> None:  # noqa: F811
    Customer.objects.create(id=2**33, username="far", currency="GBP", created_at="2026-03-02T00:00:00Z")
    for table in ("ledger_transfer", "ledger_account", "ledger_balance"):
        execute(f"UPDATE {table} SET customer_id = {2**33} WHERE customer_id = {book[1]}")
    assert found().broken == []
    execute(
        f"UPDATE ledger_transfer SET held_minor = held_minor + 1 WHERE key = 'h3' AND customer_id = {2**33}"
    )
    assert {each.customer_id for each in found().broken} == {2**33}


@pytest.mark.parametrize("key", ["g1", "s", "h3"])
def test_what_resolves_nothing_may_name_no_hold(book, key: str) -> None:  # noqa: F811
    row = Transfer.objects.filter(key=key, customer_id=book[0]).order_by("seq")[0]
    execute(
        f"UPDATE ledger_transfer SET hold_seq = 77 WHERE customer_id = {row.customer_id} "
        f"AND account_id = {row.account_id} AND seq = {row.seq}"
    )
    assert [(each.account_id, each.seq, each.problem) for each in found().broken] == [
        (row.account_id, row.seq, "resolves a hold that is not open")
    ]


def test_the_ordinary_book_is_told_by_its_fingerprint(book) -> None:  # noqa: F811
    counted = Proof()
    assert fingerprint.agrees(counted) is True
    assert (counted.transfers, counted.houses) == (
        Transfer.objects.count(),
        {"receipts": -4000, "orders": 2320},
    )
    execute("UPDATE ledger_transfer SET posted_minor = posted_minor + 1 WHERE key = 'g1'")
    assert fingerprint.agrees(Proof()) is False


@pytest.mark.parametrize(
    "pattern", [[1, -1], [1, -2, 1], [1, 0, -2, 0, 1], [1, -3, 3, -1], [1, -4, 6, -4, 1]]
)
@pytest.mark.parametrize("column", ["posted_minor", "held_minor"])
def test_neighbours_that_make_up_for_each_other_never_agree(
    book,  # noqa: F811
    now,
    column: str,
    pattern: list[int],
) -> None:
    """Each run has weights of its own: none of many may let a pattern through that evenly grown ones would."""
    by = {"customer_id": book[0], "actor": ACTOR, "now": now}
    services.hold(amount=Money(50, "GBP"), reference="N3", key="h4", **by)
    for number in range(6):
        services.spend(amount=Money(10, "GBP"), reference="N3", key=f"s{number}", **by)
    assert found().broken == []
    for number, difference in enumerate(pattern):
        execute(f"UPDATE ledger_transfer SET {column} = {column} + {difference} WHERE key = 's{number}'")
    assert not any(fingerprint.agrees(Proof()) for _ in range(50))


@pytest.mark.parametrize(("column", "value"), [("kind", "gift"), ("house", "elsewhere")])
def test_a_row_of_no_known_kind_or_house_is_counted_the_same_way(book, column: str, value: str) -> None:  # noqa: F811
    execute(f"UPDATE ledger_transfer SET {column} = '{value}' WHERE key = 's' AND customer_id = {book[0]}")
    assert found().transfers == Transfer.objects.count()
