"""Tab and Enter are enough for the daily work, and it is always visible where one is.

A form that comes back refused is gone on with where it is put right.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.conftest import PASSWORD
from tests.orders.till import line

pytestmark = pytest.mark.alike

_FURTHEST = 60  # stops between two things on one page
# On the little calendar of a date field Chromium draws the focus itself, around that alone.
_SHOWN = """() => {
  const at = document.activeElement;
  if (at === document.body || (at.type === "date" && !at.matches(":focus"))) return true;
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const { top, bottom, left, right } = at.getBoundingClientRect();
  const onScreen = bottom > 0 && right > 0 && top < innerHeight && left < innerWidth && right > left;
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && onScreen;
}"""


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until `target` has the focus; every stop on the way must show that it has it."""
    expect(target).to_be_visible()
    page.wait_for_load_state()  # a page is there before its style sheet is, and shows no focus then
    for _ in range(_FURTHEST):
        page.keyboard.press("Tab")
        assert page.evaluate(_SHOWN), page.evaluate("document.activeElement.outerHTML")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"{target} is not reached with Tab")


def use(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")


def write(page: Page, label: str, text: str) -> None:
    tab_to(page, page.get_by_label(label))
    page.keyboard.type(text)


def log_in(page: Page, username: str) -> None:
    write(page, "Username", username)
    write(page, "Password", PASSWORD)
    page.keyboard.press("Enter")


def test_staff_log_in_and_pay_a_refund_with_the_keyboard_alone(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open()
    log_in(page, "staff")
    use(page, page.get_by_role("link", name="View customers & prospects"))
    use(page, page.get_by_role("link", name="jo", exact=True))
    use(page, pages.row(page, deposit.number).get_by_role("link", name="Pay Refund"))
    write(page, "Bank account", "20-00-00 55779911")
    use(page, page.get_by_role("button", name="Process Refund"))
    expect(page.get_by_text("The shop must still pay £120.00 to Jo Marsh (Bank transfer).")).to_be_visible()
    assert [refund[1:] for refund in shop.refunds()] == [("requested", 12_000)]
    assert shop.figures == (0, 12_000, 0)


def test_an_admin_logs_in_and_completes_a_refund_with_the_keyboard_alone(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    refund = shop.ask(4_550)
    page = windows.open()
    log_in(page, "admin")
    use(page, page.get_by_role("navigation", name="Main").get_by_role("link", name="Refunds"))
    expect(pages.heading(page)).to_have_text("Refunds")  # the page before has the same link
    use(page, page.get_by_role("link", name=refund.number))
    use(page, page.get_by_role("button", name="Mark as Paid and Complete"))
    expect(pages.heading(page)).to_have_text(f"Refund {refund.number} Completed")
    assert shop.refunds() == [(refund.number, "completed", 4_550)]
    assert shop.figures == (7_450, 0, 0)


def test_the_first_stop_of_a_page_skips_its_navigation(windows: Windows, shop: Shop):
    page = windows.open("staff", "/customers/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Add customer")).to_be_focused()


def test_on_a_phone_every_stop_is_on_the_screen_too(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    page = windows.open("staff")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/customers/jo/")
    use(page, pages.part(page, "Account").locator("summary"))
    use(page, page.get_by_role("button", name="Save"))
    expect(pages.notice(page)).to_have_text("The account is saved.")


def test_a_refused_form_is_gone_on_with_at_its_first_wrong_field(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", f"/customers/jo/pay-refund/?credit={deposit.number}")
    expect(page.locator("body")).to_be_focused()
    page.get_by_label("Refund method").select_option("Cash")
    amount, day = page.get_by_label("Refund amount"), page.get_by_label("Payment date")
    amount.fill("")
    day.fill("")
    with windows.provoking(page, 422):
        pages.click(page, "Process Refund")
    expect(page.locator("main [aria-invalid=true]")).to_have_count(2)
    expect(amount).to_be_focused()
    page.keyboard.type("45.50")
    day.fill(pages.in_days(1))
    pages.click(page, "Process Refund")
    expect(page.get_by_text("The shop must still pay £45.50 to Jo Marsh (Cash).")).to_be_visible()
    expect(page.locator("body")).to_be_focused()


def test_a_wrong_field_that_is_not_shown_is_passed_over(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", f"/customers/jo/pay-refund/?credit={deposit.number}")
    page.get_by_label("Refund method").select_option("Cash")
    page.get_by_label("Payment date").fill("")
    page.locator("[name=paypal_email]").evaluate(
        "field => { field.removeAttribute('maxlength'); field.value = 'w'.repeat(300); }"
    )
    with windows.provoking(page, 422):
        pages.click(page, "Process Refund")
    expect(page.locator("[name=paypal_email]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("[name=paypal_email]")).to_be_hidden()
    expect(page.get_by_label("Payment date")).to_be_focused()


def test_where_no_single_field_is_wrong_the_notice_above_them_is_gone_to(windows: Windows, shop: Shop):
    order = shop.place(line(2_000))
    page = windows.open("staff", f"/orders/{order.number}/rma/")
    page.get_by_label("Reason").select_option("Changed mind")
    with windows.provoking(page, 422):
        pages.click(page, "Open RMA")
    expect(page.get_by_role("main").get_by_role("alert")).to_be_focused()
    expect(page.locator("main [aria-invalid=true]")).to_have_count(0)
