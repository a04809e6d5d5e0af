"""A customer with credit, and people logged in to the panel."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest
from django.db import connection
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.staff.models import User


@pytest.fixture(autouse=True)
def numbers_from_the_start(db: None) -> None:
    """RF-1001 is the first refund on PostgreSQL too, where a rollback leaves sequences where they were."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
            for (name,) in cursor.fetchall():
                cursor.execute(f'ALTER SEQUENCE "{name}" RESTART')


def logged_in(actor: Actor) -> Client:
    client = Client()
    client.force_login(
        User.objects.get(pk=actor.user_id), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    return client


@pytest.fixture
def as_viewer(viewer_actor: Actor) -> Client:
    return logged_in(viewer_actor)


@pytest.fixture
def as_staff(staff_actor: Actor) -> Client:
    return logged_in(staff_actor)


@pytest.fixture
def as_admin(admin_actor: Actor) -> Client:
    return logged_in(admin_actor)


@pytest.fixture
def maria(system_actor: Actor, db: None, now: datetime) -> Customer:
    return customers.add(
        username="maria",
        first_name="Maria",
        last_name="Holt",
        email="maria@example.com",
        actor=system_actor,
        now=now,
    )


@pytest.fixture
def deposit(maria: Customer, admin_actor: Actor, now: datetime) -> Credit:
    """120.00 GBP that may be paid out."""
    return credit.give(
        customer_id=maria.pk,
        amount=Money(12_000, "GBP"),
        reason=GiveReason.DEPOSIT,
        refundable=True,
        expires_at=None,
        key="deposit",
        actor=admin_actor,
        now=now,
    )


@pytest.fixture
def goodwill(maria: Customer, admin_actor: Actor, now: datetime) -> Credit:
    """30.00 GBP that only pays orders."""
    return credit.give(
        customer_id=maria.pk,
        amount=Money(3_000, "GBP"),
        reason=GiveReason.GOODWILL,
        refundable=False,
        expires_at=None,
        key="goodwill",
        actor=admin_actor,
        now=now,
    )


@pytest.fixture
def request_refund(
    maria: Customer, deposit: Credit, staff_actor: Actor, now: datetime
) -> Callable[..., Refund]:
    """Ask for a part of the deposit in cash, as staff."""

    def request(minor: int, *, key: str = "refund", payee: str = "Maria Holt") -> Refund:
        return refunds.request(
            customer_id=maria.pk,
            amount=Money(minor, "GBP"),
            method=Refund.Method.CASH,
            payee=refunds.Payee(payee),
            payment_date=date(2026, 3, 3),
            key=key,
            actor=staff_actor,
            now=now,
        )

    return request
