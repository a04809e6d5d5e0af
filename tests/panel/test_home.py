"""Home: what waits for whom, what is owed, and that each number is that of the list behind it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.credit.snapshots import count_owed
from tillbook.customers.models import Customer
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.webhooks import add_endpoint
from tillbook.ledger.models import Balance
from tillbook.panel.charts import HEIGHT, Bar, Chart
from tillbook.refunds.models import Refund


@pytest.fixture(autouse=True)
def today(now: datetime) -> Iterator[None]:
    cache.clear()  # what is owed now is kept for a minute
    with time_machine.travel(now + timedelta(hours=1), tick=False):
        yield


def shown(client: Client, path: str = "/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_new_shop_is_told_what_comes_first(as_staff: Client, as_admin: Client):
    assert "Add a customer" in shown(as_staff)
    assert "tillbook verify" not in shown(as_staff)
    assert "tillbook verify" in shown(as_admin)


def test_refunds_wait_the_longest_first_with_their_total(
    request_refund: Callable[..., Refund], as_admin: Client
):
    request_refund(1_000)
    request_refund(2_500, key="second")
    page = shown(as_admin)
    assert "Refunds to complete 2" in page
    assert "Open the queue Total £35.00" in page
    assert page.index("RF-1001") < page.index("RF-1002")
    assert "today · Cash" in page


def test_nothing_to_do_is_one_line(maria: Customer, as_staff: Client, as_admin: Client):
    assert "Every overpayment is dealt with, no refund waits to be completed" in shown(as_staff)
    assert "every webhook is delivered" in shown(as_admin)
    assert "webhook" not in shown(as_staff)


def test_credit_that_ends_within_a_week_is_counted_and_listed(
    maria: Customer, admin_actor: Actor, as_staff: Client, now: datetime
):
    for minor, days in ((1_000, 6), (2_000, 9), (500, 3)):
        credit.give(
            customer_id=maria.pk, amount=Money(minor, "GBP"), reason=GiveReason.PROMOTION, refundable=False,
            expires_at=now + timedelta(days=days), key=f"gift-{days}", actor=admin_actor, now=now,
        )  # fmt: skip
    page = shown(as_staff)
    assert "Expires this week 2" in page
    assert "Show all Total £15.00" in page
    listed = shown(as_staff, "/credits/expiring/")
    assert listed.index("CR-1003") < listed.index("CR-1001")
    assert "CR-1002" not in listed


def test_the_list_of_what_ends_does_not_go_on_after_a_credit_that_never_does(
    deposit: Credit, as_staff: Client
):
    answer = as_staff.get(f"/credits/expiring/?after={deposit.number}")
    assert answer.status_code == 404
    assert "never expires" in answer.content.decode()


def test_given_up_deliveries_lead_to_exactly_those(
    deposit: Credit, admin_actor: Actor, as_admin: Client, now: datetime
):
    endpoint = add_endpoint(
        url="https://example.com/hook", description="ERP", actions=[], actor=admin_actor, now=now
    )
    for event_id, state in ((1, "given_up"), (2, "delivered"), (3, "pending")):
        Delivery.objects.create(
            endpoint=Endpoint.objects.get(pk=endpoint.pk), event_id=event_id, action="credit.issued",
            subject=f"CR-{event_id}", state=state, created_at=now, since=now, next_at=now,
            attempts=event_id if state == "pending" else 0,
        )  # fmt: skip
    page = shown(as_admin)
    assert "Webhooks that fail 1" in page
    assert "1 given up" in page
    assert "does not answer" in page
    listed = shown(as_admin, f"/webhooks/{endpoint.number}/?state=given_up")
    assert ("CR-1 " in listed, "CR-2 " in listed, "CR-3 " in listed) == (True, False, False)


def test_admins_see_what_is_owed_and_staff_do_not(
    request_refund: Callable[..., Refund],
    system_actor: Actor,
    as_admin: Client,
    as_staff: Client,
    now: datetime,
):
    request_refund(5_000)
    count_owed(actor=system_actor, now=now)
    page = as_admin.get("/").content.decode()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Owed now £120.00 Available £70.00 Held £50.00" in words
    assert "Manual £120.00" in words
    assert page.count('<rect class="part-2"') == 1  # nothing was owed at the months' ends
    assert "Owed in credit" not in shown(as_staff)


def test_the_table_s_month_leads_to_the_report_of_the_same_figure(
    maria: Customer, admin_actor: Actor, system_actor: Actor, as_admin: Client, now: datetime
):
    for minor, days in ((7_500, 10), (500, 1)):  # in February and in March
        credit.give(
            customer_id=maria.pk, amount=Money(minor, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key=f"gift-{days}", actor=admin_actor, now=now - timedelta(days=days),
        )  # fmt: skip
    count_owed(actor=system_actor, now=now)
    link = "/reports/liability/?as_of=2026-02-28&amp;view=recorded&amp;currency=GBP"
    assert link in as_admin.get("/").content.decode()
    assert "Feb 26 £0.00 £0.00 £75.00 £75.00" in shown(as_admin)
    assert "£75.00" in shown(as_admin, link.replace("&amp;", "&"))


def test_a_daily_round_that_does_not_run_shows(
    deposit: Credit, system_actor: Actor, as_admin: Client, as_staff: Client, now: datetime
):
    assert "The daily round has never run." in shown(as_admin)
    count_owed(actor=system_actor, now=now - timedelta(days=3))
    assert "The daily round last ran 27 Feb 2026, 10:30" in shown(as_admin)
    assert "daily round" not in shown(as_staff)
    count_owed(actor=system_actor, now=now)
    assert "daily round" not in shown(as_admin)


def test_what_is_owed_now_is_read_once_a_minute(deposit: Credit, as_admin: Client):
    assert "Owed now £120.00" in shown(as_admin)
    Balance.objects.update(available_minor=1)
    assert "Owed now £120.00" in shown(as_admin)


def test_a_chart_s_blocks_stack_without_a_gap_and_fill_what_they_should():
    chart = Chart([Bar("a", (0, 0, 0)), Bar("b", (1, 1, 1)), Bar("c", (300, 0, 200))])
    assert chart.top == 500
    nothing, little, full = chart.drawn
    assert (nothing.blocks, [block.part for block in full.blocks]) == ([], [0, 2])
    assert sum(block.height for block in little.blocks) == 6
    assert sum(block.height for block in full.blocks) == HEIGHT
    assert full.blocks[1].y == 0
    assert full.blocks[0].y == full.blocks[1].height


@pytest.mark.parametrize(("highest", "top"), [(0, 1), (1, 1), (2, 2), (3, 3), (7, 8), (10, 10), (241, 300)])
def test_a_chart_s_top_is_a_round_amount_just_above(highest: int, top: int):
    assert Chart([Bar("x", (highest,))]).top == top
