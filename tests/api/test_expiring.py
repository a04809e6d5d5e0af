"""An admin's program does the daily round of expiry; nobody else's does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.api.conftest import gbp, refused, told
from tillbook.common.actor import Scope
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def over(program, customer, now) -> str:
    """The number of a credit of 10.00 whose time is over, beside one that lasts."""
    body = {"customer": "jo", "amount": gbp("10.00"), "reason": "goodwill"}
    number = told(program.post("/credits", body), 201)["number"]
    told(program.post("/credits", {**body, "amount": gbp("5.00")}), 201)
    first = Credit.objects.order_by("id")[0]
    Credit.objects.filter(customer_id=first.customer_id, id=first.id).update(
        expires_at=now - timedelta(days=1)
    )
    return number


def test_what_is_due_expires_once(program, customer, over):
    assert told(program.post("/credits:expire", {}, key="round")) == {"credits": 1}
    assert told(program.post("/credits:expire", {}, key="round")) == {"credits": 1}
    assert told(program.post("/credits:expire", {})) == {"credits": 0}
    assert told(program.get(f"/credits/{over}"))["available"] == gbp("0.00")
    assert balance_of(customer.pk, "GBP").available_minor == 5_00


@pytest.mark.parametrize("scope", [Scope.READ, Scope.CREDIT, Scope.REFUNDS])
def test_other_keys_may_not(new_program, admin_actor, customer, over, scope: Scope):
    assert refused(new_program(admin_actor, scope).post("/credits:expire", {})) == (403, "permission_denied")
    assert balance_of(customer.pk, "GBP").available_minor == 15_00


def test_nor_may_a_key_of_staff(new_program, staff_actor, customer, over):
    program = new_program(staff_actor, Scope.ADMIN)
    assert refused(program.post("/credits:expire", {})) == (403, "permission_denied")
