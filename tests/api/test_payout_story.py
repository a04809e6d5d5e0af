"""Through the API: ten customers ask, two admins agree, two banks pay eight, return one and leave one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import NewProgram, Program, refused, told
from tests.conftest import _user_actor
from tests.stories import ten_customers
from tests.stories.ten_customers import Asking
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.ledger.verification import verify
from tillbook.refunds.approvals import Flag
from tillbook.refunds.verification import findings
from tillbook.shop.details import ApprovalRule

pytestmark = pytest.mark.django_db


def day(count: int) -> date:
    return (datetime.now(UTC) + timedelta(days=count)).date()


def sent(amount: Money) -> dict[str, str]:
    return {"amount": amount.decimal(), "currency": amount.currency}


def ask(staff: Program, admin: Program, who: Asking) -> str:
    told(admin.post("/customers", {"username": who.username, "currency": who.amount.currency}), 201)
    given = Money(who.amount.minor + ten_customers.LEFT_OVER, who.amount.currency)
    gift = {"customer": who.username, "amount": sent(given), "reason": "deposit", "refundable": True}
    told(admin.post("/credits", gift), 201)
    wanted = {
        "customer": who.username, "amount": sent(who.amount), "method": "bank_transfer",
        "payment_date": day(1).isoformat(), "payee": {"name": who.name, "bank_account": who.account},
    }  # fmt: skip
    return str(told(staff.post("/refunds", wanted), 201)["number"])


def pay(admin: Program, source: str, format: str) -> dict[str, Any]:
    body = {"source": source, "format": format, "pay_on": day(2).isoformat()}
    return dict(told(admin.post("/payouts", body), 201))


def check_ways(admin: Program, numbers: Mapping[str, str]) -> None:
    """Every cent's way can be shown: where each refund's money came from, where each credit's went."""
    for who in ten_customers.EVERYONE:
        (credit,) = told(admin.get("/credits", customer=who.username))["items"]
        way = told(admin.get(f"/credits/{credit['number']}/provenance"))
        parts = [each["stays"] for each in way["ways"]] + [way["available"]]
        assert sum(_minor(each) for each in parts) == _minor(way["issued"])
        origins = told(admin.get(f"/refunds/{numbers[who.username]}/provenance"))["parts"]
        assert sum(_minor(each["amount"]) for each in origins) == who.amount.minor


def _minor(money: Mapping[str, str]) -> int:
    return int(money["amount"].replace(".", ""))


def test_eight_are_paid_one_comes_back_and_one_is_left(
    new_program: NewProgram, admin_actor: Actor, staff_actor: Actor, system_actor: Actor, now: datetime,
    settings: Any,
) -> None:  # fmt: skip
    rules = (ApprovalRule(2),)
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, currency="AUD", approval_rules=rules)
    staff, ann = new_program(staff_actor), new_program(admin_actor)
    bob = new_program(_user_actor("bob", Role.ADMIN, system_actor, now))
    for source in (ten_customers.SYDNEY, ten_customers.BERLIN):
        told(ann.post("/sources", source), 201)

    numbers = {who.username: ask(staff, ann, who) for who in ten_customers.EVERYONE}
    seen = {"acknowledge": list(Flag)}
    for number in numbers.values():
        assert refused(staff.post(f"/refunds/{number}/approve", seen)) == (403, "permission_denied")
        assert told(ann.post(f"/refunds/{number}/approve", seen))["status"] == "requested"
        assert told(bob.post(f"/refunds/{number}/approve", seen))["status"] == "approved"

    was = ten_customers.tamper(numbers["eu0"], ten_customers.STRANGERS_ACCOUNT)
    assert refused(bob.post(f"/refunds/{numbers['eu0']}/complete", {})) == (409, "approval_missing")
    without = pay(bob, "Berlin", "csv")
    assert numbers["eu0"] not in [each["refund"] for each in without["items"]]
    assert without["refunds"] == 4
    told(bob.post(f"/payouts/{without['number']}/cancel", {"reason": "To be sent as pain.001"}))
    ten_customers.tamper(numbers["eu0"], was)

    aba, pain = pay(bob, "Sydney", "aba"), pay(bob, "Berlin", "pain001")
    ten_customers.check_aba(bob.get(f"/payouts/{aba['number']}/file").content, numbers, day(2))
    ten_customers.check_pain(bob.get(f"/payouts/{pain['number']}/file").content, numbers, day(2))

    table = {
        "name": "sydney.csv", "format": "csv", "currency": "AUD", "columns": ten_customers.COLUMNS,
        "content": ten_customers.table_that_pays(numbers),
    }  # fmt: skip
    camt = {
        "name": "berlin.xml", "format": "camt053",
        "content": ten_customers.camt_that_pays_and_returns(numbers),
    }  # fmt: skip
    outcomes = [
        booking["outcome"]
        for body in (table, camt)
        for booking in told(ann.post("/statements", body), 201)["bookings"]
    ]
    assert outcomes == [*["paid"] * 9, "came_back"]

    states = [told(ann.get(f"/refunds/{number}"))["status"] for number in numbers.values()]
    assert states == [*["completed"] * 8, "failed", "approved"]
    figures = [told(ann.get(f"/customers/{name}/balances"))["balances"][0] for name in numbers]
    assert [_minor(each["available"]) for each in figures] == [*[1_00] * 8, 21_03, 1_00]
    assert [_minor(each["held"]) for each in figures] == [*[0] * 9, 20_04]
    check_ways(ann, numbers)
    assert not list(findings())
    assert not verify().broken
