"""Reports as files: the same words and figures in each, and the same bytes whenever it is printed."""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.utils.translation import override
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from tests.orders.till import Till, gbp, line
from tests.paper_structure import headings, says_it_is_accessible
from tillbook.common.actor import Actor
from tillbook.credit import services as credit
from tillbook.credit.basis import Basis, basis_at, day_end, day_start
from tillbook.credit.models import GiveReason
from tillbook.customers import services as customers
from tillbook.exporters import report_files, reports
from tillbook.exporters.report_files import MEDIA_TYPES, ReportTooLong
from tillbook.exporters.reports import Document
from tillbook.shop.policies import shop

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
KINDS = ("liability", "roll-forward", "balances")


def basis(now: datetime, view: str = "effective") -> Basis:
    """As of the end of that day, printed two days later."""
    printed = now + 2 * DAY
    return basis_at(day_end(now.date()), view=view, recorded_by=None, now=printed)


def made(kind: str, basis: Basis, currency: str | None = None) -> Document:
    asked: dict[str, Any] = {"currency": currency, "actor": Actor.system("test")}
    if kind == "roll-forward":
        return reports.roll_forward(day_start(date(2026, 3, 1)), basis, **asked)
    return {"liability": reports.liability, "balances": reports.balances}[kind](basis, **asked)


def written(document: Document, ending: str) -> bytes:
    file = BytesIO()
    report_files.write(document, ending, file)
    return file.getvalue()


def rows(document: Document, title: str) -> list[tuple[Any, ...]]:
    return [row.cells for section in document.sections if section.title == title for row in section.rows]


@pytest.mark.usefixtures("till", "yen")
def test_the_liability_says_it_by_source_age_expiry_and_use(now: datetime) -> None:
    found = [(each.currency, each.title) for each in made("liability", basis(now)).sections]
    titles = ["By source", "By age", "By expiry", "By use"]
    assert found == [(currency, title) for currency in ("GBP", "JPY") for title in titles]
    pounds = made("liability", basis(now), "GBP")
    assert rows(pounds, "By source") == [("Order: Overpayment", 1, 250, 0, 250), ("Total", 1, 250, 0, 250)]
    assert rows(pounds, "By use") == [
        ("May be paid out", 1, 250, 0, 250), ("Pays orders only", 0, 0, 0, 0), ("Total", 1, 250, 0, 250),
    ]  # fmt: skip
    yen = rows(made("liability", basis(now), "JPY"), "By expiry")
    assert [row[2] for row in yen] == [0, 10**15, 0, 0, 0, 0, 10**15]


@pytest.mark.usefixtures("till")
def test_the_roll_forward_has_a_row_for_each_way(now: datetime) -> None:
    assert rows(made("roll-forward", basis(now)), "Credit owed") == [
        ("Opening", None, 0),
        ("Issued: order overpayments", 1, 400),
        ("Issued: returns", 0, 0),
        ("Issued by hand", 0, 0),
        ("Given back from orders", 0, 0),
        ("Spent on orders", 1, -150),
        ("Paid out", 0, 0),
        ("Refunds not received", 0, 0),
        ("Expired", 0, 0),
        ("Reversed", 0, 0),
        ("Closing", None, 250),
        ("Memo: of the opening held", None, 0),
        ("Memo: of the closing held", None, 0),
    ]


@pytest.mark.usefixtures("till")
def test_a_customer_with_nothing_left_is_not_in_the_balances_but_counts(now: datetime, till: Till) -> None:
    customers.add(username="ann", actor=till.staff, now=now)
    till.now = now + timedelta(hours=1)
    till.spend(till.place(line(500)), 250)
    document = made("balances", basis(now))
    assert rows(document, "Customers") == [("Total", "0 customers", 0, 0, 0)]
    assert document.derivation == "Derived from 3 transfers."


@pytest.mark.usefixtures("till", "yen")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", ["effective", "recorded"])
@pytest.mark.parametrize("ending", MEDIA_TYPES)
def test_it_is_the_same_to_the_byte_whatever_was_written_since(
    now: datetime, till: Till, kind: str, view: str, ending: str
) -> None:
    first = written(made(kind, basis(now, view)), ending)
    till.now = now + 5 * DAY
    till.pay(till.place(line(1000)), 9000, received_at=now)  # late: it counts on the report's day
    customers.update_details(
        till.customer.pk, kind="customer", first_name="Other", last_name="", company="", email="", phone="",
        postal_address="", country="", actor=till.staff, now=till.now,
    )  # fmt: skip
    credit.expire_due(actor=Actor.system("test"), now=till.now)
    assert written(made(kind, basis(now, view)), ending) == first
    later = basis_at(day_end(now.date()), view="effective", recorded_by=None, now=now + 6 * DAY)
    assert written(made(kind, later), ending) != first


@pytest.mark.usefixtures("till", "yen")
@pytest.mark.parametrize("kind", KINDS)
def test_a_pdf_is_read_aloud_by_its_headings(now: datetime, kind: str) -> None:
    document = made(kind, basis(now))
    pdf = written(document, "pdf")
    assert says_it_is_accessible(pdf)
    first, second, third, *_ = headings(pdf)
    assert (first, second, third) == ("H1", "H2", "H3")


@pytest.mark.usefixtures("till", "yen")
@pytest.mark.parametrize("ending", ["xlsx", "pdf"])
def test_no_file_knows_when_it_was_made(now: datetime, ending: str) -> None:
    first = written(made("liability", basis(now)), ending)
    time.sleep(2.1)  # files that tell the time tell it in seconds, a ZIP's in two of them
    assert written(made("liability", basis(now)), ending) == first


@pytest.mark.usefixtures("till", "yen")
def test_a_pdf_names_the_shop_the_moment_the_view_and_what_it_is_derived_from(now: datetime) -> None:
    reader = PdfReader(BytesIO(written(made("liability", basis(now)), "pdf")))
    page = "\n".join(each.extract_text() for each in reader.pages)
    expected = [
        shop().name, "Liability", "End of 2 March 2026 (Europe/London)", "As it happened",
        "2026-03-04T10:30:00+00:00", "GBP", "JPY", "Order: Overpayment", "£2.50", "JP¥1,000,000,000,000,000",
        "Derived from 3 transfers.", "Page 1 of 2", "Page 2 of 2",
    ]  # fmt: skip
    assert [words for words in expected if words not in page] == []
    assert reader.metadata is not None
    assert reader.metadata.creation_date == datetime(2026, 3, 4, 10, 30, tzinfo=UTC)


@pytest.mark.usefixtures("till", "yen")
def test_a_pdf_is_in_one_language(now: datetime) -> None:
    with override("de"):
        reader = PdfReader(BytesIO(written(made("balances", basis(now)), "pdf")))
    page = " ".join(each.extract_text() for each in reader.pages)
    assert "Aus gespeicherten Salden wurde nichts übernommen." in page
    assert "Nothing" not in page


@pytest.mark.usefixtures("till", "yen")
@pytest.mark.parametrize("kind", KINDS)
def test_every_report_is_a_pdf_and_text_is_never_markup(now: datetime, kind: str) -> None:
    pages = PdfReader(BytesIO(written(made(kind, basis(now)), "pdf"))).pages
    text = pages[0].extract_text()
    assert ("=1+1 Müller" in text) == (kind == "balances")


def test_the_longest_names_still_make_a_balance_sheet(now: datetime, till: Till) -> None:
    customers.update_details(
        till.customer.pk, kind="customer", first_name="W" * 100, last_name='*b* #panic("x") $x$ 山田', company="",
        email="", phone="", postal_address="", country="", actor=till.staff, now=now + timedelta(minutes=1),
    )  # fmt: skip
    [page] = PdfReader(BytesIO(written(made("balances", basis(now)), "pdf"))).pages
    text = "".join(page.extract_text().split())
    assert "W" * 100 in text
    assert '*b*#panic("x")$x$' in text
    assert "Some characters could not be printed." in page.extract_text()
    [page] = PdfReader(BytesIO(written(made("liability", basis(now)), "pdf"))).pages
    assert "could not be printed" not in page.extract_text()


@pytest.mark.usefixtures("till", "yen")
def test_a_workbook_has_a_sheet_for_each_currency_with_amounts_as_numbers(now: datetime) -> None:
    book = CalamineWorkbook.from_filelike(BytesIO(written(made("balances", basis(now)), "xlsx")))
    assert book.sheet_names == ["GBP", "JPY"]
    pounds = book.get_sheet_by_name("GBP").to_python()
    assert pounds[0][0] == f"{shop().name}: Balances"
    assert pounds[1][0] == "As of: End of 2 March 2026 (Europe/London)"
    assert pounds[-2:] == [["jo", "=1+1 Müller", 2.5, 0, 2.5], ["Total", "1 customer", 2.5, 0, 2.5]]
    yen = book.get_sheet_by_name("JPY").to_python()
    # More digits than a spreadsheet's numbers have: as text, exact.
    assert yen[-4] == ["jo", "=1+1 Müller", "1000000000000000", 0, "1000000000000000"]
    assert yen[-1][0] == "Derived from 3 transfers."


@pytest.mark.usefixtures("till")
def test_a_csv_is_one_table_whose_cells_no_spreadsheet_runs(now: datetime) -> None:
    content = written(made("balances", basis(now)), "csv")
    assert content.startswith("\N{BYTE ORDER MARK}".encode())
    table = list(csv.reader(StringIO(content.decode("utf-8-sig"))))
    assert table == [
        ["currency", "section", "username", "name", "posted", "held", "available"],
        ["GBP", "Customers", "jo", "'=1+1 Müller", "2.50", "0.00", "2.50"],
        ["GBP", "Customers", "Total", "1 customer", "2.50", "0.00", "2.50"],
    ]
    rolled = written(made("roll-forward", basis(now)), "csv").decode("utf-8-sig")
    assert '"GBP","Credit owed","Spent on orders","1","-1.50"' in rolled


@pytest.mark.usefixtures("till")
def test_a_json_says_amounts_with_their_currency(now: datetime) -> None:
    found = json.loads(written(made("roll-forward", basis(now)), "json"))
    [section] = found.pop("sections")
    assert found == {
        "report": "roll-forward", "from": "2026-03-01T00:00:00+00:00", "as_of": "2026-03-03T00:00:00+00:00",
        "view": "effective", "recorded_by": "2026-03-04T10:30:00+00:00", "transfers": 2,
    }  # fmt: skip
    assert section["rows"][5] == {
        "line": "Spent on orders", "transfers": 1, "amount": {"amount": "-1.50", "currency": "GBP"},
        "total": False,
    }  # fmt: skip
    assert section["rows"][0]["transfers"] is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", MEDIA_TYPES)
def test_an_empty_book_makes_a_file_too(now: datetime, kind: str, ending: str) -> None:
    content = written(made(kind, basis(now)), ending)
    if ending == "json":
        assert json.loads(content)["sections"] == []
    if ending == "pdf":
        assert "Nothing had happened by then." in PdfReader(BytesIO(content)).pages[0].extract_text()
    if ending == "xlsx":
        [sheet] = CalamineWorkbook.from_filelike(BytesIO(content)).sheet_names
        assert sheet == "Report"


def test_what_is_too_long_for_a_file_is_refused_with_the_way_out(
    now: datetime, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = customers.add(username="ann", currency="GBP", actor=till.staff, now=now)
    credit.give(
        customer_id=ann.pk, amount=gbp(1), reason=GiveReason.GOODWILL, refundable=False, expires_at=None,
        **till.by,
    )  # fmt: skip
    monkeypatch.setattr(report_files, "_LONGEST_PDF", 2)
    with pytest.raises(ReportTooLong, match="at most 2 rows. Ask for XLSX or CSV"):
        written(made("balances", basis(now)), "pdf")
    monkeypatch.setattr(report_files, "_LONGEST_SHEET", 9)
    with pytest.raises(ReportTooLong, match="more than 9 rows. Ask for CSV"):
        written(made("balances", basis(now)), "xlsx")
    assert written(made("balances", basis(now)), "csv").count(b"\n") == 4


@pytest.mark.usefixtures("till")
def test_a_files_name_says_what_is_in_it(now: datetime) -> None:
    assert made("liability", basis(now)).name == "liability-2026-03-02"
    assert made("liability", basis(now, "recorded"), "GBP").name == "liability-2026-03-02-recorded-GBP"
    assert made("roll-forward", basis(now)).name == "roll-forward-2026-03-01-2026-03-02"
