"""A credit given by mistake is taken back: with Reverse, or the old way as a refund nobody pays."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tillbook.ledger.models import House, Transfer
from tillbook.refunds.models import Refund

pytestmark = pytest.mark.alike


def test_staff_reverse_a_credit_and_an_admin_completes_the_reversal(windows: Windows, shop: Shop):
    right, wrong = shop.deposit(12_000), shop.goodwill(3_000)
    staff = windows.open("staff", "/customers/jo/")
    pages.follow(pages.row(pages.part(staff, "Credits"), wrong.number), "Reverse")
    expect(pages.heading(staff)).to_have_text(f"Reverse {wrong.number}")
    with windows.provoking(staff, 422):
        pages.click(staff, "Reverse")
    assert shop.refunds() == []

    staff.get_by_label("Reason").select_option("Given by mistake")
    staff.get_by_label("Internal note").fill("Meant for Joan")
    pages.click(staff, "Reverse")
    expect(pages.notice(staff)).to_contain_text(f"The reversal of {wrong.number} waits for an admin.")
    expect(staff.get_by_text("No money is to be paid to anyone.")).to_be_visible()
    expect(staff.get_by_role("link", name="Print refund slip")).to_have_count(0)
    expect(staff.get_by_role("button", name="Mark as Paid and Complete")).to_have_count(0)
    assert pages.fact(staff, "Reason") == "Given by mistake"
    original = pages.part(staff, "Credits it comes from").get_by_role("link", name=wrong.number)
    expect(original).to_have_attribute("href", f"/credits/{wrong.number}/")
    [(number, state, minor)] = shop.refunds()
    assert (state, minor) == ("requested", 3_000)
    assert shop.figures == (12_000, 3_000, 0)

    admin = windows.open("admin", f"/refunds/{number}/")
    pages.click(admin, "Mark as Paid and Complete")
    expect(pages.heading(admin)).to_have_text(f"Reversal {number} Completed")
    assert shop.refunds() == [(number, "completed", 3_000)]
    assert shop.figures == (12_000, 0, 0)
    assert (shop.left_of(right), shop.left_of(wrong)) == ((12_000, 0), (0, 0))
    houses = Transfer.objects.filter(account_id=wrong.id).values_list("house", flat=True)
    assert set(houses) == {House.GOODWILL}  # it went back where it came from, and nobody was paid
    admin.goto("/customers/jo/")
    assert pages.account(admin) == ["£120.00", "£0.00", "£0.00"]
    pages.follow(pages.part(admin, "Credits"), "All, used-up ones too")
    assert pages.cells(admin, wrong.number)[3:] == ["£0.00", "£0.00 of £30.00", ""]


def test_a_declined_reversal_leaves_the_credit_as_it_was(windows: Windows, shop: Shop):
    credit = shop.goodwill(3_000)
    page = windows.open("admin", f"/credits/{credit.number}/")
    pages.follow(page, "Reverse")
    page.get_by_label("Reason").select_option("Given twice")
    pages.click(page, "Reverse")
    page.get_by_text("Decline", exact=True).click()
    page.get_by_label("Reason for declining").fill("It was given once.")
    pages.click(page, "Decline this refund")
    expect(page.get_by_text("The reversal was declined and the credit is available again.")).to_be_visible()
    assert [refund[1:] for refund in shop.refunds()] == [("declined", 3_000)]
    assert shop.figures == (3_000, 0, 0)


def test_the_old_way_is_a_refund_with_refund_reversal_in_its_note(windows: Windows, shop: Shop):
    wrong = shop.deposit(12_000)
    staff = windows.open("staff", "/customers/jo/")
    pages.follow(pages.row(pages.part(staff, "Credits"), wrong.number), "Pay Refund")
    staff.get_by_label("Refund method").select_option("Cash")
    staff.get_by_label("Refund Note").fill("Refund reversal")
    pages.click(staff, "Process Refund")
    expect(pages.heading(staff)).to_contain_text("Requested")
    assert pages.fact(staff, "Refund Note") == "Refund reversal"
    [(number, state, minor)] = shop.refunds()
    assert (state, minor) == ("requested", 12_000)
    assert shop.figures == (0, 12_000, 0)

    admin = windows.open("admin", "/refunds/")
    admin.get_by_label(f"Select {number}", exact=True).check()
    pages.click(admin, "Mark as Paid and Complete")
    expect(pages.heading(admin)).to_have_text("1 of 1 marked as paid and complete")
    assert Refund.objects.get().note == "Refund reversal"
    assert shop.refunds() == [(number, "completed", 12_000)]
    assert shop.figures == (0, 0, 0)
    admin.goto("/customers/jo/")
    assert pages.account(admin) == ["£0.00", "£0.00", "£0.00"]
