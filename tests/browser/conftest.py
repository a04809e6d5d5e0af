"""One browser for all journeys, before a panel that really runs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test.testcases import LiveServerThread, QuietWSGIRequestHandler
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser.shop import Shop
from tests.browser.windows import PATIENCE, Profiles, Windows
from tests.conftest import PASSWORD
from tillbook.common.actor import Actor, Role
from tillbook.staff import services as people

_ARGUMENTS = [
    "--no-sandbox",  # with a sandbox Chromium refuses to run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _OneRequestEach(QuietWSGIRequestHandler):
    """Closes after its answer: a thread that stayed would keep the database of an earlier test."""

    protocol_version = "HTTP/1.0"


class _Server(ThreadedWSGIServer):
    def __init__(self, address: Any, _handler: type, **more: Any) -> None:
        super().__init__(address, _OneRequestEach, **more)


class _Panel(LiveServerThread):
    server_class = _Server


@pytest.fixture(scope="package")
def panel() -> Iterator[str]:
    """One panel for all journeys; each request opens the database that its test has."""
    server: Any = _Panel("localhost", StaticFilesHandler, connections_override={})
    server.daemon = True
    server.start()
    server.is_ready.wait()
    if server.error:
        raise server.error
    yield f"http://localhost:{server.port}"
    server.terminate()


@pytest.fixture(scope="package")
def browser_thread() -> Iterator[ThreadPoolExecutor]:
    """The thread that Playwright and the tests run in.

    Playwright leaves an event loop running in its thread, and there Django keeps other database
    connections than the fixtures' own. So the main thread, where fixtures run, stays without.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="browser") as thread:
        yield thread


@pytest.fixture(scope="package")
def browser(browser_thread: ThreadPoolExecutor) -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        missing = "Chromium is not installed: scripts/find-programs installs it."
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    expect.set_options(timeout=PATIENCE)
    playwright: Playwright = browser_thread.submit(sync_playwright().start).result()
    launch = partial(playwright.chromium.launch, executable_path=path, args=_ARGUMENTS)
    browser = browser_thread.submit(launch).result()
    yield browser
    browser_thread.submit(browser.close).result()
    browser_thread.submit(playwright.stop).result()


@pytest.fixture(scope="package")
def profiles() -> Profiles:
    return {True: [], False: []}


@pytest.fixture(autouse=True)
def windows(browser: Browser, profiles: Profiles, panel: str, own_database: None) -> Windows:
    return Windows(browser, panel, profiles)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Run the test in the browser's thread; any misbehaviour of a page fails it."""
    made: dict[str, Any] = pyfuncitem.funcargs
    test = partial(pyfuncitem.obj, **{name: made[name] for name in pyfuncitem._fixtureinfo.argnames})
    made["browser_thread"].submit(_run, test, made["windows"]).result()
    return True


def _run(test: Callable[[], None], windows: Windows) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # The loop in this thread stands still while the test reads the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        try:
            test()
        finally:
            windows.close()
            for connection in connections.all(initialized_only=True):
                connection.close()
                del connections[connection.alias]  # the next test has a database of its own
    assert windows.problems == []


@pytest.fixture
def shop(own_database: None, system_actor: Actor, now: datetime) -> Iterator[Shop]:
    """A shop with one customer and two users; after the test its book must verify."""
    staff, admin = (
        people.add_user(username=role, role=role, password=PASSWORD, actor=system_actor, now=now)
        for role in (Role.STAFF, Role.ADMIN)
    )
    shop = Shop(staff.as_actor("test"), now, admin=admin.as_actor("test"))
    yield shop
    shop.check_book()
