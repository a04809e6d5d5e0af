"""What waits to be completed is added up right, from an index alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tests.plans import plan_by
from tillbook.common import statements
from tillbook.refunds import queries, services, slip
from tillbook.refunds.approvals import approve
from tillbook.refunds.models import Refund
from tillbook.refunds.queries import _AT_HOME_SINCE, _BY_BANK, _WAITS, Waiting
from tillbook.refunds.state import paying


def test_nothing_waits_in_a_new_shop(db: None) -> None:
    assert queries.waiting() == queries.ready_for_payout() == queries.longest_waiting(5) == []


def test_what_waits_is_added_up_by_currency_and_what_is_done_is_not(
    ask: Any, admin_actor: Any, now: Any
) -> None:
    cash, by_bank, paid = ask(1_000, "a"), ask(200, "b", account="12 34 56 12345678"), ask(30, "c")
    declined = ask(4, "d", account="12 34 56 12345678")
    services.complete(paid.pk, actor=admin_actor, now=now)
    services.decline(declined.pk, reason="No", actor=admin_actor, now=now)
    assert queries.waiting() == [Waiting("GBP", 2, 1_200)]
    assert queries.ready_for_payout() == [Waiting("GBP", 1, 200)]
    assert [each.pk for each in queries.longest_waiting(5)] == [cash.pk, by_bank.pk]
    assert [each.pk for each in queries.longest_waiting(1)] == [cash.pk]

    approve(by_bank.pk, actor=admin_actor, now=now)
    assert Refund.objects.get(pk=by_bank.pk).status == "approved"
    assert queries.waiting() == [Waiting("GBP", 2, 1_200)], "an approved refund still waits to be paid"
    services.complete(cash.pk, actor=admin_actor, now=now)
    services.complete(by_bank.pk, actor=admin_actor, now=now)
    assert queries.waiting() == queries.ready_for_payout() == []


def test_the_sums_read_what_waits_alone_and_the_one_over_all_nothing_but_their_index(
    ask: Any, now: Any
) -> None:
    ask(1_000, "a")
    hint = "" if connection.vendor == "postgresql" else "INDEXED BY refund_waiting"
    for which, bound in (("", []), (_BY_BANK, []), (_AT_HOME_SINCE, [statements.moment(now)])):
        plan = plan_by("refund_waiting", "refunds_refund", _WAITS.format(hint, which), bound)
        assert "refund_waiting" in plan
        if not which:
            assert "Index Only" in plan or "COVERING" in plan


@pytest.mark.parametrize(
    "note", ["REFUND REVERSAL: wrong customer", "Given twice.\nRefund reversal, as Al said"]
)
def test_what_pays_nobody_is_in_no_sum_of_what_is_to_be_paid_and_has_no_slip(
    ask: Any, now: Any, note: str
) -> None:
    refund = ask(200, "b", account="12 34 56 12345678", note=note)
    assert refund.pays_nobody
    assert queries.waiting() == [Waiting("GBP", 1, 200)]
    assert queries.ready_for_payout() == []
    assert queries.waiting_since(now + timedelta(days=1)) == []
    assert list(paying()) == []
    with pytest.raises(slip.NoSlip):
        slip.render([refund])
