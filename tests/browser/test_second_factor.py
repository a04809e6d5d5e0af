"""A second factor, set up and then asked for: by an app's code, by a passkey."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.shop import Shop
from tests.browser.windows import Windows
from tests.conftest import PASSWORD
from tillbook.staff.second_factor import kinds_by_user

pytestmark = pytest.mark.alike

_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(autouse=True)
def no_tries_before() -> None:
    """Tries and used codes are kept in the cache, which outlives a test."""
    cache.clear()


def code_for(secret: str, *, later: int = 0) -> str:
    """The code that an app shows now, or so many half minutes later; the panel takes one of either side."""
    _, now, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now + later))


def my_account(page: Page) -> None:
    page.get_by_role("link", name="admin").click()
    expect(pages.heading(page)).to_have_text("My account")


def confirm_by_password(page: Page) -> None:
    expect(pages.heading(page)).to_have_text("Is it you?")
    page.get_by_label("Password").fill(PASSWORD)
    pages.click(page, "Confirm")


@contextmanager
def device(page: Page) -> Iterator[None]:
    """A device with a fingerprint reader that always sees the right finger."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})
    yield
    session.send("WebAuthn.removeVirtualAuthenticator", made)
    session.detach()


def test_an_admin_who_must_sets_up_an_app_and_logs_in_with_its_code(windows: Windows, shop: Shop, settings):
    settings.TILLBOOK_ADMIN_SECOND_FACTOR = True
    page = windows.open()
    pages.log_in(page, "admin")
    expect(pages.notice(page).last).to_contain_text("Admins of this shop log in with a second factor.")
    pages.go_to(page, "Refunds")
    expect(pages.heading(page)).to_have_text("My account")
    pages.follow(page, "Set up app")
    confirm_by_password(page)
    picture = page.get_by_role("img", name="The code for your app")
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code").fill(code_for(secret))
    pages.click(page, "Turn on")
    expect(page.locator("#codes li")).to_have_count(10)
    pages.follow(page, "I have kept them")
    pages.go_to(page, "Refunds")
    expect(pages.heading(page)).to_have_text("Refunds")

    pages.click(page, "Log out")
    pages.log_in(page, "admin")
    expect(pages.heading(page)).to_have_text("Second step")
    page.get_by_label("Code").fill("000000")
    pages.click(page, "Log in")
    expect(page.get_by_text("Incorrect code.")).to_be_visible()
    page.get_by_label("Code").fill(code_for(secret, later=1))
    pages.click(page, "Log in")
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_a_passkey_is_added_and_lets_one_in(windows: Windows, shop: Shop):
    page = windows.open("admin")
    with device(page):
        my_account(page)
        pages.follow(page, "Add passkey")
        confirm_by_password(page)
        page.get_by_label("Name").fill("Laptop")
        pages.click(page, "Add passkey")
        expect(page.locator("#codes li")).to_have_count(10)
        pages.follow(page, "I have kept them")
        expect(page.get_by_role("heading", name="Laptop")).to_be_visible()

        pages.click(page, "Log out")
        pages.log_in(page, "admin")
        expect(pages.heading(page)).to_have_text("Second step")
        pages.click(page, "Use a passkey")
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def test_a_device_that_has_a_passkey_already_gets_no_second_one_and_the_page_says_so(
    windows: Windows, shop: Shop
):
    page = windows.open("admin", "/account/passkeys/add/")
    confirm_by_password(page)
    with device(page):
        page.get_by_label("Name").fill("Laptop")
        pages.click(page, "Add passkey")
        pages.follow(page, "I have kept them")
        pages.follow(page, "Add passkey")
        expect(page.get_by_role("alert")).to_be_hidden()
        page.get_by_label("Name").fill("The same")
        pages.click(page, "Add passkey")
        expect(page.get_by_role("alert")).to_contain_text("That did not work. Try once more.")
    assert [*kinds_by_user().values()] == [{"passkey"}]
    pages.follow(page, "Cancel")
    expect(page.get_by_role("link", name="Rename")).to_have_count(1)
