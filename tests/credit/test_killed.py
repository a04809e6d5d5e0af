"""A process killed in the middle of its work leaves a book that verifies, with all that it answered."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from tests.databases import at_once, begin_anew, database_url
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Balance, Transfer
from tillbook.ledger.verification import verify
from tillbook.orders.models import Order
from tillbook.orders.verification import findings as order_findings
from tillbook.orders.verification import lost
from tillbook.refunds.models import Refund
from tillbook.refunds.verification import findings as refund_findings
from tillbook.returns.verification import findings as return_findings

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
ADMIN = Actor("admin", Role.ADMIN, "test", 2)
KILLS = 100
ON_ONE_BOOK = 10  # kills, then the book is emptied: verifying a long one takes its time
GIVEN = 1_000_000

#: action -> minor units that each such event took off what is posted
_GONE = {"credit.spent": 1, "credit.captured": 2, "refund.completed": 3}

_WORKER = f"killed-{uuid4().hex}"
_OTHER_BACKENDS = (
    "pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


def customer_with_credit(username: str) -> Customer:
    customer = Customer.objects.create(username=username, currency="GBP", created_at=NOW)
    services.give(
        customer_id=customer.pk, amount=Money(GIVEN, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=ADMIN, now=NOW,
    )  # fmt: skip
    return customer


@pytest.mark.usefixtures("own_database")
def test_what_was_answered_survives_a_hundred_kills_and_the_book_verifies(
    template_database: Path, tmp_path: Path
) -> None:
    seed = secrets.randbelow(10**6)
    moments = random.Random(seed)  # noqa: S311  drawn anew each time, and named when it fails
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
        "TILLBOOK_DATABASE_URL": database_url(application_name=_WORKER),
        "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
        "TILLBOOK_ACCOUNT_KEYS": ",".join(settings.TILLBOOK_ACCOUNT_KEYS()),  # the refunds are opened here
    }
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_server.py"))],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    done: Counter[str] = Counter()
    with server:
        for number in range(KILLS):
            if number % ON_ONE_BOOK == 0:
                begin_anew(template_database)
                # The last one's figure is wrong: recalculating repairs it, or was killed before.
                people = [customer_with_credit(f"c{n}") for n in range(4)]
            Balance.objects.filter(customer_id=people[3].pk).update(available_minor=1)
            # From the first answer on, or at one of the statements of a worker that has just begun.
            how = f"at {moments.randint(1, 400)}" if number % 2 else f"after {moments.randint(0, 150)}"
            answered = killed(server, f"{number} {how}")
            done.update(what for what, _, _ in answered)
            try:
                check(answered, people)
            except AssertionError as error:
                error.add_note(f"seed {seed}, kill {number}: {how}")
                raise
        assert server.stdin is not None
        server.stdin.close()
    assert set(done) == {
        "spend", "batch", "hold", "capture", "release", "issue", "request", "complete", "decline", "sell",
        "return", "recalculate",
    }  # fmt: skip


def killed(server: subprocess.Popen[str], order: str) -> list[list[str]]:
    """Have a worker killed; what it had answered: what, the key, what moved."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(order + "\n")
    server.stdin.flush()
    answered = []
    for line in server.stdout:
        if line.startswith("ended"):
            assert line.split()[2] == "9", "the worker ended by itself"
            _wait_for_its_backends()
            return answered
        answered.append(line.split())
    raise AssertionError("the server ended by itself")


def _wait_for_its_backends() -> None:
    """PostgreSQL finishes what a client had sent before it was killed."""
    while connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [_WORKER])
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.005)


def check(answered: list[list[str]], people: list[Customer]) -> None:
    wrong = people[3]
    repairs = Event.objects.filter(action="customer.recalculated").count()
    says = Balance.objects.get(customer_id=wrong.pk).available_minor
    if ["recalculate", str(wrong.pk), "-"] in answered:
        assert says == GIVEN
    if says != GIVEN:  # nothing was done
        assert says == 1
        Balance.objects.filter(customer_id=wrong.pk).update(available_minor=GIVEN)
    assert repairs <= KILLS
    known = set(Event.objects.filter(key__isnull=False).values_list("key", flat=True))
    refunds = {refund.number: refund.status for refund in Refund.objects.all()}
    for what, key, _ in answered:
        if what in ("complete", "decline"):
            assert refunds[key] == {"complete": "completed", "decline": "declined"}[what]
        elif what != "recalculate":
            assert key in known
    assert verify().broken == []
    found = [refund_findings(), return_findings(), order_findings(), lost()]
    assert [each for findings in found for each in findings] == []
    assert not Order.objects.filter(received_minor=0).exists()  # each was paid in its own transaction
    counted = Counter(Event.objects.values_list("action", flat=True))
    issued = 4 * GIVEN + 7 * (counted["credit.issued"] - 4)
    gone = sum(minor * counted[action] for action, minor in _GONE.items())
    captured_for_refunds = counted["refund.completed"]
    gone -= _GONE["credit.captured"] * captured_for_refunds  # its capture has an event of its own
    rows = Balance.objects.all()
    assert sum(row.available_minor + row.held_minor for row in rows) == issued - gone
    for what, key, moved in [each for each in answered if each[0] == "spend"][-3:]:
        assert repeated(key, people) == moved, f"{what} {key}"


def repeated(key: str, people: list[Customer]) -> str:
    """What a spend that was answered before moves when it comes again: the same, and nothing new."""
    before = Transfer.objects.count()
    parts = sent_until_answered(key, people, [])
    assert Transfer.objects.count() == before
    return ",".join(f"{part.credit_id}:{part.amount_minor}" for part in parts)


def sent_until_answered(key: str, people: list[Customer], errors: list[DatabaseError]) -> list[Any]:
    """What the spend of a penny is answered in the end; the errors on the way are added."""
    while True:
        try:
            return services.spend(
                customer_id=people[int(key.rpartition(".")[2]) % 3].pk, amount=Money(1, "GBP"),
                reference="N1", key=key, actor=ADMIN, now=NOW,
            )  # fmt: skip
        except DatabaseError as error:
            errors.append(error)
            connection.close()


def _forget_connections() -> None:
    connection.close()
    connection.close_pool()


@pytest.mark.only_on("postgresql")  # SQLite has no server
@pytest.mark.usefixtures("own_database")
def test_a_backend_ended_by_the_server_is_an_error_and_the_same_key_gives_the_first_answer() -> None:
    people = [customer_with_credit(f"c{n}") for n in range(3)]
    errors: list[DatabaseError] = []
    working = [True] * 6

    def work(place: int) -> list[tuple[str, Any]]:
        keys = [f"{place}.{n}" for n in range(60)]
        answers = [(key, sent_until_answered(key, people, errors)) for key in keys]
        working[place] = False
        return answers

    def end_backends() -> list[tuple[str, Any]]:
        while any(working) and len(errors) < 50:  # the rest may end in peace
            time.sleep(0.03)
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT pg_terminate_backend(pid) FROM {_OTHER_BACKENDS} ORDER BY random() LIMIT 2"
                )
        return []

    _forget_connections()
    outcomes = at_once([*[lambda place=place: work(place) for place in range(6)], end_backends])
    _forget_connections()  # those of the pool may have been ended too
    answers = []
    for outcome in outcomes:
        assert not isinstance(outcome, Exception), outcome
        answers += outcome
    assert errors, "no work was under way when a backend ended"
    assert len(answers) == 360
    for key, parts in answers:
        rows = Transfer.objects.filter(key=key).values_list("account_id", "amount_minor")
        assert [tuple(part) for part in parts] == list(rows)
    assert sum(queries.balance_of(each.pk, "GBP").available_minor for each in people) == 3 * GIVEN - 360
    assert verify().broken == []
