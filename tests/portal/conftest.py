"""A shop whose customers have pages of their own, and Maria with two credits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.customers import links
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.delivery.own_page import send_asked
from tillbook.portal import views
from tillbook.refunds import asks
from tillbook.refunds.models import Ask
from tillbook.refunds.payees import Payee
from tillbook.shop.policies import version
from tillbook.shop.services import save

SORT_CODE = "20-00-00 55779911"
WORKS = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """No test is throttled by what another one did."""
    views.limiter.cache_clear()


def switched_on(admin: Actor, now: datetime, **more: Any) -> None:
    values = {"own_page": True, "own_page_methods": ["bank_transfer", "paypal", "cash"], **more}
    save("own_page", values, seen=version(), actor=admin, now=now)


@pytest.fixture
def shop_on(admin_actor: Actor, now: datetime) -> None:
    switched_on(admin_actor, now)


@pytest.fixture
def maria(shop_on: None, system_actor: Actor, now: datetime) -> Customer:
    return customers.add(
        username="maria", first_name="Maria", last_name="Holt", email="maria@example.com",
        actor=system_actor, now=now,
    )  # fmt: skip


@pytest.fixture
def deposit(maria: Customer, admin_actor: Actor, now: datetime) -> Credit:
    """120.00 GBP that may be paid out."""
    return given(maria, 12_000, GiveReason.DEPOSIT, admin_actor, now, refundable=True)


@pytest.fixture
def goodwill(maria: Customer, admin_actor: Actor, now: datetime) -> Credit:
    """30.00 GBP that only pays orders."""
    return given(maria, 3_000, GiveReason.GOODWILL, admin_actor, now, refundable=False)


def given(
    customer: Customer, minor: int, reason: GiveReason, actor: Actor, now: datetime, *, refundable: bool
) -> Credit:
    return credit.give(
        customer_id=customer.pk, amount=Money(minor, "GBP"), reason=reason, refundable=refundable,
        expires_at=None, key=f"give-{customer.pk}-{minor}", actor=actor, now=now,
    )  # fmt: skip


def opened(customer: Customer) -> Client:
    """A browser in which the customer's page is open, at the moment that the program's clock says."""
    at = datetime.now(UTC)
    token = links.new_link(customer, works_for=WORKS, now=at)
    browser = Client()
    assert browser.post("/my/open/", {"token": token}).status_code == 302
    return browser


@pytest.fixture
def at_home(maria: Customer) -> Client:
    """Maria's own page, open."""
    return opened(maria)


def as_customer(customer: Customer) -> Actor:
    return Actor.customer(customer.pk, "own page 203.0.113.9")


@pytest.fixture
def wish(now: datetime) -> Callable[..., Ask]:
    """Ask as the customer: by bank transfer, unless said otherwise."""

    def ask(customer: Customer, minor: int = 5_000, key: str = "a", **more: Any) -> Ask:
        return asks.ask(
            customer_id=customer.pk, amount=Money(minor, more.pop("currency", "GBP")),
            method=more.pop("method", "bank_transfer"),
            payee=more.pop("payee", Payee("Maria Holt", SORT_CODE)), key=key,
            actor=more.pop("actor", as_customer(customer)), now=more.pop("now", now),
        )  # fmt: skip

    return ask


def mailed_links(now: datetime) -> list[str]:
    """Send what was asked for; the links in the mails, as paths."""
    mail.outbox.clear()
    send_asked(lambda: now)
    return [
        path for each in mail.outbox for path in re.findall(r"https?://[^/]+(/my/open/\S+)", str(each.body))
    ]
