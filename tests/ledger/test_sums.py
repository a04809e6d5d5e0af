"""The sums depth finds whatever changes a sum, without recomputing a digest; full finds the rest too."""

from __future__ import annotations

import random
import threading

import pytest
from django.db import connection, connections

from tests.ledger.test_tampering import drop_triggers
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.ledger import sums
from tillbook.ledger.models import Transfer
from tillbook.ledger.steady import EVERYBODY, ranges, shared_moment
from tillbook.ledger.verification import Proof, verify

ACTOR = Actor.system("test")
ALL_BY_RANGE = (0, None)


@pytest.fixture
def book(db: None, now) -> list[int]:
    return make_book(now)


def make_book(now) -> list[int]:
    """Two customers with two credits each, spends, a captured, a released and an open hold."""
    ids = []
    for name in ("jo", "li"):
        customer = Customer.objects.create(username=name, currency="GBP", created_at=now)
        by = {"customer_id": customer.pk, "actor": ACTOR, "now": now}
        for key in ("g1", "g2"):
            services.give(
                amount=Money(1000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True, expires_at=None,
                key=key, **by,
            )  # fmt: skip
        services.spend(amount=Money(1100, "GBP"), reference="N1", key="s", **by)
        for key in ("h1", "h2", "h3"):
            services.hold(amount=Money(100, "GBP"), reference="N2", key=key, **by)
        services.capture(hold_key="h1", amount=Money(60, "GBP"), key="c", **by)
        services.release(hold_key="h2", key="r", **by)
        ids.append(customer.pk)
    return ids


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_whole_book_agrees_and_its_houses_balance(book) -> None:
    proof = sums.check()
    assert proof == Proof(
        accounts=4, transfers=Transfer.objects.count(), balances=2, sums={"GBP": (1480, 200)},
        houses={"receipts": -4000, "orders": 2320}, broken=[],
    )  # fmt: skip
    assert sum(proof.houses.values()) + sum(proof.sums["GBP"]) == 0


@pytest.mark.django_db
def test_an_empty_book_agrees() -> None:
    assert sums.check() == verify() == Proof()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE key = 's'", "does not continue"),
        (
            "UPDATE ledger_transfer SET posted_minor = posted_minor + 4294967297 WHERE key = 's'",
            "does not continue",
        ),
        ("UPDATE ledger_transfer SET held_minor = held_minor - 1 WHERE key = 'h1'", "does not continue"),
        ("UPDATE ledger_transfer SET inward = NOT inward WHERE key = 's'", "does not continue"),
        ("UPDATE ledger_transfer SET kind = 'post' WHERE key = 'h3'", "does not continue"),
        ("UPDATE ledger_transfer SET hold_seq = 99 WHERE key = 'c'", "resolves a hold that is not open"),
        ("UPDATE ledger_transfer SET hold_seq = NULL WHERE key = 'c'", "resolves a hold that is not open"),
        ("UPDATE ledger_transfer SET amount_minor = 101 WHERE key = 'c'", "resolves a hold that is not open"),
        ("UPDATE ledger_transfer SET seq = 99 WHERE key = 'r'", "is missing"),
        ("DELETE FROM ledger_transfer WHERE key = 'h1'", "is missing"),
        ("DELETE FROM ledger_transfer WHERE key = 'r'", "knows of other transfers"),
        ("UPDATE ledger_account SET transfers = transfers + 1", "knows of other transfers"),
        ("UPDATE ledger_account SET posted_minor = posted_minor + 1", "counters that are not the sum"),
        ("DELETE FROM ledger_account WHERE posted_minor > 0", "belongs to no account"),
        (
            "UPDATE ledger_balance SET held_minor = held_minor + 1",
            "projection that its transfers do not give",
        ),
        ("DELETE FROM ledger_balance", "has no GBP projection"),
    ],
)
def test_what_changes_a_sum_is_found(book, change: str, problem: str) -> None:
    drop_triggers()
    execute(change)
    found = sums.check()
    assert any(problem in each.problem for each in found.broken)
    assert sums.check(ALL_BY_RANGE) == found  # each row compared, where the whole may be by fingerprint
    assert verify().broken != []


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("wanted", [EVERYBODY, ALL_BY_RANGE])
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE ledger_transfer SET posted_minor = {most} WHERE key = 's'", "does not"),
        ("UPDATE ledger_transfer SET amount_minor = {most} WHERE key = 's'", "does not"),
        ("UPDATE ledger_account SET posted_minor = {most}", ""),
        ("UPDATE ledger_balance SET available_minor = {most}", "projection that its transfers do not give"),
    ],
)
def test_numbers_whose_sums_have_no_place_in_64_bits_are_found_and_end_nothing(
    now, change: str, problem: str, wanted
) -> None:
    make_book(now)
    drop_triggers()
    execute(change.format(most=2**63 - 1))
    assert any(problem in each.problem for each in sums.check(wanted).broken)


def test_a_transfer_of_no_account_is_named_though_all_accounts_are_in_order(book) -> None:
    drop_triggers()
    row = Transfer.objects.filter(customer_id=book[0]).order_by("account_id").last()
    execute(
        f"UPDATE ledger_transfer SET account_id = 999, seq = 1, posted_minor = amount_minor, held_minor = 0, "
        f"inward = TRUE, kind = 'post', hold_seq = NULL WHERE customer_id = {row.customer_id} "
        f"AND account_id = {row.account_id} AND seq = 1"
    )
    execute(f"DELETE FROM ledger_transfer WHERE account_id = {row.account_id}")
    execute(
        f"UPDATE ledger_account SET transfers = 0, posted_minor = 0, held_minor = 0 WHERE id = {row.account_id}"
    )
    for found in (sums.check(), sums.check(ALL_BY_RANGE)):
        assert [(each.account_id, each.seq, each.problem) for each in found.broken if each.account_id] == [
            (999, 1, "belongs to no account")
        ]


def test_one_altered_row_is_named_alone(book) -> None:
    drop_triggers()
    row = Transfer.objects.get(key="c", customer_id=book[1])
    execute(f"UPDATE ledger_transfer SET amount_minor = 61 WHERE key = 'c' AND customer_id = {book[1]}")
    broken = sums.check().broken
    assert [(each.customer_id, each.account_id, each.seq) for each in broken] == [
        (book[1], row.account_id, row.seq)
    ]


def test_ranges_together_find_what_the_whole_finds(book) -> None:
    drop_triggers()
    execute("UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE key = 's'")
    assert len(ranges(2)) == 2
    for check in (sums.check, verify):
        together = Proof()
        for wanted in ranges(2):
            together.add(check(wanted))
        whole = check(EVERYBODY)
        assert set(together.broken) == set(whole.broken) != set()
        assert (together.sums, together.transfers) == (whole.sums, whole.transfers)
        assert Proof.of_data(together.as_data()) == together


@pytest.mark.parametrize("seed", range(25))
def test_any_tampering_that_changes_a_sum_is_found_by_sums_and_any_at_all_by_full(book, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same tampering every time
    drop_triggers()
    rows = list(Transfer.objects.order_by("customer_id", "account_id", "seq"))
    row = chance.choice(rows)
    column, value, is_sum = chance.choice(
        [
            ("amount_minor", row.amount_minor + chance.choice([1, 7, 2**31, 2**32 + 1]), True),
            ("posted_minor", row.posted_minor + chance.choice([-1, 1, 2**32 + 1]), True),
            ("held_minor", row.held_minor + chance.choice([1, 2**33]), True),
            ("reference", "'elsewhere'", False),
            ("actor", "'user:9'", False),
            ("key", "'another'", False),
        ]
    )
    execute(
        f"UPDATE ledger_transfer SET {column} = {value} WHERE customer_id = {row.customer_id} "
        f"AND account_id = {row.account_id} AND seq = {row.seq}"
    )
    assert verify().broken != []
    assert bool(sums.check().broken) == is_sum
    assert sums.check(ALL_BY_RANGE) == sums.check()


@pytest.mark.usefixtures("own_database")
def test_a_shop_in_the_middle_of_business_gives_no_false_alarm(now) -> None:
    customer_id = make_book(now)[0]
    stop = threading.Event()
    written: list[int] = []

    def work() -> None:
        try:
            while not stop.is_set():
                services.give(
                    customer_id=customer_id, amount=Money(5, "GBP"), reason=GiveReason.DEPOSIT,
                    refundable=True, expires_at=None, key=f"w{len(written)}", actor=ACTOR, now=now,
                )  # fmt: skip
                written.append(1)
        finally:
            connections.close_all()

    writer = threading.Thread(target=work)
    writer.start()
    try:
        while len(written) < 20 and writer.is_alive():
            assert sums.check().broken == []
            assert verify().broken == []
            with shared_moment() as moment:
                first = verify(EVERYBODY, moment).transfers
                assert not moment or sums.check(EVERYBODY, moment).transfers == first
    finally:
        stop.set()
        writer.join()
    assert len(written) >= 20
