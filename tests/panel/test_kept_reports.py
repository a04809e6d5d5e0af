"""Reports of a large book in the panel: asked for, waited for, shown, and downloaded."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests.panel.test_reports import link, text_of
from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.exporters import making
from tillbook.exporters.models import Report

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ASKED = {"as_of": "2026-03-04", "view": "effective", "currency": "GBP"}

pytestmark = pytest.mark.usefixtures("large", "at_noon", "beside_the_server")


@pytest.fixture
def large(db: None, settings: Any) -> None:
    settings.TILLBOOK_REPORTS_AT_ONCE = 0
    cache.clear()


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def found(pattern: str, answer: Any) -> str:
    match = re.search(pattern, answer.content.decode())
    assert match is not None
    return match[1]


def made() -> Report:
    report = making.take(NOON)
    assert report is not None
    making.make(report, lambda: NOON)
    return report


def test_a_report_is_asked_for_waited_for_and_shown(as_admin: Client, deposit: Credit) -> None:
    before = as_admin.get("/reports/liability/")
    assert "This report has not been made yet" in text_of(before)
    assert "£120.00" not in text_of(before)
    assert (Report.objects.count(), "file.xlsx" in before.content.decode()) == (0, False)

    sent = as_admin.post("/reports/liability/make/", ASKED)
    assert (sent.status_code, sent.url.partition("?")[0]) == (302, "/reports/liability/")
    waiting = as_admin.get(sent.url)
    assert "The report is being made" in text_of(waiting)
    assert "admin asked for it" in text_of(waiting)
    assert "data-waiting" in waiting.content.decode()

    made()
    shown = as_admin.get(sent.url)
    assert "Owed £120.00 Held £0.00 Available £120.00" in text_of(shown)
    assert "data-waiting" not in shown.content.decode()
    assert "Made before" in text_of(shown)
    assert "What was recorded until 4 Mar 2026, 12:00 . Make report counts what has come since." in text_of(
        shown
    )
    # Whoever opens the page without saying until when is shown the newest.
    assert "Owed £120.00" in text_of(as_admin.get("/reports/liability/?currency=GBP"))
    assert "not been made yet" in text_of(as_admin.get("/reports/liability/?as_of=2026-03-03"))
    assert "not been made yet" in text_of(as_admin.get(sent.url.replace("GBP", "")))


@pytest.mark.parametrize("kind", ["liability", "roll-forward", "balances", "unclaimed"])
@pytest.mark.parametrize("ending", ["xlsx", "pdf", "csv"])
def test_a_download_is_what_is_made_at_once(
    as_admin: Client, deposit: Credit, settings: Any, request_refund: Any, kind: str, ending: str
) -> None:
    request_refund(1_000)
    sent = as_admin.post(f"/reports/{kind}/make/", {**ASKED, "from_at": "2026-03-01"})
    made()
    page = as_admin.get(sent.url)
    file = as_admin.get(link(page, ending))
    content = b"".join(file.streaming_content)
    settings.TILLBOOK_REPORTS_AT_ONCE = 10**9
    at_once = as_admin.get(link(as_admin.get(sent.url), ending))
    assert b"".join(at_once.streaming_content) == content
    assert at_once["Content-Disposition"] == file["Content-Disposition"]
    assert text_of(as_admin.get(sent.url)).count("£120.00") == text_of(page).count("£120.00")


def test_what_is_not_made_has_no_file(as_admin: Client, deposit: Credit) -> None:
    address = as_admin.post("/reports/liability/make/", ASKED).url
    for path in (address, "/reports/liability/?as_of=2026-03-02"):
        answer = as_admin.get(path.replace("/?", "/file.csv?"))
        assert (answer.status_code, answer.url) == (302, path)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"as_of": "nonsense"}, "Enter a date as year-month-day, like 2026-12-31."),
        ({"as_of": "2026-03-05"}, "As of can't lie in the future."),
        ({"view": "both"}, "Select a valid choice."),
        ({"currency": "XYZ"}, "Select a valid choice."),
        ({"recorded_by": "2999-01-01"}, "Recorded until can't lie in the future."),
    ],
)
def test_what_makes_no_sense_is_not_made(as_admin: Client, deposit: Credit, asked: Any, message: str) -> None:
    answer = as_admin.post("/reports/liability/make/", {**ASKED, **asked})
    assert answer.status_code == 422
    assert message in text_of(answer)
    assert 'class="field wrong"' in answer.content.decode()
    answer = as_admin.post("/reports/roll-forward/make/", {**ASKED, "from_at": "2026-03-05"})
    assert "a period must begin before it ends" in text_of(answer)
    assert Report.objects.count() == 0


def test_why_there_is_none_is_told_and_it_can_be_tried_again(as_admin: Client, deposit: Credit) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM credit_credit")
    address = as_admin.post("/reports/liability/make/", ASKED).url
    made()
    with time_machine.travel(NOON + timedelta(minutes=1), tick=False):  # nobody looks in the same second
        refused = as_admin.get(address)
    assert "The book has transfers that belong to no credit (1). Run `tillbook verify`." in text_of(refused)
    assert "data-waiting" not in refused.content.decode()
    as_admin.post("/reports/liability/make/", ASKED)
    assert Report.objects.get().finished_at is None


def test_when_too_many_wait_the_page_says_so(as_admin: Client, deposit: Credit) -> None:
    for day in range(1, 21):
        as_admin.post("/reports/liability/make/", {**ASKED, "as_of": f"2026-02-{day:02}"})
    answer = as_admin.post("/reports/liability/make/", ASKED)
    assert (answer.status_code, Report.objects.count()) == (422, 20)
    assert "20 reports are waiting to be made. Try again when they are." in text_of(answer)


def test_only_who_may_see_reports_asks_for_them(as_staff: Client, as_admin: Client, deposit: Credit) -> None:
    assert as_staff.post("/reports/liability/make/", ASKED).status_code == 403
    assert as_admin.post("/reports/profit/make/", ASKED).status_code == 404
    assert as_admin.get("/reports/liability/make/").url == "/reports/liability/"
    assert Report.objects.count() == 0


def test_asked_again_it_counts_what_has_come_since(
    as_admin: Client, deposit: Credit, admin_actor: Actor
) -> None:
    first = as_admin.post("/reports/liability/make/", ASKED).url
    made()
    exact = unescape(found(r'href="\?([^"]+recorded_by[^"]+)"', as_admin.get(first)))
    later = NOON + timedelta(minutes=5)
    credit.give(
        customer_id=deposit.customer_id, amount=Money(700, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="later", actor=admin_actor, now=later,
    )  # fmt: skip
    with time_machine.travel(later + timedelta(minutes=1), tick=False):
        assert "Owed £120.00" in text_of(as_admin.get(first))
        assert as_admin.post("/reports/liability/make/", ASKED).url == first
        made()
        assert "Owed £127.00" in text_of(as_admin.get(first))
        assert "Owed £120.00" in text_of(as_admin.get(f"/reports/liability/?{exact}"))


def test_each_reads_them_in_their_own_language(as_admin: Client, deposit: Credit) -> None:
    as_admin.post("/reports/liability/make/", ASKED)
    made()
    as_admin.post("/account/language/", {"language": "de"})
    assert "£120.00" not in text_of(as_admin.get("/reports/liability/?currency=GBP"))
