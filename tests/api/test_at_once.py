"""Programs that send requests at once."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.http import HttpResponse

from tests.api.conftest import Program, gbp, refused, told
from tests.databases import at_once
from tillbook.api.edge import limiter
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.orders import services as orders
from tillbook.orders.models import Order
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
    others = [refused(each) for each in answers if each.status_code != 201]
    assert set(others) <= {(409, "key_in_use")}
    assert len({each.content for each in answers if each.status_code == 201}) == 1
    assert balance_of(jo.pk, "GBP").available_minor == 40_00
    last = Program(secret).post("/spends", body, key="k")
    assert (last.status_code, last["Idempotency-Replayed"]) == (201, "true")


@pytest.fixture
def secret(own_database: None, now: datetime) -> str:
    """A key for orders and webhooks, in a shop with an order WEB-1 of Jo over 10.00."""
    limiter.cache_clear()
    by: dict[str, Any] = {"actor": Actor.system("test"), "now": now}
    owner = staff.add_user(username="ann", role=Role.ADMIN, password="correct horse battery", **by)
    jo = customers.add(username="jo", currency="GBP", **by)
    lines = [orders.LineInput("A", "", 1, 10_00)]
    orders.place(customer_id=jo.pk, currency="GBP", lines=lines, number="WEB-1", key="o", **by)
    return keys.add_key(owner=owner, name="c", scopes=[Scope.ORDERS, Scope.ADMIN], **by)[1]


def test_of_ten_edits_from_one_state_one_is_made(secret):
    program = Program(secret)
    tag = program.get("/orders/WEB-1")["ETag"]

    def edit(n: int) -> HttpResponse:
        body = {"shipping": gbp(f"{n}.00")}
        return Program(secret).post("/orders/WEB-1/edit", body, key=f"e{n}", **{"If-Match": tag})

    answers = at_once([partial(edit, n) for n in range(1, 11)])
    assert sorted(each.status_code for each in answers) == [200] + [412] * 9
    (made,) = [each for each in answers if each.status_code == 200]
    assert program.get("/orders/WEB-1").content == made.content


def test_edits_of_different_fields_at_once_are_all_kept(secret):
    bodies = [{"shipping": gbp("2.00")}, {"surcharge": gbp("3.00")}, {"note": "x"}]
    answers = at_once([partial(Program(secret).post, "/orders/WEB-1/edit", body) for body in bodies])
    assert [each.status_code for each in answers] == [200, 200, 200]
    order = Order.objects.get()
    assert (order.shipping_minor, order.surcharge_minor, order.note, order.total_minor) == (
        2_00, 3_00, "x", 15_00,
    )  # fmt: skip


@pytest.fixture
def webhook(secret: str) -> str:
    """The address of a webhook, below the API's."""
    added = told(Program(secret).post("/webhooks", {"url": "https://93.184.216.34/hooks"}), 201)
    return f"/webhooks/{added['number']}"


def test_of_ten_changes_of_a_customer_from_one_state_one_is_made(secret):
    _assert_one_is_made(secret, "/customers/jo", [{"phone": str(n)} for n in range(10)])


def test_of_ten_changes_of_a_webhook_from_one_state_one_is_made(secret, webhook):
    _assert_one_is_made(secret, webhook, [{"description": str(n)} for n in range(10)])


def test_changes_of_different_fields_of_a_customer_at_once_are_all_kept(secret):
    sent = {"first_name": "Jo", "last_name": "Day", "company": "Day & Co", "phone": "1", "country": "NZ"}
    bodies = [{name: value} for name, value in sent.items()]
    answers = at_once([partial(Program(secret).patch, "/customers/jo", body) for body in bodies])
    assert [each.status_code for each in answers] == [200] * 5
    assert told(Program(secret).get("/customers/jo")).items() >= sent.items()


def _assert_one_is_made(secret: str, path: str, bodies: list[dict[str, str]]) -> None:
    tag = Program(secret).get(path)["ETag"]
    answers = at_once([partial(Program(secret).patch, path, body, **{"If-Match": tag}) for body in bodies])
    assert sorted(each.status_code for each in answers) == [200] + [412] * (len(bodies) - 1)
    (made,) = [each for each in answers if each.status_code == 200]
    assert Program(secret).get(path).content == made.content
