"""GET /settings: what a checkout may offer, and the terms that hold."""

from __future__ import annotations

import json

from tests.shop.conftest import set_entry, set_policy
from tillbook.common.actor import Scope

__all__ = ["set_entry", "set_policy"]  # fixtures


def test_settings_tell_what_may_be_chosen(program, set_entry, set_policy):
    told = json.loads(program.get("/settings").content)
    assert told["version"] == 0 and told["staff_credit_limit"] == {"amount": "100.00", "currency": "GBP"}
    assert [each["code"] for each in told["refund_methods"]] == [
        "bank_transfer",
        "paypal",
        "cheque",
        "cash",
        "gateway",
    ]
    assert told["refund_methods"][0]["payee"] == {
        "name": "required", "bank_account": "required", "paypal_email": "not_asked",
        "postal_address": "not_asked", "reference": "not_asked",
    }  # fmt: skip
    set_entry("methods", "cheque", on=False)
    set_entry("return_reasons", "too_small", label="Too small")
    set_policy("manual", days=30)
    told = json.loads(program.get("/settings").content)
    assert told["version"] == 3
    assert [each["code"] for each in told["refund_methods"]] == ["bank_transfer", "paypal", "cash", "gateway"]
    assert told["return_reasons"][-1] == {"code": "too_small", "label": "Too small"}
    assert told["give_reasons"][0] == {
        "code": "goodwill", "label": "Goodwill", "refundable": False, "expires_after_days": 30,
    }  # fmt: skip
    assert told["policies"][2] == {
        "source": "manual", "refundable": False, "expires_after_days": 30, "grace_days": 30,
    }  # fmt: skip


def test_whoever_may_read_may_read_them(new_program, viewer_actor):
    assert new_program(viewer_actor, Scope.READ).get("/settings").status_code == 200


def test_terms_that_are_left_out_are_the_shop_s(program, customer, set_policy):
    set_policy("manual", refundable=True, days=30)
    body = {"customer": "jo", "amount": {"amount": "5.00", "currency": "GBP"}, "reason": "deposit"}
    left = json.loads(program.post("/credits", body, key="left").content)
    assert left["refundable"] and left["expires_at"]
    named = {**body, "refundable": False, "expires_at": None}
    told = json.loads(program.post("/credits", named, key="named").content)
    assert (told["refundable"], told["expires_at"]) == (False, None)
    item = {**body, "key": "batched"}
    batch = json.loads(program.send("POST", "/credits:batch", {"items": [item]}).content)
    assert batch["outcomes"][0]["credit"]["refundable"]


def test_series_of_numbers_are_told_and_begun_upward(new_program, admin_actor, program, viewer_actor):
    admin = new_program(admin_actor, Scope.ADMIN)
    told = json.loads(admin.get("/settings/numbering").content)
    assert sorted(told) == ["credit", "order", "payment", "payout", "refund", "rma"]
    for _ in range(2):  # sent twice it changes nothing more
        moved = admin.patch("/settings/numbering", {"refund": 20001, "credit": None})
        assert (moved.status_code, json.loads(moved.content)) == (200, {**told, "refund": 20001})
    back = admin.patch("/settings/numbering", {"refund": 20000, "payment": 30001})
    assert (back.status_code, json.loads(back.content)["code"]) == (409, "number_given")
    for text in ("30000", True):
        assert admin.patch("/settings/numbering", {"rma": text}).status_code == 422
    wrong = admin.patch("/settings/numbering", {"rma": 10**12})
    assert (wrong.status_code, json.loads(wrong.content)["code"]) == (409, "invalid_input")
    assert json.loads(admin.get("/settings/numbering").content) == {**told, "refund": 20001}
    viewer = new_program(viewer_actor, Scope.READ)
    assert viewer.get("/settings/numbering").status_code == 403
    assert viewer.patch("/settings/numbering", {"refund": 30001}).status_code == 403
