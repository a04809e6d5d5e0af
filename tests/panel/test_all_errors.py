"""A form that is refused says of every field at once what is wrong with it, and keeps what was typed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.panel.test_refunds import day, pay
from tillbook.common.actor import Actor
from tillbook.credit.models import Credit
from tillbook.customers.models import Customer
from tillbook.refunds.models import Refund
from tillbook.shop.policies import shop


def errors(answer: Any) -> dict[str, list[str]]:
    """What the page says at each field, after it refused what was sent and kept it."""
    form = answer.context["form"]
    assert answer.status_code == 422
    for name, sent in form.data.items():
        assert form[name].value() in (sent, sent == "on"), name
    return {name: list(messages) for name, messages in form.errors.items()}


def test_a_refund_names_the_amount_the_account_and_the_day(as_staff: Client, deposit: Credit):
    answer = pay(as_staff, amount="9999", bank_account="", payment_date=day(400))
    assert errors(answer) == {
        "amount": ["Only 120.00 GBP can be paid out."],
        "bank_account": ["Enter the payee's bank account: branch code and account number, or an IBAN."],
        "payment_date": ["Enter a date at most one year from today."],
    }
    assert Refund.objects.count() == 0


def test_what_cannot_be_read_is_no_reason_to_keep_quiet_about_the_rest(as_staff: Client, deposit: Credit):
    answer = pay(as_staff, amount="a lot", bank_account="my bank", payee_name="")
    found = errors(answer)
    assert list(found) == ["amount", "payee_name", "bank_account"]
    assert all(len(messages) == 1 for messages in found.values()), found
    answer = pay(as_staff, method="paypal", paypal_email="jo at example", payment_date="soon", amount="9999")
    assert set(errors(answer)) == {"paypal_email", "payment_date", "amount"}


def test_a_refund_sent_twice_is_answered_as_the_first_time_though_nothing_is_left(
    as_staff: Client, deposit: Credit
):
    assert pay(as_staff, amount="120").url == pay(as_staff, amount="120").url == "/refunds/RF-1001/"
    again = pay(as_staff, amount="119", bank_account="")
    assert "already sent, with other values" in again.text
    assert set(errors(again)) == {"key"}, "what is missing by now was there when it was sent"


def test_redirecting_a_refund_keeps_the_account_that_may_be_left_empty(as_staff: Client, deposit: Credit):
    sent = {"key": "k2", "payee_name": "", "method": "bank_transfer", "bank_account": ""}
    address = f"{pay(as_staff).url}redirect/"
    answer = as_staff.post(address, sent | {"payment_date": day(400), "reference": "", "note": ""})
    assert set(errors(answer)) == {"payee_name", "payment_date"}
    answer = as_staff.post(address, sent | {"method": "paypal", "payment_date": day(400)})
    assert set(errors(answer)) == {"payee_name", "paypal_email", "payment_date"}


def test_a_customer_names_the_username_and_the_mail(as_staff: Client, maria: Customer):
    sent = {"username": "up/down", "kind": "customer", "email": "nope", "company": "Mill"}
    assert errors(as_staff.post("/customers/add/", sent)) == {
        "username": ["'up/down' can't be a username. Leave out slashes."],
        "email": ["'nope' is not an e-mail address."],
    }
    taken = errors(as_staff.post("/customers/add/", sent | {"username": "Maria", "phone": "5" * 51}))
    assert set(taken) == {"username", "email", "phone"}
    assert taken["username"] == ["The username 'Maria' is taken. Choose another."]
    assert Customer.objects.count() == 1


def test_a_customer_s_details_are_named_together_too(as_staff: Client, maria: Customer):
    answer = as_staff.post("/customers/maria/edit/", {"kind": "friend", "email": "nope"})
    assert set(errors(answer)) == {"kind", "email"}


def give(client: Client, **changes: str) -> Any:
    sent = {"key": "g1", "amount": "5.00", "reason": "goodwill", **changes}
    return client.post("/customers/maria/give-credit/", sent)


def test_a_gift_names_the_amount_the_day_and_that_it_cannot_be_paid_out(
    as_staff: Client, maria: Customer, settings: Any
):
    wrong = {"refundable": "on", "expires_at": (timezone.localdate() - timedelta(days=3)).isoformat()}
    rest = {
        "refundable": ["Credit given for this reason can't be paid out."],
        "expires_at": ["The expiry must lie in the future."],
    }
    assert errors(give(as_staff, amount="5.0.0", **wrong)) == {
        "amount": ["'5.0.0' is not an amount. Write digits and a point, like 12.34."], **rest,
    }  # fmt: skip
    limit = shop().staff_credit_limit_minor // 100
    assert errors(give(as_staff, amount=str(limit + 1), **wrong)) == {
        "amount": [f"Staff may give at most {limit}.00 GBP at once. Ask an admin."], **rest,
    }  # fmt: skip
    assert set(errors(give(as_staff, reason="", **wrong))) == {"reason", "expires_at"}
    assert Credit.objects.count() == 0


def test_an_admin_s_gift_has_no_limit_to_be_named(as_admin: Client, maria: Customer):
    assert set(errors(give(as_admin, amount="99999", refundable="on"))) == {"refundable"}


def test_where_zero_is_allowed_what_is_below_it_says_so(as_admin: Client):
    sent = {"seen": "0", "staff_credit_limit": "-5", "self_completion_limit": "0", "stale_refund_days": "9"}
    said = {"staff_credit_limit": ["Write 0 or more."]}
    assert errors(as_admin.post("/settings/limits/", sent)) == said


@pytest.mark.parametrize(
    ("page", "sent", "wrong"),
    [
        ("shop", {"name": "", "email": "x", "tax_number": "a\tb"}, {"name", "email", "tax_number"}),
        ("shop", {"name": "Mill", "email": "x", "tax_number": "a\tb"}, {"email", "tax_number"}),
        ("limits", {"staff_credit_limit": "-5", "self_completion_limit": "x", "stale_refund_days": "0"},
         {"staff_credit_limit", "self_completion_limit", "stale_refund_days"}),
        ("mail", {"mail_name": "a\tb", "mail_reply_to": "x"}, {"mail_name", "mail_reply_to"}),
    ],
)  # fmt: skip
def test_settings_name_every_field(
    as_admin: Client, admin_actor: Actor, page: str, sent: dict[str, str], wrong: set[str]
):
    before = shop()
    assert set(errors(as_admin.post(f"/settings/{page}/", {"seen": "0", **sent}))) == wrong
    assert shop() == before
