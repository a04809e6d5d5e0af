"""Real threads: whatever arrives at once, a link opens one page, and an ask becomes one refund."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail

from tests.databases import at_once, codes
from tests.portal.conftest import SORT_CODE, WORKS, as_customer, switched_on
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import links
from tillbook.customers import services as customers
from tillbook.customers.models import Customer, Visit
from tillbook.delivery.own_page import send_asked
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.refunds import asks
from tillbook.refunds.models import Ask, Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings

pytestmark = pytest.mark.usefixtures("own_database")

SYSTEM = Actor.system("test")
ANN, BOB = (Actor(name, Role.ADMIN, "test", number) for number, name in enumerate(("ann", "bob"), start=1))


@pytest.fixture
def jo(now: datetime) -> Customer:
    """With 120.00 GBP that may be paid out."""
    switched_on(SYSTEM, now)
    made = customers.add(username="jo", currency="GBP", email="jo@example.org", actor=SYSTEM, now=now)
    credit.give(
        customer_id=made.pk, amount=Money(12_000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="give", actor=SYSTEM, now=now,
    )  # fmt: skip
    return made


def ended(calls: list[Callable[[], Any]]) -> list[str]:
    """What became of each, sorted: which of them came first is open."""
    return sorted(codes(calls))


def ask(jo: Customer, now: datetime, key: str, minor: int = 5_000) -> Ask:
    return asks.ask(
        customer_id=jo.pk, amount=Money(minor, "GBP"), method="bank_transfer",
        payee=Payee("Jo", SORT_CODE), key=key, actor=as_customer(jo), now=now,
    )  # fmt: skip


def test_twenty_clicks_on_one_link_open_one_page(jo: Customer, now: datetime) -> None:
    token = links.new_link(jo, works_for=WORKS, now=now)
    clicks = [lambda: links.open_page(token, origin="own page", now=now)] * 20
    assert ended(clicks) == ["done"] + ["page_link_spent"] * 19
    assert (Visit.objects.count(), Event.objects.filter(action="customer.page_opened").count()) == (1, 1)


def test_ten_links_opened_at_once_leave_one_page_open(jo: Customer, now: datetime) -> None:
    tokens = [links.new_link(jo, works_for=WORKS, now=now) for _ in range(10)]
    outcomes = ended([lambda t=t: links.open_page(t, origin="own page", now=now) for t in tokens])
    assert set(outcomes) <= {"done", "page_link_spent"}
    assert outcomes.count("done") >= 1
    assert Visit.objects.filter(ended_at=None).count() == 1


def test_the_same_form_sent_twenty_times_at_once_asks_once(jo: Customer, now: datetime) -> None:
    assert ended([lambda: ask(jo, now, "same")] * 20) == ["done"] * 20
    assert Ask.objects.count() == 1


def test_of_two_forms_at_once_one_waits(jo: Customer, now: datetime) -> None:
    forms = [lambda n=n: ask(jo, now, f"k{n}") for n in range(10)]
    assert ended(forms) == ["already_asked"] * 9 + ["done"]
    assert Ask.objects.count() == 1


def test_two_who_accept_at_once_request_one_refund(jo: Customer, now: datetime) -> None:
    made = ask(jo, now, "k")
    clicks = [lambda actor=actor: asks.accept(made.pk, actor=actor, now=now) for actor in (ANN, BOB) * 5]
    assert ended(clicks) == ["done"] * 10
    balance = balance_of(jo.pk, "GBP")
    assert (Refund.objects.count(), balance.available_minor, balance.held_minor) == (1, 7_000, 5_000)
    assert (verify().broken, list(findings())) == ([], [])


def test_accepting_declining_and_keeping_at_once_ends_in_one_of_them(jo: Customer, now: datetime) -> None:
    made = ask(jo, now, "k")
    calls: list[Callable[[], Any]] = [
        lambda: asks.accept(made.pk, actor=ANN, now=now),
        lambda: asks.decline(made.pk, reason="No", actor=BOB, now=now),
        lambda: asks.withdraw(made.pk, actor=as_customer(jo), now=now),
    ]
    assert ended(calls) == ["done", "wrong_state", "wrong_state"]
    held = balance_of(jo.pk, "GBP").held_minor
    assert held == (5_000 if Ask.objects.get().status == "accepted" else 0)
    assert Event.objects.filter(action__startswith="refund.ask_").count() == 1


def test_a_customer_who_asks_while_the_credit_is_spent_gets_no_more_than_is_there(
    jo: Customer, now: datetime
) -> None:
    made = ask(jo, now, "k", 12_000)
    calls: list[Callable[[], Any]] = [
        lambda: asks.accept(made.pk, actor=ANN, now=now),
        lambda: credit.spend(
            customer_id=jo.pk, amount=Money(12_000, "GBP"), reference="N1", key="s", actor=SYSTEM, now=now
        ),
    ]
    assert ended(calls) == ["done", "insufficient_credit"]
    assert balance_of(jo.pk, "GBP").available_minor == 0
    assert (verify().broken, list(findings())) == ([], [])


def test_two_processes_mail_what_was_asked_for_once(jo: Customer, now: datetime) -> None:
    links.ask_for_link("jo@example.org", language="en", address="https://shop.example/my/", now=now)
    mail.outbox.clear()
    sent = at_once([lambda: send_asked(lambda: now + timedelta(seconds=1))] * 5)
    assert (sorted(sent), len(mail.outbox)) == ([0, 0, 0, 0, 1], 1)
