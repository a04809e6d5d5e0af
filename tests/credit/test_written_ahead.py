"""A large batch is stored while it is decided: none of it stays if the rest fails."""

from __future__ import annotations

import gc
from datetime import datetime

import pytest
from django.db import transaction

from tests.credit.test_concurrency import ADMIN, balance, customer_with_credit, gbp
from tillbook.common.errors import Refusal
from tillbook.credit import services
from tillbook.credit.batch import CREDIT
from tillbook.credit.models import Credit, Source
from tillbook.credit.services import Issue, Taking
from tillbook.events.models import Event
from tillbook.ledger.models import Account, House, Transfer
from tillbook.ledger.verification import verify

pytestmark = pytest.mark.usefixtures("own_database")

MANY = 3_000


def rows() -> list[int]:
    return [table.objects.count() for table in (Account, Transfer, Credit, Event)]


def test_a_batch_that_fails_half_way_leaves_nothing_and_the_next_one_is_served(now: datetime) -> None:
    customer = customer_with_credit(10_000, now)
    before = rows()
    spends = [Taking(customer.pk, gbp(1), "N1", f"k{each}") for each in range(MANY)]
    fault = spends[0]._replace(house="nowhere", key="last")  # as no caller can ask
    with pytest.raises(KeyError):
        services.take_many([*spends, fault], actor=ADMIN, now=now)
    assert rows() == before
    assert gc.isenabled()

    outcomes = services.take_many([*spends, spends[0]], actor=ADMIN, now=now)
    assert not [each for each in outcomes if isinstance(each, Refusal)]
    assert outcomes[-1] == outcomes[0]
    assert balance(customer) == (7_000, 0)
    assert [after - was for after, was in zip(rows(), before, strict=True)] == [0, MANY, 0, MANY]
    assert verify().broken == []


def test_a_caller_s_transaction_takes_what_was_stored_early_back(now: datetime) -> None:
    customer = customer_with_credit(10_000, now)
    before = rows()
    issues = [
        Issue(customer.pk, gbp(1), Source.MANUAL, House.RECEIPTS, "deposit", "", f"i{each}")
        for each in range(MANY)
    ]
    with pytest.raises(RuntimeError), transaction.atomic():
        issue_and_fail(issues, now)
    assert rows() == before
    credits = services.accepted(services.issue_many(issues, actor=ADMIN, now=now))
    assert [Credit.objects.get(pk=each.pk) for each in credits[:: MANY // 3]] == credits[:: MANY // 3]
    assert balance(customer) == (10_000 + MANY, 0)
    assert verify().broken == []


def test_a_fault_in_a_caller_s_transaction_takes_all_of_it_back(now: datetime) -> None:
    customer = customer_with_credit(10_000, now)
    before = rows()
    spends = [Taking(customer.pk, gbp(1), "N1", f"k{each}") for each in range(MANY)]
    fault = spends[0]._replace(house="nowhere", key="last")
    with pytest.raises(KeyError), transaction.atomic():
        take_all([spends[:1], [*spends[1:], fault]], now)
    assert rows() == before
    assert services.take_many(spends[:1], actor=ADMIN, now=now)
    assert verify().broken == []


def test_a_credit_s_columns_are_in_the_order_of_its_model() -> None:
    assert list(CREDIT) == [field.attname for field in Credit._meta.concrete_fields]


def take_all(batches: list[list[Taking]], now: datetime) -> None:
    for batch in batches:
        services.take_many(batch, actor=ADMIN, now=now)


def issue_and_fail(issues: list[Issue], now: datetime) -> None:
    services.issue_many(issues, actor=ADMIN, now=now)
    raise RuntimeError("after the batch")
