"""The watch over all journeys sees what it is there to see."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.windows import Windows

pytestmark = pytest.mark.alike


def noticed(windows: Windows, *words: str) -> bool:
    """Whether each of the words is in one of the problems; then they are forgiven."""
    seen = all(any(word in problem for problem in windows.problems) for word in words)
    windows.problems.clear()
    return seen


def test_what_no_page_may_do_is_noticed(windows: Windows):
    page = windows.open()
    with (
        page.expect_console_message(lambda message: message.text.startswith("securitypolicyviolation")),
        page.expect_console_message(lambda message: "Content Security Policy directive" in message.text),
    ):
        page.evaluate("document.body.setAttribute('style', 'color: red')")
    expect(page.locator("body")).not_to_have_css("color", "rgb(255, 0, 0)")
    assert noticed(windows, "Content Security Policy directive", "securitypolicyviolation: style-src-attr")
    with page.expect_console_message():
        page.evaluate("console.error('broken')")
    assert noticed(windows, "broken")
    with page.context.expect_event("weberror"):
        page.evaluate("setTimeout(() => { throw new Error('thrown'); })")
    assert noticed(windows, "uncaught", "thrown")
    with page.expect_request("**/icon.svg"):  # the last that a page asks for
        page.goto(page.url.replace("localhost", "127.0.0.1"))
    assert noticed(windows, "request to another host: http://127.0.0.1")


def test_an_answer_that_was_not_provoked_is_noticed(windows: Windows):
    page = windows.open()
    with page.expect_console_message():
        page.goto("/no-such-page/")
    assert noticed(windows, "status of 404")
    with windows.provoking(page, 404):
        page.goto("/no-such-page/")
    assert windows.problems == []
