"""The running history: each line's balance follows from the one before, and the newest one's is the account's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.orders.test_properties import Day, steps
from tests.plans import plan_of
from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.issuing import Issue, issue_many
from tillbook.credit.models import Credit, GiveReason, Source
from tillbook.credit.queries import balance_of
from tillbook.credit.running import Line, page_of_lines
from tillbook.customers.models import Customer
from tillbook.ledger.models import House, Transfer

pytestmark = pytest.mark.django_db


def pages(customer_id: int, size: int, currency: str = "GBP") -> list[Line]:
    """All lines, read page by page."""
    found: list[Line] = []
    before = None
    while rows := page_of_lines(customer_id, currency, before=before, limit=size):
        found += rows
        before = (rows[-1].transfer.account_id, rows[-1].transfer.seq)
    return found


class TestRandomDays(TestCase):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=5, max_size=30), st.integers(1, 4))
    def test_the_lines_add_up_to_the_account_however_they_are_paged(self, sequence, size):
        day = Day()
        for step, *arguments in sequence:
            day.do("back" if step == "return" else step, *arguments)
        customer_id = day.till.customer.pk
        lines = pages(customer_id, size)
        available, held, _ = day.till.figures
        assert lines[0].balance_minor == available + held
        assert lines[-1].before_minor == 0
        assert [line.before_minor for line in lines[:-1]] == [line.balance_minor for line in lines[1:]]
        assert len(lines) == Transfer.objects.filter(kind__in=("post", "capture")).count()
        assert lines == page_of_lines(customer_id, "GBP", limit=1_000)


def test_each_currency_has_its_own_lines(given, customer: Customer, admin_actor: Actor, now):
    given(5_000, "a")
    services.give(
        customer_id=customer.pk, amount=Money(700, "EUR"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, key="e", actor=admin_actor, now=now + timedelta(seconds=1),
    )  # fmt: skip
    given(200, "b")
    assert [line.balance_minor for line in page_of_lines(customer.pk, "GBP")] == [5_200, 5_000]
    assert [line.balance_minor for line in pages(customer.pk, 1, "EUR")] == [700]
    assert page_of_lines(customer.pk, "USD") == []


def test_a_place_that_nothing_has_is_refused(given, customer: Customer):
    given(5_000, "a")
    with pytest.raises(NotFound):
        page_of_lines(customer.pk, "GBP", before=(1, 9))


def test_a_hold_moves_nothing(given, customer: Customer, admin_actor: Actor, now):
    given(5_000, "a")
    held = {"customer_id": customer.pk, "actor": admin_actor}
    services.hold(amount=Money(300, "GBP"), reference="W", key="h", now=now, **held)
    [line] = page_of_lines(customer.pk, "GBP")
    assert line.balance_minor == 5_000 == balance_of(customer.pk, "GBP").available_minor + 300
    services.capture(hold_key="h", amount=Money(100, "GBP"), key="c", now=now + timedelta(seconds=1), **held)
    assert [line.amount_minor for line in page_of_lines(customer.pk, "GBP")] == [-100, 5_000]


def plan(statement: str) -> str:
    # Beside two small tables PostgreSQL might rather sort.
    return plan_of(statement, first=["SET LOCAL enable_mergejoin = off"])


def test_a_page_of_many_is_read_by_the_index_and_not_sorted(
    customer: Customer, admin_actor: Actor, now, django_assert_num_queries
):
    many = [
        Issue(
            customer.pk, Money(1, "GBP"), Source.MANUAL, House.RECEIPTS, GiveReason.DEPOSIT, "", f"m-{each}"
        )
        for each in range(2_000)
    ]
    issue_many(many, actor=admin_actor, now=now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ledger_transfer")  # what others know of their tables stays
    with django_assert_num_queries(1) as first:
        page_of_lines(customer.pk, "GBP", limit=50)
    in_the_middle = Credit.objects.filter(customer=customer).order_by("id")[1_000]
    with django_assert_num_queries(2) as middle:
        page_of_lines(customer.pk, "GBP", before=(in_the_middle.id, 1), limit=50)
    assert "Seq Scan on ledger_transfer" not in plan(first.captured_queries[0]["sql"])
    for query in (first.captured_queries[0], middle.captured_queries[1]):
        shown = plan(query["sql"])
        assert "transfer_of_customer" in shown
        assert "TEMP B-TREE" not in shown
        assert "Sort" not in shown
