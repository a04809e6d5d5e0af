"""A report over a large book: asked for, waited for, and there without another click."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from playwright.sync_api import expect

from tests.beside import process_of
from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.test_accessibility import violations
from tests.browser.windows import Windows
from tillbook.common import beside
from tillbook.panel import report_work

_MADE = 180_000  # milliseconds: by a process that gives way to all others

pytestmark = pytest.mark.usefixtures("large", "beside_the_server")


@pytest.fixture
def large(own_database: None, settings: LazySettings) -> None:
    settings.TILLBOOK_REPORTS_AT_ONCE = 0


def test_it_shows_by_itself_once_it_is_made(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    page = windows.open("admin", "/reports/liability/")
    expect(page.get_by_text("This report has not been made yet")).to_be_visible()
    page.get_by_role("button", name="Make report").click()
    expect(page.get_by_role("heading", name="By source")).to_be_visible(timeout=_MADE)
    expect(pages.part(page, "By source, GBP").get_by_text("£120.00").first).to_be_visible()
    expect(page.get_by_role("link", name="Download as XLSX")).to_be_visible()
    page.get_by_role("link", name="Balances").click()
    expect(page.get_by_text("This report has not been made yet")).to_be_visible()


@pytest.mark.alike
def test_each_of_its_states_is_for_everyone(windows: Windows, shop: Shop, monkeypatch: pytest.MonkeyPatch):
    shop.deposit(12_000)
    page = windows.open("admin", "/reports/liability/")
    found = violations(page)
    with monkeypatch.context() as patch:
        patch.setattr(beside, "_RUN", "import sys; sys.stdin.read()")  # one that goes on
        page.get_by_role("button", name="Make report").click()
        expect(page.get_by_text("The report is being made")).to_be_visible()
        found += violations(page)
    process_of(report_work._place).kill()
    expect(page.get_by_role("heading", name="By source")).to_be_visible(
        timeout=_MADE
    )  # the next look starts another one
    found += violations(page)
    assert not found, "\n".join(found)
