"""Whatever is sent, the API answers as its description says: no fault, no status or shape that it lacks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.db import connection

from tests.api.fuzzing import CUSTOMER
from tests.databases import database_url
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.staff import keys
from tillbook.staff import services as staff

# Each value that a parameter or a field may just not have is tried on PostgreSQL, which minds more of them: that is
# nine tenths of all cases.
PHASES = {"sqlite": "examples,fuzzing,stateful", "postgresql": "examples,coverage,fuzzing,stateful"}
# What only happens where cases build on one another.
DEEP = {"credit.spent", "credit.restored", "credit.captured", "customer.details_updated"}
DEEPER = {"refund.requested", "refund.completed", "refund.declined"}  # where there are many
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def secret(own_database: None, system_actor: Actor, now: datetime) -> str:
    """An admin's key. There is a customer with enough credit to be spent, held and paid out."""
    user = staff.add_user(
        username="ann", role=Role.ADMIN, password="correct horse battery", actor=system_actor, now=now
    )
    customer = customers.add(username=CUSTOMER, currency="GBP", actor=system_actor, now=now)
    credit.give(
        customer_id=customer.pk, amount=Money(10_000_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="much", actor=system_actor, now=now,
    )  # fmt: skip
    return keys.add_key(owner=user, name="fuzz", scopes=list(Scope), actor=system_actor, now=now)[1]


@pytest.fixture
def address(secret: str, tmp_path: Path) -> Iterator[str]:
    """Where a server of its own answers, over this test's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "server.log").open("w") as log:
        serving = subprocess.Popen(
            [sys.executable, "-c", "from tillbook.cli.main import app; app()", "serve", "--port", str(port)],
            env=_clean() | {
                "TILLBOOK_DATABASE_URL": database_url(), "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
                "TILLBOOK_API_RATE": "1000000",
            },
            stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield _once_up(f"http://127.0.0.1:{port}/api/v1/openapi.json")
    finally:
        serving.terminate()
        serving.wait(timeout=30)


def _clean() -> dict[str, str]:
    ours = ("TILLBOOK_", "DJANGO_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _once_up(address: str) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=60):  # noqa: S310  an address of this test
                return address
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise AssertionError("The server did not start.")


def test_every_answer_is_one_that_the_description_has(address: str, secret: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "run", address, "--max-examples", "2", "--request-timeout", "60",
            "--phases", PHASES[connection.vendor],
            "--header", f"Authorization: Bearer {secret}", "--continue-on-failure", "--seed", "1",
            "--generation-database", "none", "--no-color",
        ],
        env=_clean() | {"SCHEMATHESIS_HOOKS": "tests.api.fuzzing", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "level=error" not in log and "Traceback" not in log
    reached = set(Event.objects.values_list("action", flat=True))
    wanted = DEEP | DEEPER if connection.vendor == "postgresql" else DEEP
    assert reached >= wanted, "the run came no further than refusals"
