"""Many customers looked at together: whoever is wrong is found, and nobody else."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.orders.till import Till, line
from tillbook.credit.models import Credit
from tillbook.customers import services as customers
from tillbook.ledger.models import Account, Balance, Transfer
from tillbook.orders.models import Order
from tillbook.orders.recalculation import agreeing, recalculate

# What somebody with the database changes of Jo's: a statement for each thing that is compared.
TAMPERED = (
    "UPDATE ledger_balance SET available_minor = 1 WHERE customer_id = {jo}",
    "UPDATE ledger_balance SET held_minor = 1 WHERE customer_id = {jo}",
    "UPDATE ledger_balance SET owing_minor = 1 WHERE customer_id = {jo}",
    "DELETE FROM ledger_balance WHERE customer_id = {jo}",
    "UPDATE ledger_account SET posted_minor = 1 WHERE customer_id = {jo}",
    "UPDATE ledger_account SET held_minor = 1 WHERE customer_id = {jo}",
    "UPDATE ledger_account SET transfers = 9 WHERE customer_id = {jo}",
    "DELETE FROM ledger_account WHERE customer_id = {jo}",
    # As if the credit had never been; only its transfers still say so.
    "DELETE FROM ledger_account WHERE customer_id = {jo}; UPDATE ledger_balance SET available_minor = 0 WHERE customer_id = {jo}",
    "UPDATE ledger_transfer SET reason = 'x' WHERE customer_id = {jo} AND seq = 1",
    "DELETE FROM ledger_transfer WHERE customer_id = {jo} AND seq = 2",
    "UPDATE credit_credit SET usable = FALSE WHERE customer_id = {jo}",
    "UPDATE orders_order SET received_minor = 1 WHERE customer_id = {jo} AND number = 'N2'",
    "UPDATE orders_order SET credit_used_minor = 1 WHERE customer_id = {jo} AND number = 'N2'",
    "UPDATE orders_order SET overpaid_minor = 1 WHERE customer_id = {jo} AND number = 'N2'",
    "UPDATE orders_payment SET amount_minor = 1 WHERE customer_id = {jo}",
)


@pytest.fixture
def three(till: Till) -> dict[str, int]:
    """Jo, and before and after her two who do the same; name -> id."""
    jo = till.customer
    people = {}
    for name in ("al", "jo", "zoe"):
        found = (
            jo
            if name == "jo"
            else customers.add(username=name, currency="GBP", actor=till.staff, now=till.now)
        )
        prefix = "N" if name == "jo" else f"{name}-"
        till.customer = found
        paid = till.place(line(1000), number=f"{prefix}1")
        till.pay(paid, 1500)
        till.spend(till.place(line(900), number=f"{prefix}2"), 200)
        people[name] = found.pk
    till.customer = jo
    return people


def tamper(statement: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE ledger_transfer DISABLE TRIGGER USER")
        else:
            cursor.execute("DROP TRIGGER IF EXISTS ledger_transfer_no_update")
            cursor.execute("DROP TRIGGER IF EXISTS ledger_transfer_no_delete")
        for each in statement.split(";"):
            cursor.execute(each)


def everybody(people: dict[str, int]) -> tuple[int, int]:
    return min(people.values()), max(people.values())


def found_one_by_one(till: Till, people: dict[str, int]) -> tuple[set[int], dict[int, int]]:
    """Whom `recalculate` finds something wrong of, and how many figures it compares of each."""
    found = {
        each: recalculate(each, repair=False, actor=till.staff, now=till.now) for each in people.values()
    }
    wrong = {each for each, result in found.items() if result.differences or result.broken}
    return wrong, {each: result.compared for each, result in found.items()}


def test_of_whom_nothing_differs_as_many_figures_are_compared_as_one_by_one(till: Till, three) -> None:
    together = agreeing(everybody(three), actor=till.staff)
    assert (together.wrong, dict(together.compared)) == found_one_by_one(till, three)
    assert set(together.compared.values()) == {14}


@pytest.mark.parametrize("statement", TAMPERED)
def test_who_is_wrong_is_found_and_nobody_else(till: Till, three, statement: str) -> None:
    kept = [(table, list(table.objects.values())) for table in (Transfer, Account, Balance, Credit, Order)]
    tamper(statement.format(jo=three["jo"]))
    together = agreeing(everybody(three), actor=till.staff)
    assert together.wrong == {three["jo"]} == found_one_by_one(till, three)[0]
    with connection.cursor() as cursor:  # the till looks at the book once more when the test is over
        for table in (Transfer, Account, Balance):
            cursor.execute(f"DELETE FROM {table._meta.db_table}")
        for table, rows in kept:
            if table in (Transfer, Account, Balance):
                table.objects.bulk_create(table(**row) for row in rows)
        cursor.execute("UPDATE orders_payment SET amount_minor = 1500")
    recalculate(three["jo"], repair=True, actor=till.staff, now=till.now)


def test_a_range_leaves_everybody_else_out(till: Till, three) -> None:
    Balance.objects.update(held_minor=1)
    found = agreeing((three["al"], three["al"]), actor=till.staff)
    assert (found.wrong, set(found.compared)) == ({three["al"]}, {three["al"]})
    Balance.objects.update(held_minor=0)
