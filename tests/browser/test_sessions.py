"""Logging in and out, and what becomes of a click after the session has ended."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows

pytestmark = pytest.mark.alike


def test_a_wrong_password_lets_nobody_in_and_the_right_one_leads_where_one_was_going(
    windows: Windows, shop: Shop
):
    page = windows.open()
    page.goto("/refunds/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill("wrong")
    pages.click(page, "Log in")
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    expect(page.get_by_label("Username")).to_have_value("staff")
    pages.log_in(page, "staff")
    expect(pages.heading(page)).to_have_text("Refunds")


def test_log_out_ends_the_session_in_every_tab(windows: Windows, shop: Shop):
    page = windows.open("staff")
    other = page.context.new_page()
    other.goto("/")
    pages.click(other, "Log out")
    expect(pages.heading(other)).to_have_text("Log in")
    pages.go_to(page, "Refunds")
    expect(pages.heading(page)).to_have_text("Log in")


def test_a_click_after_the_session_ended_does_nothing_and_leads_back_to_the_panel(
    windows: Windows, shop: Shop
):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    page = windows.open("admin", f"/refunds/{refund.number}/")
    page.context.clear_cookies(name="sessionid")
    pages.click(page, "Mark as Paid and Complete")
    pages.log_in(page, "admin")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    assert shop.refunds() == [(refund.number, "requested", 4_550)]
    assert shop.figures == (7_450, 4_550, 0)
