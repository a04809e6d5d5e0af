"""How many clicks the daily tasks take somebody who does them for the first time."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.orders.till import line

pytestmark = pytest.mark.alike

# Every click of the mouse, and Enter, which spares one; kept from page to page.
_COUNT = """
  const count = () => sessionStorage.setItem("clicks", 1 + Number(sessionStorage.getItem("clicks")));
  addEventListener("click", (event) => event.isTrusted && event.detail && count(), true);
  addEventListener("keydown", (event) => event.key === "Enter" && count(), true);
"""


def counted(page: Page) -> Page:
    page.add_init_script(_COUNT)
    page.reload()
    page.evaluate("sessionStorage.clear()")
    return page


def clicks(page: Page) -> int:
    return int(page.evaluate("sessionStorage.getItem('clicks')") or 0)


def test_a_refund_is_paid_out_five_clicks_after_finding_the_customer(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = counted(windows.open("admin", "/customers/jo/"))
    pages.follow(pages.row(pages.part(page, "Credits"), deposit.number), "Pay Refund")
    pages.pay_refund(page, "120.00")  # all but its button is done with the keyboard
    page.get_by_role("button", name="Mark as Paid and Complete").click()
    expect(pages.heading(page)).to_contain_text("Completed")
    assert clicks(page) <= 5
    assert [refund[1:] for refund in shop.refunds()] == [("completed", 12_000)]


def test_ten_refunds_are_completed_with_four_clicks_from_home(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    for _ in range(10):
        shop.ask(1_000)
    page = counted(windows.open("admin"))
    pages.go_to(page, "Refunds")
    page.get_by_label("Select all").click()
    page.get_by_role("button", name="Mark as Paid and Complete").click()
    expect(pages.heading(page)).to_have_text("10 of 10 marked as paid and complete")
    assert clicks(page) <= 4
    assert {state for _, state, _ in shop.refunds()} == {"completed"}


def test_why_somebody_has_12_34_is_found_with_three_clicks_from_home(windows: Windows, shop: Shop):
    order = shop.place(line(2_000))
    shop.pay(order, 3_234)
    page = counted(windows.open("staff"))
    page.get_by_label("Find a customer or document").click()
    page.keyboard.type("jo marsh")
    page.get_by_role("search").get_by_role("link", name="Jo Marsh").click()
    expect(pages.row(page, "£12.34").first).to_contain_text(order.number)
    assert clicks(page) <= 3
