"""The rules about who pays what they asked for hold for those who are quick as well (R6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from tests.databases import codes
from tests.orders.till import Till, gbp
from tests.refunds.charged import back
from tillbook.common.actor import Actor, Role
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.events.models import Event
from tillbook.refunds import payees
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import ApprovalMissing, approve, standing, version_of
from tillbook.refunds.models import Approval, Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.details import ApprovalRule

pytestmark = pytest.mark.usefixtures("own_database")

ANN, BOB = (Actor(name, Role.ADMIN, "test", number) for number, name in enumerate(("ann", "bob"), start=1))
ACCOUNT, OTHER_ACCOUNT = "20-00-00 55779911", "60-16-13 31926819"


@pytest.fixture
def till(own_database: None, now: datetime) -> Iterator[Till]:
    """Whose customer has 6,000.00."""
    till = Till(Actor.system("test"), now)
    credit.give(
        customer_id=till.customer.pk, amount=gbp(6_000_00), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, **till.by,
    )  # fmt: skip
    yield till
    till.check_book()


@pytest.fixture
def policy(settings: Any) -> Any:
    """Set the shop's rules."""

    def _policy(*rules: ApprovalRule) -> None:
        settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=rules)

    return _policy


def asked(till: Till, minor: int) -> Refund:
    """Ann asks for it."""
    return back(till, minor, method="bank_transfer", payee=Payee("Jo", ACCOUNT), actor=ANN)


@pytest.mark.parametrize("count", [2, 10])
def test_of_own_refunds_completed_at_once_no_more_than_the_limit_is(till: Till, count: int) -> None:
    own = [asked(till, 600_00) for _ in range(count)]
    calls = [partial(refunds.complete, each.pk, actor=ANN, now=till.now) for each in own]
    assert Counter(codes(calls)) == {"done": 1, "self_completion": count - 1}
    assert Counter(Refund.objects.values_list("status", flat=True)) == {
        "completed": 1,
        "requested": count - 1,
    }


def test_who_approves_ten_times_at_once_has_approved_once(till: Till, policy: Any) -> None:
    policy(ApprovalRule(2))
    refund = asked(till, 50_00)
    assert codes([partial(approve, refund.pk, actor=BOB, now=till.now)] * 10) == ["done"] * 10
    refund.refresh_from_db()
    assert (Approval.objects.count(), refund.status) == (1, "requested")
    assert Event.objects.filter(action="refund.approved").count() == 1


def test_two_who_approve_at_once_are_two(till: Till, policy: Any) -> None:
    policy(ApprovalRule(2))
    refund = asked(till, 50_00)
    calls = [partial(approve, refund.pk, actor=actor, now=till.now) for actor in (ANN, BOB) * 5]
    assert codes(calls) == ["done"] * 10
    refund.refresh_from_db()
    assert ({each.by for each in standing(refund)}, refund.status) == ({"ann", "bob"}, "approved")
    assert Approval.objects.count() == 2


def test_an_approval_stands_only_for_what_it_was_given_for(till: Till, policy: Any) -> None:
    """Where a refund goes is changed at the moment at which it is approved."""
    policy(ApprovalRule(1))
    open_ones = [asked(till, 50_00) for _ in range(6)]
    by = {"now": till.now}
    approvals = [partial(approve, each.pk, actor=BOB, **by) for each in open_ones]
    changes = [
        partial(
            payees.change, each.pk, method="bank_transfer", payee=Payee("Jo", OTHER_ACCOUNT), note="",
            payment_date=till.now.date(), actor=ANN, **by,
        )
        for each in open_ones
    ]  # fmt: skip
    assert codes([*approvals, *changes]) == ["done"] * 12
    for refund in open_ones:
        refund.refresh_from_db()
        assert refund.bank_account == OTHER_ACCOUNT
        told = Event.objects.filter(subject=refund.number).order_by("pk").values_list("action", flat=True)
        approved_last = list(told)[-1] == "refund.approved"
        assert (len(standing(refund)), refund.status) == (
            (1, "approved") if approved_last else (0, "requested")
        )
        if not approved_last:
            with pytest.raises(ApprovalMissing, match="was changed after it was approved"):
                refunds.complete(refund.pk, actor=BOB, now=till.now)


def test_of_corrections_made_at_once_from_one_page_only_the_first_is_kept(till: Till) -> None:
    refund = asked(till, 50_00)
    seen = version_of(refund)
    calls = [
        partial(
            payees.change, refund.pk, method="cash", payee=Payee(name), note="",
            payment_date=till.now.date(), seen=seen, actor=ANN, now=till.now,
        )
        for name in ("Jo", "Joe", "Joan", "Joanna")
    ]  # fmt: skip
    assert Counter(codes(calls)) == {"done": 1, "stale_refund": 3}
    assert Event.objects.filter(action="refund.changed").count() == 1
