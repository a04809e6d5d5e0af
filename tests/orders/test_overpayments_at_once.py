"""Two people deal with the same overpayment at the same moment."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from tests.databases import at_once
from tests.orders.till import Till, gbp, line
from tillbook.common.actor import Actor
from tillbook.credit.overpaid import DealtWith, count_open, keep
from tillbook.credit.queries import credits_of
from tillbook.credit.services import InsufficientCredit
from tillbook.events.models import Event
from tillbook.orders.services import pay_with_credit

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def till(own_database: None, now: datetime) -> Till:
    till = Till(Actor.system("test"), now)
    till.pay(till.place(line(5_000)), 5_700)
    return till


def test_one_keeps_it_and_the_others_are_told(till: Till) -> None:
    (credit,) = credits_of(till.customer.pk)
    asked = {"customer_id": credit.customer_id, "credit_id": credit.id, "actor": till.staff, "now": till.now}
    clicks = [lambda place=place: keep(key=f"click-{place}", **asked) for place in range(4)]
    assert Counter(map(type, at_once(clicks))) == {type(credit): 1, DealtWith: 3}
    assert Event.objects.filter(action="credit.kept").count() == 1


def test_a_double_click_is_one_answer(till: Till) -> None:
    (credit,) = credits_of(till.customer.pk)
    asked = {"customer_id": credit.customer_id, "credit_id": credit.id, "actor": till.staff, "now": till.now}
    answers = at_once([lambda: keep(key="click", **asked)] * 2)
    assert [answer.kept_at for answer in answers] == [till.now] * 2
    assert Event.objects.filter(action="credit.kept").count() == 1


def test_two_pay_with_it_and_it_is_spent_once(till: Till) -> None:
    (credit,) = credits_of(till.customer.pk)
    orders = [till.place(line(700)), till.place(line(700))]
    clicks = [
        lambda order=order: pay_with_credit(
            order.pk, amount=gbp(700), credits={credit.id: 700}, key=f"pay-{order.pk}", actor=till.staff,
            now=till.now,
        )
        for order in orders
    ]  # fmt: skip
    answers = at_once(clicks)
    assert sum(isinstance(answer, InsufficientCredit) for answer in answers) == 1
    assert till.figures == (0, 0, 700)
    assert count_open(10) == 0
