"""A customer's own page on a phone: from the link in the mail to the money asked for, without a script."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.test_accessibility import violations
from tests.browser.test_layout import too_wide
from tests.browser.windows import Windows
from tests.orders.till import line
from tillbook.credit.queries import balance_of
from tillbook.portal import views
from tillbook.refunds.models import Ask, Refund

PHONE = {"width": 390, "height": 844}


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """No test is throttled by what another one did."""
    views.limiter.cache_clear()


@pytest.fixture
def own(shop: Shop) -> Shop:
    """Jo with an overpaid order, a deposit of 120.00 and goodwill of 30.00; all methods are offered."""
    shop.own_pages("bank_transfer", "paypal", "cheque", "cash")
    shop.pay(shop.place(line(2_000)), 2_500)
    shop.deposit(12_000)
    shop.goodwill(3_000)
    return shop


def phone(windows: Windows, at: str, *, java_script: bool = False) -> Page:
    page = windows.open(at=at, java_script=java_script)
    page.set_viewport_size(PHONE)
    return page


def opened(windows: Windows, shop: Shop, *, java_script: bool = False) -> Page:
    page = phone(windows, shop.link(), java_script=java_script)
    pages.click(page, "Open my page")
    expect(pages.heading(page)).to_have_text("Hello Jo Marsh")
    return page


def test_the_whole_way_on_a_phone_without_a_script(windows: Windows, own: Shop):
    page = opened(windows, own)
    figure = page.get_by_role("region", name="Available credit in GBP")
    expect(figure).to_contain_text("£155.00")
    expect(figure).to_contain_text("£125.00 of it can be paid out; the rest pays orders.")
    assert figure.bounding_box()["y"] < 200  # what they came for is there without scrolling
    pages.follow(page, "Ask to be paid out")
    pages.follow(page, "Bank transfer")
    page.get_by_label("Amount").fill("45.50")
    page.get_by_label("Bank account").fill("20-00-00 5577")
    with windows.provoking(page, 422):
        pages.click(page, "Ask for it")
    expect(page.get_by_text("A British account number has 8 digits")).to_be_visible()
    expect(page.get_by_label("Bank account")).to_be_focused()
    page.get_by_label("Bank account").fill("20-00-00 55779911")
    pages.click(page, "Ask for it")
    asked = pages.part(page, "What you asked for")
    expect(asked).to_contain_text("Bank transfer to •••911")
    expect(asked).to_contain_text("£45.50")
    assert balance_of(own.customer.pk, "GBP").held_minor == 0

    staff = windows.open("staff")
    pages.follow(staff.get_by_role("main"), Ask.objects.get().number)
    pages.click(staff, "Accept and request the refund")
    expect(pages.heading(staff)).to_contain_text(Refund.objects.get().number)

    page.reload()
    expect(pages.part(page, "Refunds")).to_contain_text(
        "We are checking it. The amount is set aside for you."
    )
    expect(page.get_by_role("region", name="Available credit in GBP")).to_contain_text("£109.50")
    assert balance_of(own.customer.pk, "GBP").held_minor == 4_550
    pages.click(page, "Leave")
    expect(page.get_by_text("Your page is closed.")).to_be_visible()
    expect(pages.heading(page)).to_have_text("Your credit and refunds")


@pytest.mark.alike
def test_a_declined_wish_says_why_and_another_can_be_made(windows: Windows, own: Shop):
    made = own.customer_asks(1_000)
    page = opened(windows, own)
    staff = windows.open("staff", at=f"/refunds/asked/{made.number}/")
    staff.get_by_role("group").get_by_text("Decline", exact=True).click()
    staff.get_by_label("Reason for declining").fill("Cash only at our shop in Leeds.")
    pages.click(staff, "Decline and tell the customer")
    page.reload()
    expect(pages.part(page, "What you asked for")).to_contain_text("Cash only at our shop in Leeds.")
    pages.follow(page, "Ask to be paid out")
    page.get_by_label("Amount").fill("5")
    pages.click(page, "Ask for it")
    pages.click(page, "Keep the credit")
    expect(page.get_by_text("You keep your credit. Nothing is paid out.")).to_be_visible()
    assert sorted(Ask.objects.values_list("status", flat=True)) == ["declined", "withdrawn"]


@pytest.mark.alike
def test_it_works_by_keyboard_alone(windows: Windows, own: Shop):
    page = phone(windows, own.link())
    for _ in range(3):  # the way to the content, the shop, the button
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(pages.heading(page)).to_have_text("Hello Jo Marsh")
    page.get_by_role("link", name="Ask to be paid out").focus()
    page.keyboard.press("Enter")
    expect(pages.heading(page)).to_have_text("Ask to be paid out")


@pytest.mark.alike
def test_every_page_is_for_everyone_and_fits(windows: Windows, own: Shop):
    own.ask(1_000)
    own.customer_asks(2_000)
    own.own_pages("bank_transfer", "paypal", "cheque", "cash")
    page = phone(windows, "/my/", java_script=True)
    found = _looked_at(page)
    page.goto(own.link())
    found += _looked_at(page)
    pages.click(page, "Open my page")
    addresses = [
        "/my/",
        "/my/history/",
        "/my/refund/",
        *(f"/my/refund/?method={each}" for each in ("bank_transfer", "paypal", "cheque", "cash")),
    ]
    for address in addresses:
        page.goto(address)
        found += _looked_at(page)
    assert not found, "\n".join(found)


def _looked_at(page: Page) -> list[str]:
    """What axe-core finds, and what does not fit, on a phone, a tablet and a desk."""
    found = violations(page)
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        found += [f"{page.url} {width}: {each}" for each in too_wide(page)]
    return found
