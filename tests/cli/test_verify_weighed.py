"""What makes up for something else is found all the same: sums are weighed by document, and none is known."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from tests.cli.test_verify import Run, _ask, till  # noqa: F401 - a fixture
from tests.ledger.test_tampering import drop_triggers
from tests.orders.till import Till, gbp, line
from tillbook.common.weighing import BELOW, Pair, Term, agreeing, can_weigh, new_seed, number_hash
from tillbook.credit import services as credit
from tillbook.ledger.models import Transfer
from tillbook.refunds.models import Refund

DEPTHS = ("--sums", "--full")


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def told(run: Run, depth: str) -> list[str]:
    code, shown, _ = run("verify", depth, "--json")
    found: list[str] = json.loads(shown)["broken"]
    assert code == bool(found)
    return found


@pytest.fixture
def orders(till: Till) -> list[str]:  # noqa: F811
    """The numbers of two orders, both paid in part with money and in part with credit."""
    placed = [till.place(line(900)) for _ in range(2)]
    for order in placed:
        till.pay(order, 200)
        till.spend(order, 100)
    return [order.number for order in placed]


def exchange(table: str, column: str, numbers: list[str]) -> None:
    for number, by in zip(numbers, ("+ 1", "- 1"), strict=True):
        execute(f"UPDATE {table} SET {column} = {column} {by} WHERE {number}")


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ("total_minor", "has a total that is not the sum of its lines, shipping and surcharge"),
        ("received_minor", "has received something else than its payments"),
        ("credit_used_minor", "was paid with other credit than its transfers say"),
    ],
)
def test_two_orders_that_make_up_for_each_other_are_both_named(
    run: Run, orders: list[str], column: str, problem: str, depth: str
) -> None:
    assert told(run, depth) == []
    exchange("orders_order", column, [f"number = '{each}'" for each in orders])
    assert told(run, depth) == [f"customer jo, order {each} {problem}" for each in orders]


@pytest.mark.parametrize("depth", DEPTHS)
def test_two_orders_are_named_though_all_checkouts_are_not_of_orders(
    run: Run,
    till: Till,  # noqa: F811
    orders: list[str],
    depth: str,
) -> None:
    credit.spend(customer_id=till.customer.pk, amount=gbp(10), reference="N-elsewhere", **till.by)
    assert told(run, depth) == []
    exchange("orders_order", "credit_used_minor", [f"number = '{each}'" for each in orders])
    problem = "was paid with other credit than its transfers say"
    assert told(run, depth) == [f"customer jo, order {each} {problem}" for each in orders]


@pytest.mark.parametrize("large", [BELOW - 1, BELOW, 2**32, 2**40])
def test_orders_of_any_size_agree_and_a_changed_one_is_named(run: Run, till: Till, large: int) -> None:  # noqa: F811
    number = till.place(line(large)).number
    assert told(run, "--sums") == []
    execute(f"UPDATE orders_order SET total_minor = total_minor + {2**32} WHERE number = '{number}'")
    assert told(run, "--sums") == [
        f"customer jo, order {number} has a total that is not the sum of its lines, shipping and surcharge",
        "customer jo has a GBP owing that the orders do not give",
    ]


@pytest.fixture
def refunds(till: Till) -> list[Refund]:  # noqa: F811
    """Two more refunds that wait, each out of several credits."""
    return [_ask(till), _ask(till)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE refunds_refund SET amount_minor = amount_minor + {by} WHERE id = {id}",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + {by} WHERE kind = 'hold' AND reference = '{number}'",
    ],
)
def test_two_refunds_that_make_up_for_each_other_are_both_named(
    run: Run, refunds: list[Refund], change: str
) -> None:
    assert told(run, "--sums") == []
    drop_triggers()
    for refund, by in zip(refunds, (1, -1), strict=True):
        execute(change.format(by=by, id=refund.pk, number=refund.number))
    found = told(run, "--sums")
    for refund in refunds:
        assert f"customer jo, {refund.number} has a state or amount that its transfers do not give" in found


def test_two_refunds_that_say_each_others_state_are_both_named(run: Run, till: Till) -> None:  # noqa: F811
    done, declined = (Refund.objects.get(status=status) for status in ("completed", "declined"))
    assert done.amount_minor == declined.amount_minor
    execute(f"UPDATE refunds_refund SET status = 'declined' WHERE id = {done.pk}")
    execute(f"UPDATE refunds_refund SET status = 'completed' WHERE id = {declined.pk}")
    problem = "has a state or amount that its transfers do not give"
    assert told(run, "--sums") == [f"customer jo, {each.number} {problem}" for each in (done, declined)]


def test_sources_that_make_up_for_each_other_are_named(run: Run, refunds: list[Refund]) -> None:
    for refund, by in zip(refunds, (1, -1), strict=True):
        first = refund.sources.order_by("id")[0]
        execute(f"UPDATE refunds_refundsource SET amount_minor = amount_minor + {by} WHERE id = {first.pk}")
    problem = "has sources that are not the credits held for it"
    assert told(run, "--sums") == [f"customer jo, {each.number} {problem}" for each in refunds]


def test_a_source_of_another_credit_is_named(run: Run, refunds: list[Refund]) -> None:
    first = refunds[0].sources.order_by("id")[0]
    execute(f"UPDATE refunds_refundsource SET credit_id = credit_id + 50 WHERE id = {first.pk}")
    problem = "has sources that are not the credits held for it"
    assert told(run, "--sums") == [f"customer jo, {refunds[0].number} {problem}"]


def test_a_credit_whose_document_is_named_like_a_refund_is_no_finding_and_hides_none(
    run: Run,
    till: Till,  # noqa: F811
    refunds: list[Refund],
) -> None:
    drop_triggers()
    execute("UPDATE ledger_transfer SET reference = 'RF-9' WHERE inward AND seq = 1")
    assert told(run, "--sums") == []
    execute(f"UPDATE ledger_transfer SET reference = '{refunds[0].number}' WHERE inward AND seq = 1")
    assert told(run, "--sums") != []
    assert Transfer.objects.filter(reference=refunds[0].number, inward=True).exists()


@pytest.mark.django_db
def test_sides_are_weighed_by_what_they_count_for() -> None:
    seed = new_seed()

    def pair(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> Pair:
        sides = (
            ", ".join(f"({place}::bigint, {minor}::bigint)" for place, minor in side) for side in (one, other)
        )
        table = "(VALUES {}) AS side(id, minor)"
        return Pair(*(Term(table.format(side), number_hash(seed, "id"), "minor") for side in sides))

    largest = [(1, BELOW - 1), (2, 1 - BELOW)]
    pairs = {
        "the same": pair([(1, 5), (2, -7)], [(2, -3), (1, 5), (2, -4)]),
        "exchanged": pair([(1, 5), (2, 7)], [(1, 7), (2, 5)]),
        "far apart": pair([(1, 5)], [(2**32 + 1, 5)]),
        "the largest": pair(largest, largest[::-1]),
        "too large": pair([(1, BELOW)], [(1, BELOW)]),
        "too small": pair([(1, -BELOW - 1)], [(1, -BELOW - 1)]),
        "once around": pair([(1, BELOW)], [(1, 0)]),
    }
    assert agreeing(pairs) == ({"the same", "the largest"} if can_weigh() else set())
