"""Programs that send the same request many times at once."""

from __future__ import annotations

import pytest

from tests.api.conftest import Program, gbp
from tests.databases import at_once
from tillbook.api.edge import limiter
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.staff import keys
from tillbook.staff import services as staff


@pytest.mark.usefixtures("own_database")
def test_twenty_at_once_with_one_key_move_once(now):
    limiter.cache_clear()
    system = Actor.system("test")
    by = {"actor": system, "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    jo = customers.add(username="jo", currency="GBP", **by)
    credit.give(
        customer_id=jo.pk, amount=Money(50_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", **by,
    )  # fmt: skip
    _, secret = keys.add_key(owner=owner, name="c", scopes=[Scope.CREDIT], **by)
    body = {"customer": "jo", "amount": gbp("10.00"), "reference": "WEB-1"}
    answers = at_once([lambda: Program(secret).post("/spends", body, key="k")] * 20)
    assert {each.status_code for each in answers} <= {201, 409}
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert balance_of(jo.pk, "GBP").available_minor == 40_00
    last = Program(secret).post("/spends", body, key="k")
    assert (last.status_code, last["Idempotency-Replayed"]) == (201, "true")
