"""One box on every page finds people and documents, while one types and with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows

pytestmark = pytest.mark.alike


def test_a_customer_is_three_keys_away(windows: Windows, shop: Shop):
    page = windows.open("staff")
    page.goto("/refunds/")
    page.keyboard.press("/")
    page.keyboard.type("mars")
    expect(page.get_by_role("link", name="Jo Marsh")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(pages.heading(page)).to_contain_text("Jo Marsh")


def test_a_late_answer_leaves_the_links_to_whoever_walks_through_them(windows: Windows, shop: Shop):
    page = windows.open("staff")
    box = page.get_by_label("Find a customer or document")
    hit = page.get_by_role("search").get_by_role("link", name="Jo Marsh")
    box.press_sequentially("mar")
    expect(hit).to_be_visible()
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    page.route("**/find/?q=mars", keep)
    with page.expect_request("**/find/?q=mars"):
        box.press("s")
    page.keyboard.press("ArrowDown")
    expect(hit).to_be_focused()
    with page.expect_response("**/find/?q=mars"):
        late[0].continue_()
    page.wait_for_timeout(300)  # for the page to take the answer, if it would
    expect(hit).to_be_focused()
    page.keyboard.press("Escape")
    expect(hit).to_be_hidden()
    expect(box).to_be_focused()


def test_enter_opens_the_document_of_that_number(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    page = windows.open("admin")
    page.get_by_label("Find a customer or document").fill(refund.number)
    page.keyboard.press("Enter")
    expect(pages.heading(page)).to_contain_text(f"Refund {refund.number}")


def test_escape_and_leaving_close_what_was_found(windows: Windows, shop: Shop):
    page = windows.open("staff")
    box = page.get_by_label("Find a customer or document")
    hit = page.get_by_role("search").get_by_role("link", name="Jo Marsh")
    box.press_sequentially("mars")
    expect(hit).to_be_visible()
    page.keyboard.press("Escape")
    expect(hit).to_be_hidden()
    box.press_sequentially("h")
    expect(hit).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(hit).to_be_hidden()


def test_without_an_answer_the_box_says_so(windows: Windows, shop: Shop):
    page = windows.open("staff")
    page.route("**/find/**", lambda route: route.fulfill(status=204))
    page.get_by_label("Find a customer or document").press_sequentially("mars")
    expect(page.get_by_text("No answer. Is there a connection?")).to_be_visible()
