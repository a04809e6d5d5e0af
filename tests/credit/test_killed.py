"""A process killed in the middle of its work leaves a book that verifies, with all that it answered."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from urllib.parse import urlencode

import pytest
from django.db import connection

from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.ledger.models import Transfer
from tillbook.ledger.verification import verify

ADMIN = Actor("admin", Role.ADMIN, "test", 2)
KILLS = 5

# Spends one penny after the other, alone and in batches, and says so after each answer.
_WORK = """
import django; django.setup()
from datetime import datetime, UTC
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services
actor, now = Actor.system("killed"), datetime(2026, 3, 2, tzinfo=UTC)
customer, run = {customer}, {run}
for n in range(10_000):
    keys = [f"k{{run}}-{{n}}-{{part}}" for part in range(1 + n % 7)]
    takings = [services.Taking(customer, Money(1, "GBP"), "N1", key) for key in keys]
    services.accepted(services.take_many(takings, actor=actor, now=now))
    print(*keys, flush=True)
"""


def database_url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    parameters = connection.get_connection_params()
    wanted = {each: parameters[each] for each in ("host", "port", "user", "password") if parameters.get(each)}
    return f"postgresql:///{name}?{urlencode(wanted)}"


@pytest.mark.usefixtures("own_database")
def test_what_was_answered_survives_and_the_book_verifies(now: datetime, tmp_path) -> None:
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    services.give(
        customer_id=customer.pk, amount=Money(1_000_000, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=ADMIN, now=now,
    )  # fmt: skip
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
        "TILLBOOK_DATABASE_URL": database_url(),
        "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
    }
    answered: list[str] = []
    for run in range(KILLS):
        work = _WORK.format(customer=customer.pk, run=run)
        process = subprocess.Popen(
            [sys.executable, "-c", work], env=environment, stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout is not None
            for _ in range(10 + 13 * run):
                line = process.stdout.readline()
                assert line, "the process ended by itself"
                answered += line.split()
            process.kill()
            answered += process.stdout.read().split()
        spent = set(Transfer.objects.filter(reason="order").values_list("key", flat=True))
        assert set(answered) <= spent
        assert verify().broken == []
        assert queries.balance_of(customer.pk, "GBP").available_minor == 1_000_000 - len(spent)
