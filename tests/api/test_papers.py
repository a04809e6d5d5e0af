"""Slips and adjustment notes are mailed over the API as by the panel's buttons."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.api.conftest import Program, gbp, told
from tillbook.common import mail
from tillbook.customers.models import Customer
from tillbook.events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def refund(program: Program, customer: Customer) -> str:
    """The address of a refund that Jo, who has a mail address, asked for."""
    Customer.objects.filter(pk=customer.pk).update(email="jo@example.com")
    body = {"customer": "jo", "amount": gbp("50.00"), "reason": "deposit", "refundable": True}
    told(program.post("/credits", body), 201)
    asked = {
        "customer": "jo", "amount": gbp("20.00"), "method": "cash", "payee": {"name": "Jo Day"},
        "payment_date": date(2026, 3, 6).isoformat(),
    }  # fmt: skip
    return f"/refunds/{told(program.post('/refunds', asked), 201)['number']}"


def test_a_slip_is_sent_once_for_its_key(program, refund):
    first = told(program.post(f"{refund}/send-slip", {}, key="s"))
    assert first == {"to": "jo@example.com", "file": None}
    again = program.post(f"{refund}/send-slip", {}, key="s")
    assert (told(again), again["Idempotency-Replayed"]) == (first, "true")
    assert Event.objects.filter(action="refund.slip_sent").count() == 1


def test_a_mail_server_that_fails_is_tried_again_with_the_same_key(program, refund, monkeypatch):
    def down(*_: Any, **__: Any) -> None:
        raise mail.MailFailed("The mail server did not answer.")

    with monkeypatch.context() as broken:
        broken.setattr("tillbook.delivery.services.deliver", down)
        answer = program.post(f"{refund}/send-slip", {}, key="s")
        assert (answer.status_code, told(answer, 502)["code"]) == (502, "mail_failed")
    assert told(program.post(f"{refund}/send-slip", {}, key="s"))["to"] == "jo@example.com"


def test_who_has_no_address_gets_no_slip(program, refund):
    Customer.objects.update(email="")
    assert told(program.post(f"{refund}/send-slip", {}), 409)["code"] == "no_email_address"


def test_the_note_of_a_closed_return_is_sent(program, refund):
    lines = [{"sku": "MUG", "quantity": 1, "amount": gbp("5.00")}]
    opened = told(program.post("/rmas", {"customer": "jo", "reason": "faulty", "lines": lines}), 201)
    address = f"/rmas/{opened['number']}"
    assert program.post(f"{address}/send-note", {}).status_code == 404
    told(program.post(f"{address}/close", {}))
    assert told(program.post(f"{address}/send-note", {}))["to"] == "jo@example.com"
    assert Event.objects.filter(action="rma.note_sent").count() == 1
