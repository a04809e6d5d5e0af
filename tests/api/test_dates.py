"""Dates at the ends of the calendar are refused, never a fault."""

from __future__ import annotations

import pytest

from tests.api.conftest import gbp
from tillbook.credit.models import Credit
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.django_db

EXTREMES = [
    "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("moment", EXTREMES)
def test_a_credit_s_expiry_at_the_end_of_the_calendar(program, customer, moment):
    body = {"customer": "jo", "amount": gbp("1.00"), "reason": "deposit", "expires_at": moment}
    assert program.post("/credits", body).status_code == 422
    assert not Credit.objects.exists()


@pytest.mark.parametrize("moment", [*EXTREMES, "0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("view", ["effective", "recorded"])
def test_balances_as_of_the_end_of_the_calendar(program, customer, moment, view):
    answer = program.get("/customers/jo/balances", as_of=moment, view=view)
    assert answer.status_code == (422 if "T" in moment else 409)


@pytest.mark.parametrize("moment", ["banana", "2026-02-30", "2026-03-08T10:30:00", "1772000000", ""])
def test_balances_as_of_what_is_neither_a_day_nor_a_moment(program, customer, moment):
    answer = program.get("/customers/jo/balances", as_of=moment)
    assert answer.status_code == 422
    [wrong] = answer.json()["errors"]
    assert wrong["parameter"] == "as_of"
    assert wrong["detail"].startswith("Write a date like 2026-10-31, or a moment")


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_refund_s_payment_date(program, customer, day):
    program.post(
        "/credits", {"customer": "jo", "amount": gbp("9.00"), "reason": "deposit", "refundable": True}
    )
    body = {
        "customer": "jo", "amount": gbp("1.00"), "method": "cash", "payee": {"name": "Jo"}, "payment_date": day,
    }  # fmt: skip
    assert program.post("/refunds", body).status_code == 409
    assert not Refund.objects.exists()
