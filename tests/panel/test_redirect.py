"""Two people correct where a refund goes: what the second one did not look at stays as the first left it."""

from __future__ import annotations

import re
from datetime import date, datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.refunds import payees
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

SAID = "was changed since you opened this page"
_HIDDEN = re.compile(r'<input type="hidden" name="((?:initial-)?[a-z_]+)"(?: value="([^"]*)")?')


@pytest.fixture
def refund(request_refund: Any, staff_actor: Actor, now: datetime) -> Refund:
    """It goes to old@example.com."""
    return goes_to(request_refund(1_000), "old@example.com", staff_actor, now)


def goes_to(refund: Refund, email: str, actor: Actor, now: datetime, note: str = "") -> Refund:
    return payees.change(
        refund.pk, method="paypal", payee=Payee("Maria Holt", paypal_email=email),
        payment_date=date(2026, 3, 3), note=note, actor=actor, now=now,
    )  # fmt: skip


def sent_from(page: Any) -> dict[str, str]:
    """What a browser sends of the page as it stands."""
    form = page.context["form"]
    hidden = {name: unescape(value) for name, value in _HIDDEN.findall(page.text)}
    return hidden | {each.name: str(each.value() or "") for each in form.visible_fields()}


def test_a_note_added_on_an_old_page_does_not_bring_the_old_payee_back(
    as_staff: Client, refund: Refund, admin_actor: Actor, now: datetime
) -> None:
    address = f"/refunds/{refund.number}/redirect/"
    opened = sent_from(as_staff.get(address))
    goes_to(refund, "new@example.com", admin_actor, now)
    refused = as_staff.post(address, opened | {"note": "Rang"})
    assert refused.status_code == 422
    assert f"{refund.number} {SAID}" in refused.text
    assert 'role="alert"' in refused.text
    assert "old@example.com" not in refused.text
    assert Refund.objects.get().paypal_email == "new@example.com"

    shown = sent_from(refused)
    assert (shown["paypal_email"], shown["note"]) == ("new@example.com", "Rang")
    assert as_staff.post(address, shown).status_code == 302
    saved = Refund.objects.get()
    assert (saved.paypal_email, saved.note) == ("new@example.com", "Rang")


def test_where_both_changed_the_same_the_page_says_what_the_other_made_of_it(
    as_staff: Client, refund: Refund, admin_actor: Actor, now: datetime
) -> None:
    address = f"/refunds/{refund.number}/redirect/"
    opened = sent_from(as_staff.get(address))
    goes_to(refund, "new@example.com", admin_actor, now)
    refused = as_staff.post(address, opened | {"paypal_email": "own@example.com"})
    assert "Changed meanwhile to: new@example.com" in refused.text
    shown = sent_from(refused)
    assert shown["paypal_email"] == "own@example.com"
    goes_to(refund, "newer@example.com", admin_actor, now, note="Wrote")
    again = as_staff.post(address, shown)
    assert (again.status_code, sent_from(again)["note"]) == (422, "Wrote"), "each time anew"
    assert "Changed meanwhile to: newer@example.com" in again.text
    assert as_staff.post(address, sent_from(again)).status_code == 302
    assert Refund.objects.get().paypal_email == "own@example.com"


def test_a_form_that_is_refused_for_something_else_keeps_what_it_was_made_from(
    as_staff: Client, refund: Refund, admin_actor: Actor, now: datetime
) -> None:
    address = f"/refunds/{refund.number}/redirect/"
    opened = sent_from(as_staff.get(address))
    goes_to(refund, "new@example.com", admin_actor, now)
    shown = sent_from(as_staff.post(address, opened | {"payment_date": ""}))
    assert shown["seen"] == opened["seen"]
    assert SAID in as_staff.post(address, shown | {"payment_date": "2026-03-03"}).text
    assert Refund.objects.get().paypal_email == "new@example.com"


def test_the_same_correction_sent_twice_is_no_other_persons(as_staff: Client, refund: Refund) -> None:
    address = f"/refunds/{refund.number}/redirect/"
    typed = sent_from(as_staff.get(address)) | {"paypal_email": "own@example.com"}
    assert [as_staff.post(address, typed).status_code for _ in range(2)] == [302, 302]
    assert Refund.objects.get().paypal_email == "own@example.com"


def test_who_leaves_the_account_empty_keeps_the_one_that_it_has_by_then(
    as_staff: Client, refund: Refund, staff_actor: Actor, now: datetime
) -> None:
    def paid_into(account: str) -> None:
        payees.change(
            refund.pk, method="bank_transfer", payee=Payee("Maria Holt", account), note="",
            payment_date=date(2026, 3, 3), actor=staff_actor, now=now,
        )  # fmt: skip

    address = f"/refunds/{refund.number}/redirect/"
    paid_into("20-00-00 55779911")
    opened = sent_from(as_staff.get(address))
    paid_into("60-16-13 31926819")
    refused = as_staff.post(address, opened | {"note": "Rang"})
    assert "•••819. Left empty, it stays." in refused.text
    assert as_staff.post(address, sent_from(refused)).status_code == 302
    saved = Refund.objects.get()
    assert (saved.bank_account, saved.note) == ("60-16-13 31926819", "Rang")
