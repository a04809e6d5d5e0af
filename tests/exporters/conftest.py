"""A small shop, for reports."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.orders.till import Till, line
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers

DAY = timedelta(days=1)


@pytest.fixture
def till(staff_actor: Actor, now: datetime) -> Till:
    """Jo with 4.00 of an overpaid order, of which 1.50 paid another one, and 9 yen; a formula for a name."""
    till = Till(staff_actor, now)
    till.pay(till.place(line(1000)), 1400)
    till.spend(till.place(line(500)), 150)
    customers.update_details(
        till.customer.pk, kind="customer", first_name="=1+1", last_name="Müller", company="", email="",
        phone="", postal_address="", country="", actor=staff_actor, now=now,
    )  # fmt: skip
    return till


@pytest.fixture
def yen(till: Till, admin_actor: Actor, now: datetime) -> None:
    credit.give(
        customer_id=till.customer.pk, amount=Money(1_000_000_000_000_000, "JPY"), reason=GiveReason.GOODWILL,
        refundable=False, expires_at=now + 3 * DAY, key="yen", actor=admin_actor, now=now,
    )  # fmt: skip
