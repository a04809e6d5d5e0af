"""German words are longer than English ones: no page breaks with them."""

from __future__ import annotations

import pytest

from tests.browser.shop import Shop
from tests.browser.test_accessibility import addresses
from tests.browser.test_layout import visited
from tests.browser.windows import Windows
from tillbook.staff.services import choose_language

pytestmark = pytest.mark.looks


def test_every_page_fits_in_german(windows: Windows, shop: Shop):
    choose_language(shop.admin.user_id or 0, "de", actor=shop.admin, now=shop.now)
    page = windows.open("admin")
    assert page.locator("html").get_attribute("lang") == "de"
    found = visited(page, [*addresses(shop).values(), "/account/", "/account/password/"], schemes=["light"])
    assert not found, found
