"""A request that ended in a fault is sent again under its key: what it asks for is done once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from tests.api.conftest import Program, gbp, refused, told
from tests.orders.till import everything
from tillbook.api.edge import limiter
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.ledger.models import Transfer
from tillbook.staff import answers, keys
from tillbook.staff import services as staff
from tillbook.staff.models import Answer

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def jo(own_database: None, now: datetime) -> Customer:
    return customers.add(username="jo", currency="GBP", actor=Actor.system("test"), now=now)


@pytest.fixture
def program(jo: Customer, now: datetime) -> Program:
    limiter.cache_clear()
    by: dict[str, Any] = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    return Program(keys.add_key(owner=owner, name="c", scopes=list(Scope), **by)[1])


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """After the change, and before its answer is kept. Undo it to have no more of it."""

    def broken(**_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(answers, "keep", broken)
    return monkeypatch


GIFT = {"customer": "jo", "amount": gbp("10.00"), "reason": "goodwill", "refundable": False}


def test_what_was_begun_is_taken_back_and_done_once_when_it_comes_again(
    program: Program, jo: Customer, fault: pytest.MonkeyPatch
) -> None:
    before = everything()
    for _ in range(2):
        assert refused(program.post("/credits", GIFT, key="k")) == (500, "internal_error")
        assert everything() == before
        assert not Answer.objects.exists()
    fault.undo()
    first = program.post("/credits", GIFT, key="k")
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first
    again = program.post("/credits", GIFT, key="k")
    assert (again.content, again["Idempotency-Replayed"]) == (first.content, "true")
    assert balance_of(jo.pk, "GBP").available_minor == 10_00


@pytest.mark.parametrize("path", ["/credits", "/spends"])
def test_a_database_that_takes_nothing_in_is_said_to_be_unavailable(
    program: Program, jo: Customer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OperationalError("database or disk is full")

    body = GIFT if path == "/credits" else {"customer": "jo", "amount": gbp("1.00"), "reference": "R"}
    before = everything()
    with monkeypatch.context() as broken:
        broken.setattr("tillbook.common.statements.write", full)
        answer = program.post(path, body, key="k")
        assert refused(answer) == (503, "database_unavailable")
        assert int(answer["Retry-After"]) > 0
    assert everything() == before
    assert program.post(path, body, key="k").status_code == (201 if path == "/credits" else 409)


def test_what_is_done_in_parts_stays_and_goes_on_when_it_comes_again(
    program: Program, jo: Customer, fault: pytest.MonkeyPatch, now: datetime
) -> None:
    credit.give(
        customer_id=jo.pk, amount=Money(10_00, "GBP"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=now + timedelta(days=1), key="g", actor=Actor.system("test"), now=now,
    )  # fmt: skip
    answer = program.post("/credits:expire", {}, key="k")
    assert told(answer, 500)["detail"] == (
        "Something went wrong. Send it again with the same key: nothing is done twice."
    )
    after = everything()
    assert Transfer.objects.filter(reason="expired").count() == 1
    fault.undo()
    again = program.post("/credits:expire", {}, key="k")
    assert (told(again), "Idempotency-Replayed" in again) == ({"credits": 0}, False)
    assert everything() == after
