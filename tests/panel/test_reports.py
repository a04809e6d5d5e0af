"""Reports in the panel: the page, its address, and files of exactly what it shows."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO

import pytest
import time_machine
from django.db import connection
from django.test import Client
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from tillbook.common.actor import Actor
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import Credit, GiveReason
from tillbook.exporters import report_files
from tillbook.ledger.models import Transfer

KINDS = ("liability", "roll-forward", "balances")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def text_of(answer) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def link(answer, ending: str) -> str:
    found = re.search(rf'href="([^"]+file\.{ending}\?[^"]+)"', answer.content.decode())
    assert found is not None
    return unescape(found[1])


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.mark.usefixtures("at_noon")
def test_the_liability_is_shown_at_once_as_of_today(as_admin: Client, deposit: Credit, goodwill: Credit):
    page = text_of(as_admin.get("/reports/liability/"))
    assert "Owed £150.00 Held £0.00 Available £150.00" in page
    assert "Manual: Goodwill 1 £30.00 £0.00 £30.00" in page
    assert "Pays orders only 1 £30.00" in page
    assert "End of 4 March 2026 (Europe/London)" in page
    assert "Derived from 2 transfers." in page


@pytest.mark.usefixtures("at_noon")
def test_the_roll_forward_is_of_this_month_and_a_link_leads_to_the_last(as_admin: Client, deposit: Credit):
    answer = as_admin.get("/reports/roll-forward/")
    page = text_of(answer)
    assert "1 March 2026 to end of 4 March 2026" in page
    assert "Opening £0.00" in page
    assert "Issued by hand: Deposit or money received without an order 1 £120.00" in page
    assert 'href="/reports/roll-forward/?from_at=2026-02-01&amp;as_of=2026-02-28"' in answer.content.decode()


@pytest.mark.usefixtures("at_noon")
def test_balances_lead_to_their_customers(as_admin: Client, deposit: Credit):
    answer = as_admin.get("/reports/balances/")
    assert '<a href="/customers/maria/">maria</a>' in answer.content.decode()
    assert "maria Maria Holt £120.00 £0.00 £120.00" in text_of(answer)
    assert "Total 1 customer £120.00" in text_of(answer)


@pytest.mark.usefixtures("at_noon")
def test_a_day_in_the_shops_zone_ends_at_its_midnight(as_admin: Client, maria, admin_actor: Actor, settings):
    credit.give(
        customer_id=maria.pk, amount=Money(500, "GBP"), reason=GiveReason.GOODWILL, refundable=False,
        expires_at=None, key="late", actor=admin_actor, now=datetime(2025, 7, 1, 23, 30, tzinfo=UTC),
    )  # fmt: skip
    # Half past eleven in UTC was already 2 July in London.
    assert "Nothing had happened by then" in text_of(as_admin.get("/reports/liability/?as_of=2025-07-01"))
    assert "Owed £5.00" in text_of(as_admin.get("/reports/liability/?as_of=2025-07-02"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["xlsx", "pdf", "csv"])
def test_a_download_is_what_the_page_shows_whenever_it_comes(
    as_admin: Client, deposit: Credit, admin_actor: Actor, kind: str, ending: str
):
    with time_machine.travel(NOON, tick=False):
        address = link(as_admin.get(f"/reports/{kind}/?currency=GBP"), ending)
        first = as_admin.get(address)
    credit.give(
        customer_id=deposit.customer_id, amount=Money(700, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="later", actor=admin_actor, now=NOON + timedelta(minutes=5),
    )  # fmt: skip
    with time_machine.travel(NOON + timedelta(days=40), tick=False):
        content = b"".join(as_admin.get(address).streaming_content)
    assert b"".join(first.streaming_content) == content
    type_of = {
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pdf": "application/pdf", "csv": "text/csv; charset=utf-8",
    }  # fmt: skip
    assert first["Content-Type"] == type_of[ending]
    period = "2026-03-01-2026-03-04" if kind == "roll-forward" else "2026-03-04"
    assert first["Content-Disposition"] == f'attachment; filename="{kind}-{period}-GBP.{ending}"'
    assert "no-store" in first["Cache-Control"]
    if ending == "pdf":
        assert "£120.00" in PdfReader(BytesIO(content)).pages[0].extract_text()
    if ending == "xlsx":
        rows = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_name("GBP").to_python()
        assert any(120 in row for row in rows)


@pytest.mark.usefixtures("at_noon")
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("as_of=nonsense", "Enter a date as year-month-day, like 2026-12-31."),
        ("as_of=", "Choose a day."),
        ("as_of=2026-03-05", "As of can't lie in the future."),
        ("as_of=9999-12-31", "As of can't lie in the future."),
        ("as_of=0001-01-01", "As of can't lie before 1900."),
        ("view=both", "Select a valid choice."),
        ("currency=XYZ", "Select a valid choice."),
        ("recorded_by=soon", "Recorded until: write a date like 2026-10-31"),
        ("recorded_by=2999-01-01", "Recorded until can't lie in the future."),
        (f"recorded_by={'9' * 60}", "Ensure this value has at most 40 characters"),
    ],
)
def test_what_makes_no_sense_shows_its_error_at_the_field(
    as_admin: Client, deposit: Credit, asked: str, message: str
):
    answer = as_admin.get(f"/reports/liability/?{asked}")
    assert answer.status_code == 422
    assert message in text_of(answer)
    assert 'class="field wrong"' in answer.content.decode()
    assert "£120.00" not in text_of(answer)
    back = as_admin.get(f"/reports/liability/file.pdf?{asked}")
    assert (back.status_code, back.url.partition("?")[0]) == (302, "/reports/liability/")


@pytest.mark.usefixtures("at_noon")
def test_a_period_begins_before_it_ends(as_admin: Client, deposit: Credit):
    answer = as_admin.get("/reports/roll-forward/?from_at=2026-03-04&as_of=2026-03-03")
    assert answer.status_code == 422
    assert "a period must begin before it ends" in text_of(answer)


@pytest.mark.usefixtures("at_noon")
def test_a_file_that_would_be_too_long_leads_back_with_the_reason(
    as_admin: Client, deposit: Credit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(report_files, "_LONGEST_PDF", 1)
    answer = as_admin.get("/reports/balances/file.pdf", follow=True)
    assert "A PDF has at most 1 rows. Ask for XLSX or CSV" in text_of(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_staff_are_refused_and_see_no_link(as_staff: Client, as_admin: Client, deposit: Credit, kind: str):
    for path in (f"/reports/{kind}/", f"/reports/{kind}/file.xlsx", f"/reports/{kind}/?as_of=nonsense"):
        answer = as_staff.get(path)
        assert answer.status_code == 403
        assert "may not see what the shop owes" in text_of(answer)
        assert "£120.00" not in text_of(answer)
    assert "/reports/" not in as_staff.get("/customers/").content.decode()
    assert f"/reports/{kind}/" in as_admin.get("/customers/").content.decode()


def test_only_the_reports_and_files_that_there_are_are_there(as_admin: Client):
    for path in ("/reports/profit/", "/reports/liability/file.exe", "/reports/profit/file.pdf"):
        assert as_admin.get(path).status_code == 404
    assert as_admin.get("/reports/").url == "/reports/liability/"
    before = Transfer.objects.count()
    assert as_admin.post("/reports/liability/").status_code == 405
    assert Transfer.objects.count() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("at_noon")
def test_of_a_damaged_book_there_is_no_report(as_admin: Client, deposit: Credit, kind: str):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM credit_credit")
    answer = as_admin.get(f"/reports/{kind}/")
    assert answer.status_code == 422
    assert "The book has transfers that belong to no credit (1). Run `tillbook verify`." in text_of(answer)
    back = as_admin.get(f"/reports/{kind}/file.xlsx")
    assert (back.status_code, back.url) == (302, f"/reports/{kind}/")
