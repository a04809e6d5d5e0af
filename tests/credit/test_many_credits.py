"""A customer with very many credits: each is found when its turn comes, and the order holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from tests.credit.test_running import plan
from tillbook.common.actor import Actor
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.models import Credit, Source
from tillbook.credit.queries import usable_of_customer
from tillbook.customers.models import Customer
from tillbook.ledger.models import House
from tillbook.ledger.verification import verify

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system("test")


def issue(customer: Customer, now: datetime, *, count: int, first_key: str = "c") -> list[Credit]:
    """Credits of one penny each; the later ones expire sooner."""
    issues = [
        services.Issue(
            customer.pk, Money(1, "GBP"), Source.MANUAL, House.RECEIPTS, "deposit", "", f"{first_key}{number}",
            expires_at=now + timedelta(days=count - number),
        )
        for number in range(count)
    ]  # fmt: skip
    return services.accepted(services.issue_many(issues, actor=SYSTEM, now=now))


@pytest.fixture
def customer(now: datetime) -> Customer:
    return Customer.objects.create(username="jo", currency="GBP", created_at=now)


def spend(customer: Customer, minor: int, key: str, now: datetime) -> list[services.Part]:
    return services.spend(
        customer_id=customer.pk, amount=Money(minor, "GBP"), reference="N1", key=key, actor=SYSTEM, now=now
    )


def test_one_spend_takes_hundreds_of_credits_in_the_order_of_use(customer, now):
    credits = issue(customer, now, count=300)
    parts = spend(customer, 250, "s", now)
    assert [part.credit_id for part in parts] == [credit.id for credit in reversed(credits)][:250]
    assert verify().broken == []


def test_more_than_all_of_them_is_refused_with_what_there_is(customer, now):
    issue(customer, now, count=100)
    with pytest.raises(services.InsufficientCredit, match=r"Only 1\.00 GBP is available"):
        spend(customer, 101, "s", now)


def test_a_batch_of_spends_goes_on_where_the_one_before_stopped(customer, now):
    credits = issue(customer, now, count=200)
    takings = [services.Taking(customer.pk, Money(20, "GBP"), "N1", f"s{n}") for n in range(11)]
    outcomes = services.take_many(takings, actor=SYSTEM, now=now)
    taken = [part.credit_id for outcome in outcomes[:10] for part in outcome]
    assert taken == [credit.id for credit in reversed(credits)]
    assert isinstance(outcomes[10], services.InsufficientCredit)


def test_a_credit_is_usable_as_long_as_anything_of_it_is_available(customer, now):
    (credit,) = issue(customer, now, count=1)
    by = {"customer_id": customer.pk, "actor": SYSTEM, "now": now}

    def usable() -> bool:
        return Credit.objects.get(id=credit.id).usable

    assert usable()
    services.hold(amount=Money(1, "GBP"), reference="N1", key="h", **by)
    assert not usable()
    services.release(hold_key="h", key="r", **by)
    assert usable()
    spend(customer, 1, "s", now)
    assert not usable()
    services.restore(currency="GBP", reference="N1", key="b", **by)
    assert usable()


def test_spent_credits_do_not_stand_in_the_way_of_the_next(customer, now):
    issue(customer, now, count=120)
    spend(customer, 120, "s", now)
    (fresh,) = issue(customer, now, count=1, first_key="fresh")
    assert spend(customer, 1, "t", now) == [services.Part(fresh.id, 1)]
    with pytest.raises(Refusal):
        spend(customer, 1, "u", now)


def test_the_first_to_be_used_are_listed_by_the_index_in_the_order_of_use(
    customer, now, django_assert_num_queries
):
    credits = issue(customer, now, count=400)
    (lasting,) = services.accepted(
        services.issue_many(
            [
                services.Issue(
                    customer.pk, Money(1, "GBP"), Source.MANUAL, House.RECEIPTS, "deposit", "", "last"
                )
            ],
            actor=SYSTEM, now=now,
        )
    )  # fmt: skip
    order = [credit.id for credit in [*reversed(credits), lasting]]
    spend(customer, 1, "s", now)
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE credit_credit"
        )  # what an emptied table was last known to hold misleads the planner
    with django_assert_num_queries(2) as made:
        assert [each.id for each in usable_of_customer(customer.pk, "GBP", limit=20)] == order[1:21]
    assert [each.id for each in usable_of_customer(customer.pk, "GBP", limit=1_000)] == order[1:]
    shown = plan(made.captured_queries[0]["sql"])
    assert "credit_in_order" in shown
    assert "Sort" not in shown
    assert "TEMP B-TREE" not in shown
