"""Recalculate Account Balances: what it compared, what differed, and that it is repaired."""

from __future__ import annotations

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.orders.till import line
from tillbook.events.models import Event

pytestmark = pytest.mark.alike


def recalculate(page: Page) -> None:
    pages.change_account(page)
    page.get_by_label("Recalculate Account Balances").check()
    pages.click(page, "Save")
    expect(pages.notice(page).first).to_have_text("The account is saved.")


def alter(shop: Shop, table: str, change: str) -> None:
    """Behind the program's back, as only someone with the database could."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {change} WHERE customer_id = %s", [shop.customer.pk])


def recalculations() -> list[object]:
    """The differences of each repair that was recorded."""
    events = Event.objects.filter(action="customer.recalculated").order_by("pk")
    return [event.data["differences"] for event in events]


def test_where_nothing_differs_it_says_what_was_compared(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    shop.ask(4_550)
    page = windows.open("staff", "/customers/jo/")
    recalculate(page)
    expect(pages.notice(page).nth(1)).to_contain_text("Nothing differs. 6 figures of the account")
    assert pages.account(page) == ["£74.50", "£45.50", "£0.00"]
    assert shop.figures == (7_450, 4_550, 0)
    assert recalculations() == []
    page.reload()
    expect(page.get_by_text("Nothing differs.")).to_have_count(0)


def test_a_difference_is_shown_figure_by_figure_and_repaired(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    refund = shop.ask(4_550)
    alter(shop, "ledger_balance", "available_minor = 99999, owing_minor = 1")
    page = windows.open("staff", "/customers/jo/")
    assert pages.account(page) == ["£999.99", "£45.50", "£0.01"]

    recalculate(page)
    expect(page.get_by_text("2 of 6 figures differed from the history and were corrected.")).to_be_visible()
    shown = pages.part(page, "What differed")
    assert pages.cells(shown, "Available")[:4] == ["Account", "Available", "£999.99", "£74.50"]
    assert pages.cells(shown, "Owing")[:4] == ["Account", "Owing", "£0.01", "£0.00"]
    why = pages.cells(shown, "Available")[4]
    assert why.startswith("No state of the history gives this figure: it was written from outside the appl")
    assert f"Newest entry {deposit.number} transfer 2, held £45.50 for {refund.number} " in why
    assert pages.account(page) == ["£74.50", "£45.50", "£0.00"]
    history = pages.part(page, "History")
    expect(history).to_contain_text("Account balances recalculated")
    expect(history).to_contain_text("available was 999.99 GBP, is 74.50 GBP")
    assert shop.figures == (7_450, 4_550, 0)
    assert recalculations() == [[["available", "999.99 GBP", "74.50 GBP"], ["owing", "0.01 GBP", "0.00 GBP"]]]


def test_the_figures_of_single_credits_and_orders_are_compared_too(windows: Windows, shop: Shop):
    deposit = shop.deposit(12_000)
    order = shop.place(line(8_000))
    alter(shop, "ledger_account", "posted_minor = 12001")
    alter(shop, "orders_order", "received_minor = 700")
    page = windows.open("staff", "/customers/jo/")
    assert pages.cells(pages.part(page, "Credits"), deposit.number)[4] == "£120.01 of £120.00"
    recalculate(page)
    shown = pages.part(page, "What differed")
    assert pages.cells(shown, "Remaining")[:4] == [deposit.number, "Remaining", "£120.01", "£120.00"]
    assert pages.cells(shown, "Received")[:4] == [order.number, "Received", "£7.00", "£0.00"]
    assert shop.left_of(deposit) == (12_000, 0)
    assert shop.sums(order) == (0, 0, 0, 8_000)
    assert len(recalculations()) == 1


def test_save_without_the_checkbox_compares_and_repairs_nothing(windows: Windows, shop: Shop):
    shop.deposit(12_000)
    alter(shop, "ledger_balance", "available_minor = 99999, owing_minor = 1")
    page = windows.open("staff", "/customers/jo/")
    pages.change_account(page)
    page.get_by_label("Credit limit").fill("500")
    pages.click(page, "Save")
    expect(pages.notice(page)).to_have_text("The account is saved.")
    assert pages.figures(pages.part(page, "Account"), "Credit limit") == ["£500.00"]
    assert pages.account(page) == ["£999.99", "£0.00", "£0.01"]
    assert recalculations() == []
    recalculate(page)
    assert shop.figures == (12_000, 0, 0)
