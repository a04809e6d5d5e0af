"""An admin says yes to what the page showed: a refund redirected since then is looked at again (R6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.refunds import payees
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.details import ApprovalRule

SAID = "was changed since you opened it. Look at it again."
_HIDDEN = re.compile(r'name="seen" value="([^"]+)"')
_TICKED = re.compile(r'name="selected" value="([^"]+)"')


@pytest.fixture
def redirect(staff_actor: Actor, now: datetime) -> Callable[[Refund], Refund]:
    def redirected(refund: Refund) -> Refund:
        return payees.change(
            refund.pk, method=refund.method, payee=Payee("Somebody Else"), payment_date=date(2026, 1, 2),
            note="", actor=staff_actor, now=now,
        )  # fmt: skip

    return redirected


@pytest.fixture
def rule(settings: Any) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))


def of_page(client: Client, refund: Refund) -> str:
    """What the refund's own page remembers of it, in each of its forms the same."""
    (seen,) = set(_HIDDEN.findall(client.get(f"/refunds/{refund.number}/").text))
    return seen


def status(refund: Refund) -> str:
    return Refund.objects.get(pk=refund.pk).status


@pytest.mark.parametrize("action", ["approve", "complete"])
def test_a_page_that_shows_another_payee_does_nothing(
    as_admin: Client, rule: None, request_refund: Any, redirect: Any, action: str
) -> None:
    refund = request_refund(1_000)
    seen = of_page(as_admin, refund)
    redirect(refund)
    address = f"/refunds/{refund.number}/{action}/"
    assert SAID in as_admin.post(address, {"seen": seen}, follow=True).text
    assert status(refund) == "requested"


def test_what_was_seen_is_approved_and_completed(as_admin: Client, rule: None, request_refund: Any) -> None:
    refund = request_refund(1_000)
    for action, after in (("approve", "approved"), ("complete", "completed")):
        seen = of_page(as_admin, refund)
        as_admin.post(f"/refunds/{refund.number}/{action}/", {"seen": seen})
        assert status(refund) == after


@pytest.mark.parametrize(("action", "done"), [("approve", "approved"), ("complete", "completed")])
def test_of_a_selection_only_what_stands_as_it_was_shown_is_done(
    as_admin: Client, settings: Any, request_refund: Any, redirect: Any, action: str, done: str
) -> None:
    if action == "approve":
        settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    same, changed = request_refund(1_000, key="a"), request_refund(2_000, key="b")
    ticked = _TICKED.findall(as_admin.get("/refunds/").text)
    redirect(changed)
    page = as_admin.post(f"/refunds/{action}/", {"selected": ticked}).text
    assert "1 of 2" in page
    assert f"{changed.number} {SAID}" in page
    assert (status(same), status(changed)) == (done, "requested")


def test_what_needs_a_second_approval_says_so(as_admin: Client, settings: Any, request_refund: Any) -> None:
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(2),))
    refund = request_refund(1_000)
    page = as_admin.post("/refunds/approve/", {"selected": str(refund.pk)}).text
    assert "Needs more approvals" in page
    assert status(refund) == "requested"


def test_a_selection_is_approved_only_where_the_shop_asks_for_it(
    as_admin: Client, as_staff: Client, request_refund: Any, settings: Any
) -> None:
    refund = request_refund(1_000)
    assert "/refunds/approve/" not in as_admin.get("/refunds/").text
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=(ApprovalRule(1),))
    assert "/refunds/approve/" in as_admin.get("/refunds/").text
    assert "/refunds/approve/" not in as_staff.get("/refunds/").text
    assert as_staff.post("/refunds/approve/", {"selected": str(refund.pk)}).status_code == 403
    assert status(refund) == "requested"
