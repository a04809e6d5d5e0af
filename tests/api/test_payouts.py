"""A shop's program pays refunds through the bank and reads what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tests.api.conftest import gbp, refused, told
from tillbook.common.actor import Scope
from tillbook.shop.details import ApprovalRule

pytestmark = pytest.mark.django_db

ACCOUNT = "20-00-00 55779911"


@pytest.fixture
def source(program) -> dict:
    body = {
        "name": "Main", "currency": "GBP", "holder": "Mill Lane Goods", "bank_account": "60-16-13 31926819",
        "user_id": "123456",
    }  # fmt: skip
    return told(program.post("/sources", body), 201)


@pytest.fixture
def refund(program, customer) -> str:
    gift = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    told(program.post("/credits", gift), 201)
    return ask(program)


def ask(program, amount: str = "12.34") -> str:
    body = {
        "customer": "jo", "amount": gbp(amount), "method": "bank_transfer", "payment_date": tomorrow(),
        "payee": {"name": "Jo Day", "bank_account": ACCOUNT},
    }  # fmt: skip
    return told(program.post("/refunds", body), 201)["number"]


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


def paying(*refunds: str) -> dict:
    return {"source": "Main", "format": "bacs18", "pay_on": tomorrow(), "refunds": list(refunds) or None}


def test_from_request_to_money_received(program, source, refund):
    assert source["bank_account"] == "•••••••••••819"
    other = ask(program, "5.00")
    payout = told(program.post("/payouts", paying(refund, other)), 201)
    assert (payout["total"], payout["refunds"], payout["status"]) == (gbp("17.34"), 2, "made")
    assert [item["refund"] for item in payout["items"]] == [refund, other]
    file = program.get(f"/payouts/{payout['number']}/file")
    assert file.content.startswith(b"VOL1")
    assert file["Content-Disposition"] == f'attachment; filename="{payout["number"]}.bacs"'
    assert program.get(f"/payouts/{payout['number']}/file").content == file.content

    text = (
        f"day,ref,sum\n2026-12-04,{refund},-12.34\n2026-12-05,{other} UNPAID,5.00\n2026-12-05,Coffee,-2.00\n"
    )
    body = {
        "name": "bank.csv", "format": "csv", "content": text, "currency": "GBP",
        "columns": {"date": "day", "reference": "ref", "amount": "sum"},
    }  # fmt: skip
    statement = told(program.post("/statements", body), 201)
    assert [each["outcome"] for each in statement["bookings"]] == ["paid", "came_back", "unmatched"]
    assert told(program.post("/statements", body), 201) == statement
    assert told(program.get(f"/statements/{statement['number']}")) == statement
    states = {
        each["refund"]: each["status"] for each in told(program.get(f"/payouts/{payout['number']}"))["items"]
    }
    assert states == {refund: "completed", other: "failed"}
    assert told(program.get("/customers/jo/balances"))["balances"] == [
        {"available": gbp("37.66"), "held": gbp("0.00"), "owing": gbp("0.00")}
    ]
    assert [each["number"] for each in told(program.get("/payouts"))["items"]] == [payout["number"]]
    assert [each["number"] for each in told(program.get("/statements"))["items"]] == [statement["number"]]


def test_an_approval_is_ended_by_a_change_and_asked_for_again(program, new_program, refund, settings):
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    assert refused(program.post(f"/refunds/{refund}/complete", {})) == (409, "approval_missing")
    approved = told(program.post(f"/refunds/{refund}/approve", {}))
    assert (approved["status"], approved["approvals_needed"]) == ("approved", 1)
    assert [each["by"] for each in approved["approvals"]] == ["admin"]
    elsewhere = {
        "method": "bank_transfer", "payment_date": tomorrow(),
        "payee": {"name": "Jo Day", "bank_account": "60-16-13 31926819"},
    }  # fmt: skip
    changed = told(program.post(f"/refunds/{refund}/redirect", elsewhere))
    assert (changed["status"], changed["approvals"]) == ("requested", [])
    assert refused(program.post(f"/refunds/{refund}/complete", {})) == (409, "approval_missing")


def test_an_account_is_told_whole_to_who_may_and_that_is_kept(program, new_program, staff_actor, refund):
    assert told(program.get(f"/refunds/{refund}"))["payee"]["bank_account"] == "•••••••••••911"
    assert told(program.post(f"/refunds/{refund}/reveal-account", {}, key="a")) == {"bank_account": ACCOUNT}
    assert told(program.post(f"/refunds/{refund}/reveal-account", {}, key="a")) == {"bank_account": ACCOUNT}
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM staff_answer")
        assert not [body for (body,) in cursor.fetchall() if ACCOUNT in body], "it is kept sealed"
    events = told(program.get("/events", subject=refund))["items"]
    assert events[0]["action"] == "refund.account_revealed"
    other = new_program(staff_actor, Scope.ADMIN)
    assert refused(other.post(f"/refunds/{refund}/reveal-account", {})) == (403, "permission_denied")


@pytest.mark.parametrize("scope", [Scope.READ, Scope.CREDIT, Scope.ORDERS])
def test_keys_for_something_else_pay_nothing(program, new_program, admin_actor, source, refund, scope: Scope):
    payout = told(program.post("/payouts", paying()), 201)["number"]
    other = new_program(admin_actor, scope)
    for path, body in [
        ("/payouts", paying()), (f"/payouts/{payout}/cancel", {"reason": "x"}), ("/sources", {**source, "name": "x"}),
        ("/statements", {"name": "x", "format": "mt940", "content": ":20:x\n:60F:C261203EUR100,00\n"}),
        (f"/refunds/{refund}/approve", {}), (f"/refunds/{refund}/fail", {"reason": "x"}),
    ]:  # fmt: skip
        assert refused(other.post(path, body)) == (403, "permission_denied"), path
    for path in (f"/payouts/{payout}/file", f"/payouts/{payout}", "/payouts", "/sources", "/statements"):
        assert refused(other.get(path)) == (403, "permission_denied"), path


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"source": "Nobody"}, (404, "source_not_found")),
        ({"format": "aba"}, (409, "not_for_this_file")),
        ({"refunds": ["RF-99999"]}, (404, "refund_not_found")),
        ({"refunds": []}, (422, "invalid_input")),
        ({"pay_on": "2020-01-01"}, (409, "invalid_input")),
    ],
)
def test_what_cannot_be_paid_is_refused_whole(program, source, refund, body, problem):
    assert refused(program.post("/payouts", paying() | body)) == problem
    assert told(program.get("/payouts"))["items"] == []


def test_a_cancelled_payout_gives_no_file(program, source, refund):
    payout = told(program.post("/payouts", paying()), 201)["number"]
    cancelled = told(program.post(f"/payouts/{payout}/cancel", {"reason": "The bank refused it."}))
    assert cancelled["status"] == "cancelled"
    assert refused(program.get(f"/payouts/{payout}/file")) == (409, "wrong_state")
    assert told(program.post("/payouts", paying(refund)), 201)["refunds"] == 1


def test_an_unreadable_statement_is_said(program):
    body = {"name": "x", "format": "camt053", "content": "hello"}
    assert refused(program.post("/statements", body)) == (409, "unreadable_statement")
