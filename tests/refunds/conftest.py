"""A customer with credit, and refunds of it."""

from __future__ import annotations

from datetime import date

import pytest

from tillbook.common.money import Money
from tillbook.credit import services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund


@pytest.fixture
def credit(admin_actor, now):
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    return services.give(
        customer_id=customer.pk,
        amount=Money(200_000, "GBP"),
        reason=GiveReason.DEPOSIT,
        refundable=True,
        expires_at=None,
        key="g",
        actor=admin_actor,
        now=now,
    )


@pytest.fixture
def ask(credit, staff_actor, now):
    """Ask for a refund: in cash, or with an account by bank transfer."""

    def request(
        minor=5000, key="r", currency="GBP", actor=staff_actor, payee="Jo Bloggs", account="", **more
    ):
        return refunds.request(
            customer_id=more.pop("customer_id", credit.customer_id),
            amount=Money(minor, currency),
            method=Refund.Method.BANK_TRANSFER if account else Refund.Method.CASH,
            payee=refunds.Payee(name=payee, bank_account=account),
            payment_date=date(2026, 1, 2),
            key=key,
            actor=actor,
            now=now,
            **more,
        )

    return request
