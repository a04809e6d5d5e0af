"""Issue, spend, hold, restore, expire: exact balances after each, and nothing after a refusal."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tillbook.common.errors import KeyReused, Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.terms import expiry_after
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.book import HoldAlreadyResolved, InsufficientCredit
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify
from tillbook.shop.policies import shop

pytestmark = pytest.mark.django_db


def balance(customer: Customer) -> tuple[int, int]:
    row = queries.balance_of(customer.pk, "GBP")
    return row.available_minor, row.held_minor


def test_a_spend_takes_what_expires_first_then_the_oldest(customer, given, staff_actor, now):
    old, soon = given(1000, "a"), given(500, "b", days=5)
    parts = services.spend(
        customer_id=customer.pk, amount=Money(700, "GBP"), reference="N1", key="s", actor=staff_actor, now=now
    )
    assert parts == [services.Part(soon.id, 500), services.Part(old.id, 200)]
    assert balance(customer) == (800, 0)


def test_the_spend_that_emptied_the_account_can_be_repeated(customer, given, staff_actor, now):
    given(1000, "a")
    spend = {"customer_id": customer.pk, "reference": "N1", "key": "s", "actor": staff_actor, "now": now}
    first = services.spend(amount=Money(1000, "GBP"), **spend)
    assert services.spend(amount=Money(1000, "GBP"), **spend) == first
    with pytest.raises(KeyReused):
        services.spend(amount=Money(999, "GBP"), **spend)
    assert balance(customer) == (0, 0)
    assert Transfer.objects.count() == 2


def test_a_spend_of_more_than_there_is_changes_nothing(customer, given, staff_actor, now):
    given(1000, "a")
    with pytest.raises(InsufficientCredit) as refusal:
        services.spend(
            customer_id=customer.pk,
            amount=Money(1001, "GBP"),
            reference="N1",
            key="s",
            actor=staff_actor,
            now=now,
        )
    assert refusal.value.message == "Only 10.00 GBP is available."
    assert balance(customer) == (1000, 0)
    assert Transfer.objects.count() == 1


@pytest.mark.parametrize("minor", [0, -1, 10**30, 1.5, True])
def test_an_amount_that_is_none_is_refused(customer, given, staff_actor, now, minor):
    given(1000, "a")
    with pytest.raises(Refusal):
        services.spend(
            customer_id=customer.pk,
            amount=Money(minor, "GBP"),
            reference="N1",
            key="s",
            actor=staff_actor,
            now=now,
        )
    assert balance(customer) == (1000, 0)


def test_credit_of_one_currency_does_not_pay_in_another(customer, given, staff_actor, now):
    credit = given(1000, "a")
    with pytest.raises(services.CurrencyMismatch):
        services.spend(
            customer_id=customer.pk,
            amount=Money(100, "AUD"),
            reference="N1",
            credits={credit.id: 100},
            key="s",
            actor=staff_actor,
            now=now,
        )
    assert balance(customer) == (1000, 0)


def test_a_hold_captured_in_part_frees_the_rest_and_ends_once(customer, given, staff_actor, now):
    given(600, "a")
    given(600, "b")
    common = {"customer_id": customer.pk, "actor": staff_actor, "now": now}
    services.hold(amount=Money(1000, "GBP"), reference="N1", key="h", **common)
    assert balance(customer) == (200, 1000)
    services.capture(hold_key="h", amount=Money(700, "GBP"), key="c", **common)
    assert balance(customer) == (500, 0)
    with pytest.raises(HoldAlreadyResolved):
        services.release(hold_key="h", key="r", **common)
    assert balance(customer) == (500, 0)
    assert verify().broken == []


def test_a_cancelled_order_gives_back_to_the_same_credits_once(customer, given, staff_actor, now):
    first, second = given(600, "a"), given(600, "b")
    common = {"customer_id": customer.pk, "reference": "N1", "actor": staff_actor, "now": now}
    services.spend(amount=Money(1000, "GBP"), key="s", **common)
    parts = services.restore(currency="GBP", key="r1", **common)
    assert parts == [services.Part(second.id, 400), services.Part(first.id, 600)]
    assert services.restore(currency="GBP", key="r1", **common) == parts
    with pytest.raises(services.MoreThanSpent):
        services.restore(currency="GBP", key="r2", **common)
    assert balance(customer) == (1200, 0)


def test_credit_given_back_after_its_expiry_gets_the_grace_period(customer, given, staff_actor, now):
    credit = given(600, "a", days=5)
    common = {"customer_id": customer.pk, "reference": "N1", "actor": staff_actor}
    services.spend(amount=Money(600, "GBP"), key="s", now=now, **common)
    later = now + timedelta(days=6)
    services.restore(currency="GBP", key="r", now=later, **common)
    assert Credit.objects.get(id=credit.id).expires_at == expiry_after(30, later)


def test_only_what_is_not_held_expires(customer, given, staff_actor, system_actor, now):
    given(600, "a", days=5)
    services.hold(
        customer_id=customer.pk, amount=Money(200, "GBP"), reference="N1", key="h", actor=staff_actor, now=now
    )
    later = now + timedelta(days=6)
    assert services.expire_due(actor=system_actor, now=later) == 1
    assert services.expire_due(actor=system_actor, now=later) == 0
    assert balance(customer) == (0, 200)


def test_goodwill_can_never_be_made_refundable(customer, admin_actor, now):
    with pytest.raises(services.CreditNotRefundable):
        services.give(
            customer_id=customer.pk,
            amount=Money(100, "GBP"),
            reason=GiveReason.GOODWILL,
            refundable=True,
            expires_at=None,
            key="g",
            actor=admin_actor,
            now=now,
        )
    assert Credit.objects.count() == 0


def test_staff_give_up_to_their_limit_and_no_more(customer, staff_actor, now):
    with pytest.raises(services.LimitExceeded):
        services.give(
            customer_id=customer.pk,
            amount=Money(10_001, "GBP"),
            reason=GiveReason.GOODWILL,
            refundable=False,
            expires_at=None,
            key="g",
            actor=staff_actor,
            now=now,
        )
    assert Credit.objects.count() == 0


def test_what_was_left_of_expired_credit_does_not_come_back_to_life(customer, given, staff_actor, now):
    credit = given(10_000, "a", days=5)
    common = {"customer_id": customer.pk, "reference": "N1", "actor": staff_actor}
    services.spend(amount=Money(1, "GBP"), key="s", now=now, **common)
    later = now + timedelta(days=6)
    services.restore(currency="GBP", key="r", now=later, **common)
    assert balance(customer) == (1, 0)
    expired = Transfer.objects.get(house="breakage")
    assert (expired.amount_minor, expired.effective_at) == (9999, credit.expires_at)
    event = Event.objects.get(action="credit.extended")
    was, until = map(datetime.fromisoformat, event.data["expires_at"])
    assert (was, until) == (credit.expires_at, expiry_after(30, later))
    there = until.astimezone(shop().time_zone)  # whole days, as letters tell them
    assert (there.date() - later.date(), there.hour) == (timedelta(days=31), 0)
    assert verify().broken == []
