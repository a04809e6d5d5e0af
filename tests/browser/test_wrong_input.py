"""What can't be right on the Pay Refund form: a message at its field, and nothing changed."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows

pytestmark = pytest.mark.alike

AMOUNTS = {
    "120.01": "Only 120.00 GBP is available.",
    "0": "The amount must be more than zero.",
    "-1": "The amount must be more than zero.",
    "1e30": "'1e30' is not an amount. Write digits and a point, like 12.34.",
    "a lot": "'a lot' is not an amount. Write digits and a point, like 12.34.",
    "45.505": "GBP has 2 decimal places. Write it like 12.34.",
    "": "Enter the refund amount.",
}


def test_every_wrong_amount_is_named_at_its_field_and_changes_nothing(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", f"/customers/jo/pay-refund/?credit={deposit.number}")
    for amount, message in AMOUNTS.items():
        with windows.provoking(page, 422):
            pages.pay_refund(page, amount)
        field = page.get_by_label("Refund amount")
        expect(field).to_have_accessible_description(message)
        expect(field).to_have_value(amount)
        expect(page.locator("[aria-invalid=true]")).to_have_count(1)
        assert shop.refunds() == []
        assert shop.figures == (12_000, 0, 0)


def test_what_was_typed_beside_a_wrong_amount_is_kept(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", f"/customers/jo/pay-refund/?credit={deposit.number}")
    typed = {
        "Payee's name": "Josephine Marsh",
        "PayPal e-mail": "josephine@example.com",
        "Refund amount": "120.01",
        "Payment date": pages.in_days(3),
        "Refund Note": "Rang on Monday",
    }
    page.get_by_label("Refund method").select_option("PayPal")
    for label, text in typed.items():
        page.get_by_label(label).fill(text)
    with windows.provoking(page, 422):
        pages.click(page, "Process Refund")
    for label, text in typed.items():
        expect(page.get_by_label(label)).to_have_value(text)
    expect(page.get_by_label("Refund method").locator("option:checked")).to_have_text("PayPal")
    assert shop.refunds() == []
    assert shop.figures == (12_000, 0, 0)


# Refund method -> the only field of its own, what is wrong in it, and what the page says
METHODS = {
    "Bank transfer": (
        "Bank account",
        "my bank",
        "Enter the sort code and the account number, like 20-00-00 55779911.",
    ),
    "PayPal": ("PayPal e-mail", "jo at example", "Enter the payee's PayPal e-mail address."),
    "Cheque": ("Postal address", "", "Enter the address that the money goes to."),
}


def test_each_refund_method_asks_for_its_own_field_and_says_what_is_wrong_there(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    page = windows.open("staff", f"/customers/jo/pay-refund/?credit={deposit.number}")
    for method, (label, typed, message) in METHODS.items():
        page.get_by_label("Refund method").select_option(method)
        for other, (field, _, _) in METHODS.items():
            expect(page.get_by_label(field)).to_be_visible(visible=other == method)
        page.get_by_label(label).fill(typed)
        with windows.provoking(page, 422):
            pages.click(page, "Process Refund")
        expect(page.get_by_text(message, exact=True)).to_be_visible()
        expect(page.get_by_label(label)).to_have_value(typed)
        expect(page.get_by_label("Refund method").locator("option:checked")).to_have_text(method)
        assert shop.refunds() == []
    page.get_by_label("Refund method").select_option("Cash")
    page.get_by_label("Payee's name").fill(" ")
    with windows.provoking(page, 422):
        pages.click(page, "Process Refund")
    expect(page.get_by_label("Payee's name")).to_have_accessible_description("Enter the payee's name.")
    assert shop.refunds() == []
    page.get_by_label("Payee's name").fill("Jo Marsh")
    pages.click(page, "Process Refund")
    expect(page.get_by_text("The shop must still pay £120.00 to Jo Marsh (Cash).")).to_be_visible()
    assert [minor for _, _, minor in shop.refunds()] == [12_000]


def test_goodwill_has_no_pay_refund_button_and_its_address_refuses(windows: Windows, shop: Shop):
    goodwill = shop.goodwill(3_000)
    page = windows.open("staff", "/customers/jo/")
    expect(
        pages.row(pages.part(page, "Credits"), goodwill.number).get_by_role("link", name="Pay Refund")
    ).to_have_count(0)
    expect(pages.row(pages.part(page, "Credits"), goodwill.number)).to_contain_text("Not refundable")
    with windows.provoking(page, 409):
        page.goto(f"/customers/jo/pay-refund/?credit={goodwill.number}")
    expect(page.get_by_role("main")).to_contain_text("Goodwill and promotional credit pays orders only.")
    expect(page.get_by_role("button", name="Process Refund")).to_have_count(0)
    assert shop.refunds() == []
    assert shop.figures == (3_000, 0, 0)


def test_markup_in_a_name_is_shown_as_it_was_typed_and_never_runs(windows: Windows, shop: Shop):
    name = "<img src=x onerror=alert(1)><b>Jo</b>"
    page = windows.open("staff", "/customers/jo/edit/")
    page.get_by_label("First name").fill(name)
    page.get_by_label("Company").fill("</title><script>alert(2)</script>")
    pages.click(page, "Save")
    expect(pages.heading(page)).to_contain_text(name)
    pages.go_to(page, "View customers & prospects")
    expect(page.get_by_text(name)).to_be_visible()
    expect(page.get_by_text("</title><script>alert(2)</script>")).to_be_visible()


def test_a_statement_s_columns_show_where_it_is_a_table_and_what_is_missing_is_told_there(
    windows: Windows, shop: Shop
):
    page = windows.open("admin", "/statements/read/")
    column = page.get_by_label("Column of the date")
    expect(column).to_be_hidden()
    page.get_by_label("Format").select_option("CSV")
    expect(column).to_be_visible()
    with windows.provoking(page, 422):
        pages.click(page, "Read it")
    expect(column).to_be_visible()
    expect(column).to_have_accessible_description("Enter the column of the date.")
    page.get_by_label("Format").select_option("MT940")
    expect(column).to_be_hidden()
