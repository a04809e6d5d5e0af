"""German words are longer than English ones: no page breaks with them."""

from __future__ import annotations

import pytest

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.test_accessibility import addresses
from tests.browser.test_layout import visited
from tests.browser.windows import Windows
from tests.orders.till import line
from tillbook.orders.charges import Charge
from tillbook.staff.services import choose_language

pytestmark = pytest.mark.alike


def test_every_page_fits_in_german(windows: Windows, shop: Shop):
    choose_language(shop.admin.user_id or 0, "de", actor=shop.admin, now=shop.now)
    page = windows.open("admin")
    assert page.locator("html").get_attribute("lang") == "de"
    found = visited(page, [*addresses(shop).values(), "/account/", "/account/password/"], schemes=["light"])
    assert not found, found


@pytest.mark.parametrize("width", [1100, 1280, 1440])
def test_an_order_s_payments_show_their_buttons_whole(windows: Windows, shop: Shop, width: int):
    choose_language(shop.admin.user_id or 0, "de", actor=shop.admin, now=shop.now)
    order = shop.place(line(2_000))
    shop.pay(order, 1_236_567, charge=Charge("stripe", "ch_3PqLkx2eZvKYlo2C0aBcDeF1"))
    page = windows.open("admin", f"/orders/{order.number}/")
    page.set_viewport_size({"width": width, "height": 900})
    card = pages.part(page, "Zahlungen")
    for name in ("Zurückgezahlt", "Stornieren"):
        button = card.get_by_role("link", name=name, exact=True).bounding_box()
        assert button["x"] + button["width"] < card.bounding_box()["x"] + card.bounding_box()["width"]
    assert card.get_by_text("ch_3PqLkx").bounding_box()["height"] < 50  # two lines at most
