"""Unclaimed refunds in the panel: Home, the list, a selection of it, a refund's own page, and the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit.models import Credit
from tillbook.credit.queries import balance_of
from tillbook.events.models import Event
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

LATER = 100  # days


@pytest.fixture(autouse=True)
def later(now: datetime) -> Iterator[None]:
    cache.clear()
    with time_machine.travel(now + timedelta(days=LATER), tick=False):
        yield


@pytest.fixture
def ask(deposit: Credit, staff_actor: Actor, now: datetime):
    def request(minor: int = 1_000, method: str = "cheque", at: datetime = now) -> Refund:
        return refunds.request(
            customer_id=deposit.customer_id, amount=Money(minor, "GBP"), method=method,
            payee=Payee("Maria Holt", postal_address="1 Mill Lane" if method == "cheque" else ""),
            payment_date=date(2026, 3, 2), key=f"r{minor}", actor=staff_actor, now=at,
        )  # fmt: skip

    return request


@pytest.fixture
def cheque(ask, admin_actor: Actor, now: datetime) -> Refund:
    """RF-1001, a cheque over 10.00, paid a hundred days ago."""
    return refunds.complete(ask().pk, cheque_number="123", actor=admin_actor, now=now)


def shown(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_home_counts_them_with_the_oldest_first(
    as_admin: Client, as_staff: Client, cheque: Refund, ask, now: datetime
):
    ask(2_000, "cash")
    ask(3_000, "cash", now + timedelta(days=LATER - 90))  # not stale yet
    page = shown(as_admin.get("/"))
    assert "Unclaimed refunds 2" in page
    assert "Receive or cancel them Total £30.00" in page
    assert "RF-1001 Maria Holt 100 days · Cheque, not received" in page
    assert "RF-1002 Maria Holt 100 days · Cash, not paid" in page
    assert "Unclaimed refunds" not in shown(as_staff.get("/"))
    listed = shown(as_admin.get("/refunds/unclaimed/"))
    assert "Cheque 123" in listed
    assert "RF-1003" not in listed


def test_nothing_unclaimed_is_said(as_admin: Client, deposit: Credit):
    assert "no refund is unclaimed for too long" in shown(as_admin.get("/")).lower()
    assert "Nothing waits for too long" in shown(as_admin.get("/refunds/unclaimed/"))
    assert "Nothing was unclaimed then" in shown(as_admin.get("/reports/unclaimed/"))


def test_a_selection_is_cancelled_each_by_itself_and_twice_is_once(
    as_admin: Client, cheque: Refund, ask, now: datetime, deposit: Credit
):
    waiting, fresh = ask(2_000, "cash"), ask(3_000, "cash", now + timedelta(days=LATER - 5))
    selected = {"selected": [each.pk for each in (cheque, waiting, fresh)]}
    for _ in range(2):
        page = shown(as_admin.post("/refunds/unclaimed/cancel/", selected))
        assert "2 of 3 cancelled back to credit" in page
        assert "RF-1003 maria Unchanged RF-1003 has waited for 5 days" in page
    assert Event.objects.filter(action="refund.failed").count() == 2
    balance = balance_of(deposit.customer_id, "GBP")
    assert (balance.available_minor, balance.held_minor) == (9_000, 3_000)
    assert "RF-1001" not in shown(as_admin.get("/refunds/unclaimed/"))


def test_a_selection_is_received(as_admin: Client, cheque: Refund, ask, now: datetime):
    waiting = ask(2_000, "cash")
    page = shown(as_admin.post("/refunds/unclaimed/receive/", {"selected": [cheque.pk, waiting.pk]}))
    assert "1 of 2 marked as received today" in page
    assert "only a paid refund by cheque, cash or PayPal" in page
    assert Refund.objects.get(pk=cheque.pk).received_on == (now + timedelta(days=LATER)).date()


@pytest.mark.parametrize("selected", [[], ["x"], ["9" * 30], ["999"]])
def test_nothing_selected_is_said(as_admin: Client, cheque: Refund, selected: list[str]):
    answer = as_admin.post("/refunds/unclaimed/cancel/", {"selected": selected}, follow=True)
    assert "Select at least one refund first." in shown(answer)
    assert Refund.objects.get().status == "completed"


def test_a_refunds_page_takes_the_number_and_the_day(as_admin: Client, as_staff: Client, cheque: Refund):
    page = shown(as_admin.get("/refunds/RF-1001/"))
    assert "Not received yet" in page
    assert "Mark as presented" in page
    assert "Cancel as unclaimed" in page
    assert "Mark as presented" not in shown(as_staff.get("/refunds/RF-1001/"))
    page = shown(as_admin.post("/refunds/RF-1001/cheque/", {"cheque_number": "000456"}, follow=True))
    assert "RF-1001 is paid by cheque 456." in page
    for wrong in ({"cheque_number": "x"}, {"cheque_number": ""}, {}):
        assert as_admin.post("/refunds/RF-1001/cheque/", wrong).status_code == 422
    assert Refund.objects.get().cheque_number == "456"
    for wrong in ({"received_on": "soon"}, {"received_on": "2026-01-01"}, {"received_on": "2126-01-01"}, {}):
        refused = as_admin.post("/refunds/RF-1001/receive/", wrong)
        assert shown(refused, 422)
        assert refused.context["receive_form"].errors["received_on"]
        assert refused.context["receive_form"]["received_on"].value() == wrong.get("received_on")
    assert Refund.objects.get().received_on is None
    page = shown(as_admin.post("/refunds/RF-1001/receive/", {"received_on": "2026-03-09"}, follow=True))
    assert "RF-1001 is received." in page
    assert "Received 9 Mar 2026" in page
    assert "Mark as presented" not in page


def test_who_may_only_look_reads_that_the_payee_has_not_got_it_yet(
    as_viewer: Client, as_admin: Client, cheque: Refund
):
    page = shown(as_viewer.get("/refunds/RF-1001/"))
    assert "Received Not yet" in page
    assert "Mark as presented" not in page and "Cancel as unclaimed" not in page
    for path in ("/refunds/unclaimed/", "/reports/unclaimed/"):
        answer = as_viewer.get(path)
        assert answer.status_code == 403
        assert "Your role (viewer) may not" in answer.content.decode()
    as_admin.post("/refunds/rf-1001/receive/", {"received_on": "2026-03-09"})
    page = shown(as_viewer.get("/refunds/RF-1001/"))
    assert "Received 9 Mar 2026" in page and "Not yet" not in page


def test_what_was_done_is_said_of_the_refund_by_its_own_number(as_admin: Client, cheque: Refund):
    sent = {"received_on": "2026-03-09"}
    assert "RF-1001 is received." in shown(as_admin.post("/refunds/rf-1001/receive/", sent, follow=True))


def test_a_single_day_is_no_days(as_admin: Client, cheque: Refund):
    limits = {"seen": 0, "staff_credit_limit": "100", "self_completion_limit": "1000"}
    assert "for more than 90 days." in shown(as_admin.get("/refunds/unclaimed/"))
    as_admin.post("/settings/limits/", limits | {"stale_refund_days": "1"})
    assert "for more than 1 day." in shown(as_admin.get("/refunds/unclaimed/"))


def test_a_refunds_page_cancels_it(as_admin: Client, cheque: Refund):
    page = shown(as_admin.post("/refunds/RF-1001/cancel/", {"note": "Stopped <b>"}, follow=True))
    assert "The amount of RF-1001 is credit again." in page
    assert "admin cancelled this refund as unclaimed. Its amount is credit again." in page
    assert "Stopped <b>" in page


def test_a_note_that_is_too_long_is_still_there_to_be_shortened(as_admin: Client, cheque: Refund):
    refused = as_admin.post("/refunds/RF-1001/cancel/", {"note": "x" * 1_001})
    assert "at most 1000 characters" in shown(refused, 422)
    assert "x" * 1_001 in shown(refused, 422)
    as_admin.post("/refunds/RF-1001/cancel/", {"note": "Stopped"})
    late = as_admin.post("/refunds/RF-1001/receive/", {"received_on": "2026-03-09"})
    assert "is not out" in shown(late, 422), "the form is gone, and the page says why"
    assert "receive_form" not in late.context


def test_a_cheque_is_completed_with_its_number_and_cash_as_handed_over(as_admin: Client, ask, now: datetime):
    ask()
    ask(2_000, "cash")
    assert "Cheque number" in shown(as_admin.get("/refunds/RF-1001/"))
    wrong = as_admin.post("/refunds/RF-1001/complete/", {"cheque_number": "9" * 41}, follow=True)
    assert "marked as paid" not in shown(wrong)
    as_admin.post("/refunds/RF-1001/complete/", {"cheque_number": "12 34"})
    assert set(Refund.objects.values_list("status", flat=True)) == {"requested"}
    as_admin.post("/refunds/RF-1001/complete/", {"cheque_number": "0077"})
    as_admin.post("/refunds/RF-1002/complete/", {"received": "on"})
    by_cheque, cash = Refund.objects.order_by("pk")
    assert (by_cheque.status, by_cheque.cheque_number, by_cheque.received_on) == ("completed", "77", None)
    assert (cash.status, cash.received_on) == ("completed", (now + timedelta(days=LATER)).date())


def test_the_report_is_by_age_and_leads_to_each_refund(as_admin: Client, cheque: Refund, ask, now: datetime):
    ask(2_000, "cash", now + timedelta(days=LATER - 31))
    answer = as_admin.get("/reports/unclaimed/")
    page = shown(answer)
    assert (
        "Paid, not received £10.00 At the bank or gateway, no answer yet £0.00 Asked for, not paid £20.00"
        in page
    )
    assert "31 to 60 days 1 £20.00" in page
    assert "91 to 180 days 1 £10.00" in page
    assert "Cheque: 91 to 180 days 1 £10.00" in page
    assert "RF-1001 maria Cheque 2 Mar 2026 100 £10.00" in page
    assert "is no credit any more, and not in that report" in page
    assert 'href="/refunds/RF-1001/"' in answer.content.decode()
    assert "Derived from 2 refunds and their history." in page


def test_the_files_say_what_the_page_says_and_the_same_for_good(
    as_admin: Client, cheque: Refund, admin_actor: Actor, now: datetime
):
    answer = as_admin.get("/reports/unclaimed/")
    links = {
        ending: unescape(re.search(rf'href="([^"]+file\.{ending}\?[^"]+)"', answer.content.decode())[1])
        for ending in ("xlsx", "pdf", "csv")
    }
    first = {ending: as_admin.get(address).getvalue() for ending, address in links.items()}
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(first["pdf"])).pages)
    assert "RF-1001" in text
    assert "as held" in " ".join(text.split())
    rows = CalamineWorkbook.from_filelike(BytesIO(first["xlsx"])).get_sheet_by_name("GBP").to_python()
    assert ["RF-1001", "maria", "Cheque", date(2026, 3, 2), 100.0, "", 10.0] in rows
    assert b'"RF-1001","maria","Cheque","2026-03-02","100","","10.00"' in first["csv"]
    as_admin.post("/refunds/RF-1001/cancel/", {})  # what happens later was not so then
    for ending in ("xlsx", "csv", "pdf"):
        assert as_admin.get(links[ending]).getvalue() == first[ending], ending


def test_after_how_many_days_is_the_shops(as_admin: Client, cheque: Refund):
    limits = {"seen": 0, "staff_credit_limit": "100", "self_completion_limit": "1000"}
    for wrong in ("", "0", "x", "-1", "1.5", "99999"):
        assert as_admin.post("/settings/limits/", limits | {"stale_refund_days": wrong}).status_code == 422, (
            wrong
        )
    assert as_admin.post("/settings/limits/", limits | {"stale_refund_days": "100"}).status_code == 302
    assert "Nothing waits for too long" in shown(as_admin.get("/refunds/unclaimed/"))
    as_admin.post("/refunds/RF-1001/cancel/", {})
    assert Refund.objects.get().status == "completed"
