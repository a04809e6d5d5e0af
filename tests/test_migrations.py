"""Migrations that change rows, over rows that are there: each goes back, and to the newest again."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.core.management import call_command
from django.db import connection

from tests.orders.till import Till, line
from tests.refunds.charged import back
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.customers import services as customers
from tillbook.customers.finding import matching
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Till:
    till = Till(Actor.system("test"), now)
    till.pay(till.place(line(1000)), 1500)
    return till


def to(app: str, name: str) -> None:
    """Go back to the state after that migration."""
    call_command("migrate", app, name, verbosity=0)


def to_the_newest() -> None:
    call_command("migrate", verbosity=0)


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {each.name for each in connection.introspection.get_table_description(cursor, table)}


def test_account_numbers_that_are_there_are_sealed_and_marked(till: Till) -> None:
    account = "20-00-00 5577 9911"
    refund = back(till, 300, method="bank_transfer", payee=Payee("Jo", account))
    in_cash = back(till, 200, method="cash")
    to("refunds", "0004_open_lists")
    assert "account_mark" not in columns("refunds_refund")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE refunds_refund SET bank_account = %s WHERE id = %s", [account, refund.pk])
        cursor.execute("UPDATE refunds_refund SET bank_account = '' WHERE id = %s", [in_cash.pk])
    to_the_newest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT bank_account FROM refunds_refund ORDER BY id")
        stored = [text for (text,) in cursor.fetchall()]
    assert "9911" not in stored[0]
    assert stored[1] == ""
    found = Refund.objects.order_by("pk").values_list("bank_account", "account_mark")
    assert list(found) == [(account, refund.account_mark), ("", "")]
    till.check_book()


def test_of_credit_that_is_there_only_what_has_something_left_is_usable(till: Till) -> None:
    till.pay(till.place(line(1000)), 1700)
    till.spend(till.place(line(500)), 500)  # all of the first one
    before = list(Credit.objects.order_by("id").values_list("issued_minor", "usable"))
    assert before == [(500, False), (700, True)]
    to("credit", "0002_sources")
    assert "usable" not in columns("credit_credit")
    to_the_newest()
    assert list(Credit.objects.order_by("id").values_list("issued_minor", "usable")) == before
    till.spend(till.place(line(700)), 700)  # in the order that the migration's index has
    assert till.figures[0] == 0
    till.check_book()


def test_customers_that_are_there_are_found_by_search_and_their_new_names_too(till: Till) -> None:
    by = {"actor": till.staff, "now": till.now}
    kim = customers.add(username="kim", first_name="Josephine", **by)
    to("customers", "0004_lists")
    assert "no_mails" not in columns("customers_customer")
    to_the_newest()
    assert list(matching(Customer.objects.all(), "sephin")) == [kim]
    Customer.objects.filter(pk=kim.pk).update(first_name="Wilhelmina")
    assert list(matching(Customer.objects.all(), "helmin")) == [kim]
    assert list(matching(Customer.objects.all(), "sephin")) == []
