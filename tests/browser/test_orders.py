"""View Orders, an order, and everything that money does on it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.orders.till import line
from tillbook.orders.models import Order

pytestmark = pytest.mark.alike


def sums(page: Page) -> list[str]:
    """Total, Received, Paid with credit and Owing of the order's page."""
    return pages.figures(page, "Total", "Received", "Paid with credit", "Owing")


def amount_of(page: Page) -> Locator:
    """The field for one amount from the credits in their own order."""
    return page.get_by_role("textbox", name="Amount", exact=True)


def test_the_paid_status_filter_shows_the_orders_of_that_status(windows: Windows, shop: Shop):
    orders = {
        status: shop.place(line(8_000), number=status.replace(" ", "-"))
        for status in ("Pending", "Part paid", "Fully paid", "Over paid")
    }
    shop.pay(orders["Part paid"], 3_000)
    shop.pay(orders["Fully paid"], 8_000)
    shop.pay(orders["Over paid"], 8_100)
    page = windows.open("staff")
    pages.go_to(page, "View Orders")
    for status, order in orders.items():
        page.get_by_label("Paid status").select_option(status)
        pages.click(page, "Show")
        expect(page.locator("tbody").get_by_role("row")).to_have_count(1)
        shown = "Over paid £1.00 too much" if status == "Over paid" else status
        assert pages.cells(page, order.number)[3:5] == [shown, "£80.00"]
    pages.follow(page, "Show all")
    expect(page.locator("tbody").get_by_role("row")).to_have_count(4)
    pages.follow(page, orders["Part paid"].number)
    expect(pages.heading(page)).to_have_text("Order Part-paid Part paid")
    assert sums(page) == ["£80.00", "£30.00", "£0.00", "£50.00"]


def test_receipt_payment_that_overpays_makes_a_credit_at_once(windows: Windows, shop: Shop):
    order = shop.place(line(8_000))
    page = windows.open("staff", f"/orders/{order.number}/")
    pages.follow(page, "Receipt payment")
    expect(page.get_by_label("Amount received")).to_have_value("80.00")
    page.get_by_label("Amount received").fill("100.00")
    page.get_by_label("Payment method").select_option("Bank transfer")
    page.get_by_label("Reference").fill("Statement 14")
    pages.click(page, "Record payment")

    expect(pages.notice(page)).to_contain_text("Payment of 100.00 GBP recorded.")
    expect(pages.notice(page)).to_contain_text("20.00 GBP was more than the total and is now credit.")
    expect(pages.heading(page)).to_have_text(f"Order {order.number} Over paid")
    assert sums(page) == ["£80.00", "£100.00", "£0.00", "£0.00"]
    received, *others = pages.cells(page, "Statement 14")[:4]
    assert received.endswith("by staff")
    assert others == ["Bank transfer", "Statement 14", "£100.00"]
    assert shop.sums(order) == (10_000, 0, 2_000, 0)
    assert shop.credits == [(order.number, 2_000, 2_000)]
    assert shop.figures == (2_000, 0, 0)
    page.goto("/customers/jo/")
    assert pages.account(page) == ["£20.00", "£0.00", "£0.00"]
    expect(pages.part(page, "Credits").get_by_role("link", name=order.number)).to_be_visible()


def test_an_order_is_paid_with_the_credits_that_staff_choose_and_then_by_the_rule(
    windows: Windows, shop: Shop
):
    older, newer = shop.goodwill(3_000), shop.deposit(2_000)
    order = shop.place(line(8_000))
    page = windows.open("staff", f"/orders/{order.number}/")
    pages.follow(page, "Pay with available credit")
    expect(amount_of(page)).to_have_value("50.00")
    page.get_by_label("The amounts entered beside the credits").check()
    page.get_by_label(f"Amount from {newer.number}").fill("12.50")
    pages.click(page, "Pay with credit")
    expect(pages.notice(page)).to_have_text("12.50 GBP was paid with credit.")
    assert sums(page) == ["£80.00", "£0.00", "£12.50", "£67.50"]
    assert (shop.left_of(older), shop.left_of(newer)) == ((3_000, 0), (750, 0))

    pages.follow(page, "Pay with available credit")
    amount_of(page).fill("35.00")
    pages.click(page, "Pay with credit")
    expect(pages.notice(page)).to_have_text("35.00 GBP was paid with credit.")
    expect(pages.heading(page)).to_have_text(f"Order {order.number} Part paid")
    assert sums(page) == ["£80.00", "£0.00", "£47.50", "£32.50"]
    paid = pages.part(page, "Paid with credit")
    assert pages.cells(paid, older.number)[2] == "£30.00"
    assert pages.cells(paid, newer.number)[2] == "£17.50"
    assert (shop.left_of(older), shop.left_of(newer)) == ((0, 0), (250, 0))
    assert shop.figures == (250, 0, 3_250)


def test_more_credit_than_is_owing_is_refused_and_nothing_is_paid(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    order = shop.place(line(8_000))
    page = windows.open("staff", f"/orders/{order.number}/pay-with-credit/")
    amount_of(page).fill("80.01")
    with windows.provoking(page, 422):
        pages.click(page, "Pay with credit")
    amount = amount_of(page)
    expect(amount).to_have_accessible_description(
        f"Order {order.number} owes 80.00 GBP. Pay at most that with credit."
    )
    expect(amount).to_have_value("80.01")
    assert shop.sums(order) == (0, 0, 0, 8_000)
    assert shop.figures == (12_000, 0, 8_000)


def test_an_edit_below_what_was_paid_makes_the_excess_a_credit(windows: Windows, shop: Shop):
    order = shop.place(line(8_000), line(2_500, sku="TRAY"))
    shop.pay(order, 10_500)
    page = windows.open("staff", f"/orders/{order.number}/")
    pages.follow(page, "Edit")
    page.get_by_label("Line amount").first.fill("65.00")
    page.get_by_label("Remove line 2").check()
    pages.click(page, "Save order")
    expect(pages.notice(page)).to_contain_text("40.00 GBP was more than the total and is now credit.")
    assert sums(page) == ["£65.00", "£105.00", "£0.00", "£0.00"]
    assert shop.sums(order) == (10_500, 0, 4_000, 0)
    assert shop.credits == [(order.number, 4_000, 4_000)]
    assert shop.figures == (4_000, 0, 0)


def test_rma_or_credit_and_its_closing_issue_a_credit_and_an_adjustment_note(windows: Windows, shop: Shop):
    order = shop.place(line(8_000, quantity=4), shipping_minor=495)
    shop.pay(order, 8_495)
    page = windows.open("staff", f"/orders/{order.number}/")
    pages.follow(page, "RMA or Credit")
    pages.settled(page)
    page.get_by_label("Quantity of CUP").fill("1")
    expect(page.get_by_label("Credit for CUP")).to_have_attribute("placeholder", "20.00")
    page.get_by_label("Quantity of CUP").fill("")
    expect(page.get_by_label("Credit for CUP")).to_have_attribute("placeholder", "")
    page.get_by_label("Quantity of CUP").fill("1")
    expect(page.get_by_label("Credit for CUP")).to_have_attribute("placeholder", "20.00")
    page.get_by_label("Reason").select_option("Faulty or damaged")
    page.get_by_label("Shipping given back").fill("4.96")
    expect(page.get_by_text("At most 4.95 GBP of the shipping can still be given back.")).to_be_visible()
    page.get_by_label("Shipping given back").fill("4.95")
    page.get_by_label("Note to the customer").fill("Sorry about the handle.")
    preview = pages.part(page, "Preview of the adjustment note")
    expect(preview.get_by_role("row", name="Total credited £24.95")).to_be_visible()
    expect(preview).to_contain_text("Sorry about the handle.")
    expect(page.get_by_text("can still be given back")).to_have_count(0)
    pages.click(page, "Open RMA")
    expect(pages.notice(page)).to_contain_text("over 24.95 GBP is open and awaits its outcome.")
    expect(pages.heading(page)).to_contain_text("Awaiting outcome")
    number = page.url.rstrip("/").rpartition("/")[2]
    assert shop.figures == (0, 0, 0)

    pages.click(page, "Close RMA & Issue Credits")
    expect(pages.notice(page)).to_contain_text(f"{number} is closed. 24.95 GBP is credit now;")
    expect(pages.heading(page)).to_contain_text("Credit issued")
    note = number.replace("RMA", "AN")
    expect(pages.notice(page)).to_contain_text(f"adjustment note {note}")
    assert pages.fact(page, "Adjustment note") == note
    expect(page.get_by_role("button", name="Close RMA & Issue Credits")).to_have_count(0)
    assert shop.credits == [(number, 2_495, 2_495)]
    assert shop.figures == (2_495, 0, 0)
    pages.go_to(page, "RMAs")
    assert pages.cells(page, number)[5:] == ["Credit issued", "£24.95"]


def test_an_rma_is_opened_and_closed_with_its_credit_in_one_click(windows: Windows, shop: Shop):
    order = shop.place(line(8_000, quantity=4))
    shop.pay(order, 8_000)
    page = windows.open("staff", f"/orders/{order.number}/rma/")
    page.get_by_label("Quantity of CUP").fill("2")
    page.get_by_label("Reason").select_option("Changed mind")
    page.get_by_label("Open and close with credit at once").check()
    pages.click(page, "Open RMA")
    expect(pages.notice(page)).to_contain_text("is closed. 40.00 GBP is credit now; adjustment note AN-")
    expect(page.get_by_role("link", name="Adjustment note")).to_be_visible()
    assert shop.figures == (4_000, 0, 0)


def test_cancel_gives_credit_back_to_the_same_credit_and_makes_money_a_credit(windows: Windows, shop: Shop):
    deposit = shop.deposit(5_000)
    order = shop.place(line(8_000))
    shop.spend(order, 5_000)
    shop.pay(order, 1_000)
    page = windows.open("staff", f"/orders/{order.number}/")
    pages.follow(page, "Cancel")
    with windows.provoking(page, 422):
        pages.click(page, "Cancel order")
    assert shop.sums(order) == (1_000, 5_000, 0, 2_000)

    page.get_by_label("Reason").fill("Out of stock")
    pages.click(page, "Cancel order")
    expect(pages.notice(page)).to_have_text(
        f"Order {order.number} is cancelled. 10.00 GBP that was received is credit now. "
        "50.00 GBP went back to the credits that had paid it."
    )
    expect(pages.heading(page)).to_contain_text("Cancelled")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    assert shop.left_of(deposit) == (5_000, 0)
    assert shop.credits == [("", 5_000, 5_000), (order.number, 1_000, 1_000)]
    assert shop.figures == (6_000, 0, 0)
    page.goto("/customers/jo/")
    assert pages.account(page) == ["£60.00", "£0.00", "£0.00"]


def test_an_order_is_placed_by_hand_with_more_rows_than_the_page_begins_with(windows: Windows, shop: Shop):
    page = windows.open("staff", java_script=False)
    pages.go_to(page, "View Orders")
    pages.follow(page, "New order")
    page.get_by_label("Customer", exact=True).fill("Marsh")
    pages.click(page, "Continue")
    page.get_by_label("Order number").fill("WEB-77")
    for place in range(6):
        if place == 5:
            pages.click(page, "More rows")
        page.get_by_label("SKU").nth(place).fill(f"CUP-{place}")
        page.get_by_label("Quantity").nth(place).fill("2")
        page.get_by_label("Line amount").nth(place).fill("10.00")
    page.get_by_label("Shipping").fill("4.95")
    pages.click(page, "Place order")
    expect(pages.notice(page)).to_have_text("Order WEB-77 is placed.")
    assert sums(page) == ["£64.95", "£0.00", "£0.00", "£64.95"]
    assert Order.objects.get().lines.count() == 6
    assert shop.figures == (0, 0, 6_495)
