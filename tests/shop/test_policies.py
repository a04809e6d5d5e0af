"""Credit is issued on the terms of its source's policy, from the moment that it was saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.orders.till import Till, line
from tests.shop.conftest import Change
from tests.shop.test_lists import broken, give
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.credit.terms import Left, expiry_after
from tillbook.customers.models import Customer
from tillbook.shop.services import save

_END = datetime(2026, 4, 1, 23, tzinfo=UTC)  # the midnight in London after 30 days from 2 March


def test_days_are_whole_days_of_the_shop_s_calendar(db: None, now: datetime):
    assert expiry_after(30, now) == _END
    assert expiry_after(1, datetime(2026, 3, 2, 23, 59, tzinfo=UTC)) == datetime(2026, 3, 4, tzinfo=UTC)
    assert expiry_after(None, now) is None


def test_what_is_left_to_the_shop_is_as_the_policy_has_it(
    jo: Customer, admin_actor: Actor, now: datetime, set_policy: Change, set_entry: Change
):
    left = {"refundable": Left.TO_SHOP, "expires_at": Left.TO_SHOP}
    plain = give(jo, admin_actor, now, "deposit", key="plain", **left)
    assert (plain.refundable, plain.expires_at) == (False, None)
    set_policy("manual", refundable=True, days=30)
    set_entry("give_reasons", "promotion", days=60)
    deposit = give(jo, admin_actor, now, "deposit", **left)
    assert (deposit.refundable, deposit.expires_at) == (True, _END)
    promotion = give(jo, admin_actor, now, "promotion", **left)
    assert (promotion.refundable, promotion.expires_at) == (False, _END + timedelta(days=30))
    named = give(jo, admin_actor, now, "deposit", key="named")
    assert (named.refundable, named.expires_at) == (False, None)


def test_a_repetition_gets_the_first_answer_whatever_was_saved_since(
    jo: Customer, admin_actor: Actor, now: datetime, set_policy: Change
):
    left = {"refundable": Left.TO_SHOP, "expires_at": Left.TO_SHOP}
    set_policy("manual", refundable=True, days=30)
    first = give(jo, admin_actor, now, "deposit", **left)
    set_policy("manual", refundable=False, days=5)
    again = give(jo, admin_actor, now + timedelta(days=2), "deposit", **left)
    assert (again.id, again.refundable, again.expires_at) == (first.id, True, _END)
    assert broken() == []


@pytest.fixture
def till(admin_actor: Actor, now: datetime) -> Till:
    return Till(admin_actor, now)


def test_an_overpayment_and_a_return_follow_their_own_policies(till: Till, set_policy: Change):
    set_policy("overpayment", refundable=False, days=30)
    set_policy("return", days=None)
    order = till.place(line(1000))
    till.pay(order, 1500)
    rma = till.close(till.open_rma(order, till.back(order, 1, 400)))
    overpaid, returned = Credit.objects.order_by("id")
    assert (overpaid.source, overpaid.refundable, overpaid.expires_at) == ("overpayment", False, _END)
    assert (returned.id, returned.refundable, returned.expires_at) == (rma.credit_id, True, None)
    assert broken() == []


def test_what_exists_keeps_its_terms(till: Till, set_policy: Change):
    order = till.place(line(1000))
    till.pay(order, 1500)
    set_policy("overpayment", refundable=False, days=30)
    assert Credit.objects.get().refundable and Credit.objects.get().expires_at is None


def test_what_comes_back_too_late_gets_the_grace_that_held_when_the_credit_arose(
    till: Till, admin_actor: Actor, set_policy: Change
):
    set_policy("manual", grace_days=5)
    given = give(till.customer, admin_actor, till.now, "goodwill", expires_at=till.now + timedelta(days=3))
    order = till.place(line(1000))
    till.spend(order, 500)
    till.now += timedelta(days=4)
    wanted = {"manual": {"refundable": False, "days": None, "grace_days": 50}}
    save("policies", {"policies": wanted}, seen=1, actor=admin_actor, now=till.now)
    till.cancel(order)
    assert Credit.objects.get(id=given.id).expires_at == expiry_after(5, till.now)
    later = give(
        till.customer, admin_actor, till.now, "goodwill", key="later", expires_at=till.now + timedelta(days=1)
    )
    order = till.place(line(1000))
    till.spend(order, 500, credits={later.id: 500})
    till.now += timedelta(days=2)
    till.cancel(order)
    assert Credit.objects.get(id=later.id).expires_at == expiry_after(50, till.now)
    assert broken() == []
