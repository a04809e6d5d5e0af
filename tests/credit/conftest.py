from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers.models import Customer

Give = Callable[..., Credit]


@pytest.fixture
def customer(now: datetime) -> Customer:
    return Customer.objects.create(username="jo", currency="GBP", created_at=now)


@pytest.fixture
def given(customer: Customer, admin_actor: Actor, now: datetime) -> Give:
    """Give the customer credit: minor units, a key, days until it expires, and why."""

    def give(
        minor: int, key: str, days: int | None = None, reason: GiveReason = GiveReason.DEPOSIT
    ) -> Credit:
        return services.give(
            customer_id=customer.pk,
            amount=Money(minor, "GBP"),
            reason=reason,
            refundable=reason == GiveReason.DEPOSIT,
            expires_at=None if days is None else now + timedelta(days=days),
            key=key,
            actor=admin_actor,
            now=now,
        )

    return give
