"""A refund whose money came back is asked for again, with all but the account that it came back from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from tests.panel.test_customers import text
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.customers import services as customers
from tillbook.customers.models import Customer
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund


@pytest.fixture
def came_back(request_refund: Callable[..., Refund], admin_actor: Actor, now: datetime) -> Refund:
    by = {"actor": admin_actor, "now": now}
    refunds.complete(request_refund(2_000).pk, **by)
    return refunds.fail(Refund.objects.get().pk, reason="Account closed", **by)


def shown(client: Client, refund: Refund, currency: str = "GBP") -> dict[str, object]:
    """What the form begins with."""
    address = f"/customers/maria/pay-refund/?again={refund.number}&currency={currency}"
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.context["form"].initial


def test_its_page_leads_to_the_form_as_it_was_filled_in(as_staff: Client, came_back: Refund) -> None:
    assert f"?again={came_back.number}&amp;currency=GBP" in text(as_staff, f"/refunds/{came_back.number}/")
    begun = shown(as_staff, came_back)
    assert (begun["payee_name"], begun["method"]) == (came_back.payee_name, came_back.method)
    assert (begun["amount"], begun["note"]) == ("20.00", came_back.note)
    assert "bank_account" not in begun


def test_an_open_refund_has_no_such_button(as_staff: Client, request_refund: Callable[..., Refund]) -> None:
    refund = request_refund(2_000)
    assert "?again=" not in text(as_staff, f"/refunds/{refund.number}/")


def test_of_what_was_spent_meanwhile_less_is_offered(
    as_staff: Client, maria: Customer, came_back: Refund, staff_actor: Actor, now: datetime
) -> None:
    credit.spend(
        customer_id=maria.pk, amount=Money(110_00, "GBP"), reference="WEB-1", key="s", actor=staff_actor,
        now=now,
    )  # fmt: skip
    assert shown(as_staff, came_back)["amount"] == "10.00"


def test_another_customer_s_refund_is_not_found(
    as_staff: Client, came_back: Refund, staff_actor: Actor, now: datetime
) -> None:
    customers.add(username="al", currency="GBP", actor=staff_actor, now=now)
    assert as_staff.get(f"/customers/al/pay-refund/?again={came_back.number}").status_code == 404
    assert as_staff.get("/customers/maria/pay-refund/?again=RF-9999").status_code == 404
