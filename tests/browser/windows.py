"""Windows of a real browser, and a watch that lets no page misbehave unseen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, WebError

from tillbook.staff.models import User

# Chromium writes most violations to the console by itself; the event comes with every one.
_SAY_VIOLATIONS = """
  document.addEventListener("securitypolicyviolation", (event) => console.error(
    `securitypolicyviolation: ${event.effectiveDirective} blocked ${event.blockedURI}`));
"""
PATIENCE = 30_000  # milliseconds until what a page does not show fails its test
_WEB = {"http", "https", "ws", "wss"}

# Profiles of the browser that no window uses now: with JavaScript and without.
Profiles = dict[bool, list[BrowserContext]]


class Windows:
    """The windows that one test opens. `problems` is what went wrong in any of them, in words.

    Making a profile takes longer than many a test, so they are kept for the next one. Nothing
    stays in them but cached style sheets and scripts.
    """

    def __init__(self, browser: Browser, address: str, profiles: Profiles) -> None:
        self._browser = browser
        self._address = address
        self._host = urlsplit(address).netloc
        self._profiles = profiles
        self._used: list[tuple[bool, BrowserContext]] = []
        self._watches: dict[Any, Any] = {
            "console": self._on_console,
            "weberror": self._on_error,
            "request": self._on_request,
        }
        self.problems: list[str] = []

    def open(self, username: str = "", at: str = "/", *, java_script: bool = True) -> Page:
        """A window of a browser of its own, logged in as `username`; without one, at the log-in page."""
        idle = self._profiles[java_script]
        context = idle.pop() if idle else self._new_profile(java_script)
        self._used.append((java_script, context))
        for event, watch in self._watches.items():
            context.on(event, watch)
        if username:
            context.add_cookies([self._session_of(username)])
        page = context.new_page()
        page.goto(at)
        return page

    def _new_profile(self, java_script: bool) -> BrowserContext:
        context = self._browser.new_context(
            base_url=self._address,
            java_script_enabled=java_script,
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_SAY_VIOLATIONS)
        return context

    def _session_of(self, username: str) -> Any:
        client = Client()
        client.force_login(User.objects.get(username=username))
        name = settings.SESSION_COOKIE_NAME
        return {"name": name, "value": client.cookies[name].value, "url": self._address}

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type} on {message.page and message.page.url}: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self.problems.append(f"uncaught on {error.page and error.page.url}: {error.error}")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in _WEB and address.netloc != self._host:
            self.problems.append(f"request to another host: {request.url}")

    @contextmanager
    def provoking(self, page: Page, status: int) -> Iterator[None]:
        """The block makes the server answer `status` once, which the browser logs as an error."""
        said = f"Failed to load resource: the server responded with a status of {status} "
        with page.expect_console_message(lambda message: message.text.startswith(said)):
            yield
        [expected] = [problem for problem in self.problems if said in problem]
        self.problems.remove(expected)

    def close(self) -> None:
        for java_script, context in self._used:
            for page in context.pages:
                page.close()
            for event, watch in self._watches.items():
                context.remove_listener(event, watch)
            context.clear_cookies()
            self._profiles[java_script].append(context)
