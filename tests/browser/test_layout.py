"""No page scrolls sideways or cuts anything off, whatever the screen and whatever the names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.orders.till import gbp, line
from tillbook.common.actor import Actor, Role
from tillbook.common.money import MAX_MINOR
from tillbook.credit.models import GiveReason
from tillbook.credit.services import give
from tillbook.credit.snapshots import count_owed
from tillbook.customers import services as customers
from tillbook.ledger.models import Balance
from tillbook.orders.models import Order
from tillbook.orders.services import LineInput
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.staff import services as people
from tillbook.staff.saved_filters import save_filter

pytestmark = pytest.mark.alike

WIDTHS = (390, 1024, 1440)
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
ROWS = 1_000

# By how much the page scrolls sideways, and which parts are too narrow for what is in them.
_TOO_WIDE = """() => {
  const parts = [...document.querySelectorAll(".head, .card, .notice, .side")];
  const cut = parts.filter((part) => part.scrollWidth > part.clientWidth + 1)
    .map((part) => `<${part.localName} class="${part.className}"> is cut off`);
  const sideways = document.documentElement.scrollWidth - innerWidth;
  return sideways > 0 ? [`scrolls sideways by ${sideways}`, ...cut] : cut;
}"""


def word(length: int) -> str:
    """A text with nowhere to break a line."""
    return "W" * length


def too_wide(page: Page, schemes: Iterable[Scheme] = SCHEMES) -> str:
    """What does not fit, and on which screens; empty where all does."""
    found = []
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wrong = page.evaluate(_TOO_WIDE)
            found += [f"{width} {scheme}: {', '.join(wrong)}"] if wrong else []
    address = re.sub("W{9,}", "W...", urlsplit(page.url).path)
    return f"\n{address} at {'; '.join(found)}" if found else ""


def visited(page: Page, addresses: Iterable[str], schemes: Iterable[Scheme] = SCHEMES) -> str:
    """What does not fit on any of these pages, a line for each."""
    found = ""
    for address in addresses:
        page.goto(address)
        expect(pages.heading(page)).to_be_visible()
        found += too_wide(page, schemes)
    return found


def wide_addresses(shop: Shop) -> list[str]:
    """A page of every kind, about someone whose every text is as long as it may be."""
    shop.customer = customers.add(
        username=word(150), first_name=word(100), last_name=word(100), company=word(200), phone=word(50),
        email=f"{'w' * 60}@{'w' * 60}.{'w' * 60}.example", postal_address=word(400), country=word(100),
        currency="GBP", actor=shop.staff, now=shop.now,
    )  # fmt: skip
    order = shop.place(
        LineInput(word(60), word(300), 2, MAX_MINOR // 4), number=word(50), shipping_minor=MAX_MINOR // 4,
        note=word(400),
    )  # fmt: skip
    payment = shop.pay(order, MAX_MINOR // 2 - 1, reference=word(100))
    credit, reversible = shop.deposit(MAX_MINOR // 2), shop.goodwill(MAX_MINOR // 2)
    refund = refunds.request(
        customer_id=shop.customer.pk, amount=gbp(MAX_MINOR // 4), method=Refund.Method.CHEQUE,
        payee=refunds.Payee(name=word(200), postal_address=word(400)), payment_date=shop.now.date(),
        note=word(400), **shop.by,
    )  # fmt: skip
    overpaid = shop.place(LineInput(word(60), "", 1, 100), number=word(49))
    shop.pay(overpaid, MAX_MINOR // 4)
    give(
        customer_id=shop.customer.pk, amount=gbp(MAX_MINOR // 4), reason=GiveReason.PROMOTION, refundable=False,
        expires_at=shop.now + timedelta(days=3), **{**shop.by, "actor": shop.admin},
    )  # fmt: skip
    count_owed(actor=Actor.system("test"), now=shop.now)
    rma = shop.open_rma(order, shop.back(order, 1, 100), note=word(400), public_note=word(400))
    user = people.add_user(
        username=word(150), role=Role.STAFF, password=None, email=f"{'w' * 60}@{'w' * 60}.example",
        actor=shop.admin, now=shop.now,
    )  # fmt: skip
    save_filter(
        page="refunds", name=word(60), query="method=cash", shared=True, actor=shop.admin, now=shop.now
    )
    parts = {
        "/users/": ["", "add/", f"{user.pk}/"],
        "/account/": ["", "password/"],
        "/": [
            "", "customers/add/", "refunds/", "orders/", "orders/new/", "rmas/", "overpayments/",
            "credits/expiring/", "activity/?about=all", "refunds/filters/",
        ],
        "/reports/": ["liability/", "balances/", "roll-forward/?from_at=2020-01-01"],
        f"/customers/{word(150)}/": ["", "edit/", "give-credit/", "pay-refund/", "credits/", "running-history/"],
        f"/credits/{reversible.number}/": ["", "reverse/"],
        f"/refunds/{refund.number}/": [""],
        f"/orders/new/?customer={word(150)}": [""],
        f"/orders/{order.number}/": [
            "", "edit/", "receipt-payment/", "pay-with-credit/", "rma/",
        ],
        f"/payments/{payment.pk}/void/": [""],
        f"/rmas/{rma.number}/": ["", "cancel/"],
    }  # fmt: skip
    addresses = [start + end for start, ends in parts.items() for end in ends]
    return [*addresses, f"/customers/{word(150)}/pay-refund/?credit={credit.number}"]


def test_the_longest_texts_and_amounts_fit_on_every_page(windows: Windows, shop: Shop):
    addresses = wide_addresses(shop)
    page = windows.open("admin")
    assert not (found := visited(page, addresses)), found


def test_the_longest_texts_fit_where_a_difference_is_explained(windows: Windows, shop: Shop):
    wide_addresses(shop)
    Balance.objects.filter(customer_id=shop.customer.pk).update(
        available_minor=1, held_minor=1, owing_minor=2
    )
    Order.objects.filter(number=word(50)).update(received_minor=MAX_MINOR - 1)
    page = windows.open("staff", f"/customers/{word(150)}/")
    pages.change_account(page)
    page.get_by_label("Recalculate Account Balances").check()
    pages.click(page, "Save")
    expect(pages.part(page, "What differed").locator("tbody tr")).to_have_count(4)
    assert too_wide(page) == ""


def test_pages_without_the_panel_s_frame_fit_too_in_both_colour_schemes(windows: Windows):
    page = windows.open()
    assert too_wide(page) == ""
    colours = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        colours.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert colours == ["rgb(246, 246, 243)", "rgb(19, 22, 20)"]
    with windows.provoking(page, 404):
        page.goto(f"/{word(200)}/")
    assert too_wide(page) == ""


def test_a_thousand_rows_fit_as_well_as_one(windows: Windows, shop: Shop):
    order = shop.place(*(line(100, sku=f"CUP-{place}") for place in range(ROWS)))
    shop.deposit(60)
    with transaction.atomic():
        last = [shop.ask(1) for _ in range(60)][-1]
    shop.deposits(ROWS - 1)
    page = windows.open("admin")
    large = ["/customers/jo/", f"/orders/{order.number}/"]
    assert not (found := visited(page, large, schemes=["light"])), found
    expect(page.locator("tbody").first.get_by_role("row")).to_have_count(ROWS)
    page.goto("/refunds/")
    expect(page.get_by_label("Select RF-")).to_have_count(50)
    assert too_wide(page) == ""
    pages.follow(page, "Next page")
    expect(page.get_by_label("Select RF-")).to_have_count(10)
    expect(page.get_by_role("link", name=last.number)).to_be_visible()
    assert too_wide(page) == ""


@pytest.mark.parametrize("java_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_on_a_phone_the_queue_shows_its_first_refund_at_once(windows: Windows, shop: Shop, java_script: bool):
    shop.deposit(5_000)
    refund = shop.ask(1_000)
    page = windows.open("admin", "/refunds/", java_script=java_script)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("link", name=refund.number)).to_be_in_viewport()
    method = page.get_by_label("Method")
    expect(method).to_be_hidden()
    page.get_by_text("Filters", exact=True).press("Enter")
    method.select_option("cheque")
    pages.click(page, "Filter")
    expect(page.get_by_text("No refund matches")).to_be_visible()
    expect(page.locator("summary", has_text="Filters")).to_contain_text("On")

    page.set_viewport_size({"width": 1024, "height": 800})
    expect(page.locator("summary", has_text="Filters")).to_be_hidden()
    expect(method).to_be_visible()
    expect(method).to_have_value("cheque")


def test_on_a_phone_all_refunds_are_selected_with_one_touch(windows: Windows, shop: Shop):
    shop.deposit(5_000)
    for minor in (1_000, 1_500):
        shop.ask(minor)
    page = windows.open("admin", "/refunds/")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("Select all", exact=True).click()
    expect(page.get_by_text("2 selected · 25.00 GBP")).to_be_visible()
    for box in page.get_by_label("Select").all():
        expect(box).to_be_checked()
        assert box.bounding_box()["width"] >= 24
    assert page.get_by_role("button", name="Print").bounding_box()["height"] >= 38


@pytest.mark.parametrize("width", [1100, 1270, 1280, 1440])
def test_a_customer_s_credits_show_their_buttons_whole(windows: Windows, shop: Shop, width: int):
    shop.pay(shop.place(line(2_000)), 1_236_567)
    page = windows.open("staff", "/customers/jo/")
    page.set_viewport_size({"width": width, "height": 900})
    credits = pages.part(page, "Credits")
    card = credits.bounding_box()
    for name in ("Pay Refund", "Reverse"):
        button = credits.get_by_role("link", name=name, exact=True).bounding_box()
        assert button["x"] + button["width"] < card["x"] + card["width"]
        assert button["height"] < 40  # its words stand on one line


@pytest.mark.parametrize("height", [500, 844])
def test_the_menu_shows_the_entry_one_is_at(windows: Windows, shop: Shop, height: int):
    page = windows.open("admin", "/webhooks/")
    entry = page.get_by_role("navigation", name="Main").get_by_role("link", name="Webhooks", exact=True)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": height})
        page.reload()
        if width == 390:
            expect(entry).to_be_hidden()
            page.get_by_role("button", name="Menu").click()
        expect(entry).to_be_in_viewport(ratio=1)
        assert page.evaluate("[scrollX, scrollY]") == [0, 0]


def test_on_a_phone_the_menu_opens_and_closes_and_leads_on(windows: Windows, shop: Shop):
    page = windows.open("admin", "/refunds/")
    page.set_viewport_size({"width": 390, "height": 844})
    menu, button = page.get_by_role("navigation", name="Main"), page.get_by_role("button", name="Menu")
    expect(menu).to_be_hidden()
    button.focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("link", name="Refunds", exact=True)).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    button.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    menu.get_by_role("link", name="RMAs").click()
    expect(pages.heading(page)).to_have_text("RMAs")
    expect(menu).to_be_hidden()
