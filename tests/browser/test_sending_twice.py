"""A form sent twice does its work once: by a double click, from two tabs, after going back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tillbook.credit.models import Credit

_REFUND = re.compile(r"/refunds/RF-\d+/$")


def form_of(credit: Credit) -> str:
    """The address of the Pay Refund form of that credit."""
    return f"/customers/jo/pay-refund/?credit={credit.number}"


def fill(page: Page, amount: str) -> None:
    page.get_by_label("Refund method").select_option("Cash")
    page.get_by_label("Refund amount").fill(amount)


def two_tabs(windows: Windows, credit: Credit) -> tuple[Page, Page]:
    """The form of that credit in two tabs of one browser."""
    first = windows.open("staff", form_of(credit))
    second = first.context.new_page()
    second.goto(form_of(credit))
    return first, second


def send(page: Page) -> None:
    pages.click(page, "Process Refund")


def send_together(*tabs: Page) -> None:
    """Click in every tab before any of them has its answer."""
    for tab in tabs:
        button = tab.get_by_role("button", name="Process Refund")
        button.evaluate("(button) => { setTimeout(() => button.click()); }")


def make_same(page: Page, of: Page) -> None:
    """Give a form the key of another, as when a browser duplicates a tab."""
    key = of.locator("input[name=key]").input_value()
    page.locator("input[name=key]").evaluate("(field, key) => { field.value = key; }", key)


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_double_click_on_process_refund_makes_one_refund(windows: Windows, shop: Shop, java_script: bool):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", form_of(deposit), java_script=java_script)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    fill(page, "45.50")
    page.get_by_role("button", name="Process Refund").dblclick()
    expect(page).to_have_url(_REFUND)
    assert len(sent) == 1 or not java_script  # the page's script spares the second request
    [(_, state, minor)] = shop.refunds()
    assert (state, minor) == ("requested", 4_550)
    assert shop.figures == (7_450, 4_550, 0)


@pytest.mark.alike
def test_the_button_that_was_clicked_rests_until_there_is_an_answer(windows: Windows, shop: Shop):
    page = windows.open("staff", form_of(shop.deposit(12_000)))
    page.evaluate("""() => window.addEventListener("submit", (event) => {
        window.sent = (window.sent ?? 0) + !event.defaultPrevented;
        event.preventDefault();
    })""")
    fill(page, "45.50")
    button = page.get_by_role("button", name="Process Refund")
    button.click()
    expect(button).to_have_attribute("aria-disabled", "true")
    button.evaluate("(button) => button.click()")
    assert page.evaluate("window.sent") == 1


def test_the_same_form_sent_from_two_tabs_at_once_makes_one_refund(windows: Windows, shop: Shop):
    first, second = two_tabs(windows, shop.deposit(12_000))
    make_same(second, first)
    for tab in (first, second):
        fill(tab, "45.50")
    send_together(first, second)
    expect(first).to_have_url(_REFUND)
    expect(second).to_have_url(first.url)
    [(_, state, minor)] = shop.refunds()
    assert (state, minor) == ("requested", 4_550)
    assert shop.figures == (7_450, 4_550, 0)


@pytest.mark.alike
def test_the_same_form_with_another_amount_is_refused_in_words_for_staff(windows: Windows, shop: Shop):
    first, second = two_tabs(windows, shop.deposit(12_000))
    make_same(second, first)
    fill(first, "45.50")
    fill(second, "5.00")
    send(first)
    expect(first).to_have_url(_REFUND)
    with windows.provoking(second, 422):
        send(second)
    expect(second.get_by_label("Refund amount")).to_have_value("5.00")
    assert [minor for _, _, minor in shop.refunds()] == [4_550]
    assert shop.figures == (7_450, 4_550, 0)
    expect(second.get_by_role("alert")).to_be_visible()
    expect(second.get_by_role("alert")).not_to_contain_text("idempotency key")


def test_two_forms_that_together_ask_for_too_much_make_one_refund(windows: Windows, shop: Shop):
    first, second = two_tabs(windows, shop.deposit(12_000))
    for tab in (first, second):
        fill(tab, "100.00")
    send(first)
    expect(first).to_have_url(_REFUND)
    with windows.provoking(second, 422):
        send(second)
    amount = second.get_by_label("Refund amount")
    expect(amount).to_have_accessible_description("Only 20.00 GBP is available.")
    expect(amount).to_have_value("100.00")
    assert [minor for _, _, minor in shop.refunds()] == [10_000]
    assert shop.figures == (2_000, 10_000, 0)


@pytest.mark.alike
def test_going_back_shows_the_form_as_things_stand_now_and_sends_nothing(windows: Windows, shop: Shop):
    page = windows.open("staff", form_of(shop.deposit(12_000)))
    fill(page, "45.50")
    send(page)
    expect(page).to_have_url(_REFUND)
    page.go_back()
    expect(page.get_by_label("Refund amount")).to_have_value("74.50")
    expect(page.get_by_text("at most £74.50 is available")).to_be_visible()
    assert [minor for _, _, minor in shop.refunds()] == [4_550]
    assert shop.figures == (7_450, 4_550, 0)


def test_a_selection_of_the_queue_completed_by_a_double_click_is_completed_once(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    refund = shop.ask(4_550)
    page = windows.open("admin", "/refunds/")
    page.get_by_label(f"Select {refund.number}", exact=True).check()
    page.get_by_role("button", name="Mark as Paid and Complete").dblclick()
    expect(pages.heading(page)).to_have_text("1 of 1 marked as paid and complete")
    assert shop.refunds() == [(refund.number, "completed", 4_550)]
    assert shop.left_of(deposit) == (7_450, 0)
