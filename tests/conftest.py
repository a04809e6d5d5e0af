"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import setup_databases, teardown_databases
from pytest_django.plugin import DjangoDbBlocker

from tests.beside import end_all
from tests.databases import copied_database, database_url
from tests.delivery.receiver import Clock, Receiver, receiving
from tests.payouts.paypal_server import PayPal, paypal_serving
from tests.payouts.stripe_server import Stripe, behind_proxy, stripe_serving
from tillbook.common import rate
from tillbook.common.actor import Actor, Role
from tillbook.payouts.gateways import wire
from tillbook.shop import policies
from tillbook.staff import services as staff

PASSWORD = "correct horse battery"

# Where several runs share a machine, an example may take any time. Cases are drawn anew under CI too.
hypothesis.settings.register_profile(
    "patient",
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patient")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test that only one database can be put to is left out on the other."""
    left_out = [each for each in items if _database_of(each) not in (connection.vendor, "")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [each for each in items if each not in left_out]


def _database_of(item: pytest.Item) -> str:
    """The one database that the test is for; "" for both."""
    mark = item.get_closest_marker("only_on")
    if mark:
        return str(mark.args[0])
    # A process over a data folder has SQLite's there, whatever this run's is.
    return "sqlite" if "run_process" in getattr(item, "fixturenames", ()) else ""


@pytest.fixture(autouse=True)
def nothing_saved_in_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what another one saved, nor looks for it at a moment that hangs on how fast it runs."""
    policies.forget()
    monkeypatch.setattr(policies, "KEPT", 10**18)
    shop = settings.TILLBOOK_SHOP
    policies._memory.keep(policies._Kept(shop, 0, monotonic_ns(), shop), policies._memory.turn)


@pytest.fixture(autouse=True)
def no_minute_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits count requests a minute: however slow a test is, its requests are of one."""
    monkeypatch.setattr(rate, "time", SimpleNamespace(monotonic=lambda: 90.0))


@pytest.fixture
def now() -> datetime:
    """The moment at which everything in a test happens, unless the test says otherwise."""
    return datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.fixture
def system_actor() -> Actor:
    return Actor.system("test")


@pytest.fixture
def viewer_actor(db: None, system_actor: Actor, now: datetime) -> Actor:
    """A user with the viewer role, `viewer`, who logs in with PASSWORD."""
    return _user_actor("viewer", Role.VIEWER, system_actor, now)


@pytest.fixture
def staff_actor(db: None, system_actor: Actor, now: datetime) -> Actor:
    """A user with the staff role, `staff`, who logs in with PASSWORD."""
    return _user_actor("staff", Role.STAFF, system_actor, now)


@pytest.fixture
def admin_actor(db: None, system_actor: Actor, now: datetime) -> Actor:
    """A user with the admin role, `admin`, who logs in with PASSWORD."""
    return _user_actor("admin", Role.ADMIN, system_actor, now)


def _user_actor(name: str, role: Role, system: Actor, now: datetime) -> Actor:
    user = staff.add_user(username=name, role=role, password=PASSWORD, actor=system, now=now)
    return user.as_actor("test")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The migrated database that others are copied from.

    pytest-django's own makes none where no test of the run takes `db`.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"})
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template") / "migrated.sqlite3"


@pytest.fixture
def own_database(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    template_database: Path,
    tmp_path: Path,
) -> Iterator[None]:
    """A migrated database that only this test uses, on disk, where threads really commit.

    Use it instead of `transaction=True`, whose clean-up deletes rows: the book refuses that.
    It excludes `db`, and so `staff_actor` and `admin_actor`: add users by the services.
    """
    with django_db_blocker.unblock(), copied_database(template_database, tmp_path):
        yield


@pytest.fixture
def beside_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """What processes beside the server are given: this test's database. None of them outlives the test."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tillbook.config.settings")
    monkeypatch.setenv("TILLBOOK_DATABASE_URL", database_url())
    monkeypatch.setenv("TILLBOOK_DATA_DIR", str(tmp_path / "data"))
    yield
    end_all()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """On this machine, where webhooks go only if the shop allows it."""
    settings.TILLBOOK_WEBHOOK_PRIVATE_TARGETS = True
    with receiving() as found:
        yield found


@pytest.fixture(scope="session")
def localstripe() -> Iterator[Stripe]:
    """Stripe's local server, a process of its own."""
    with stripe_serving() as stripe:
        yield stripe


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """A gateway on this machine gets two seconds to answer."""
    settings.TILLBOOK_GATEWAY_PRIVATE_TARGETS = True
    monkeypatch.setattr(wire, "SECONDS", 2)


@pytest.fixture
def stripe_server(localstripe: Stripe, impatient: None) -> Iterator[Stripe]:
    """Before it a proxy that misbehaves as told; nothing was paid yet."""
    with behind_proxy(localstripe) as stripe:
        yield stripe


@pytest.fixture
def paypal_server(impatient: None) -> Iterator[PayPal]:
    """One capture is in it."""
    with paypal_serving() as paypal:
        paypal.captures["2GG279541U471931P"] = {"value": "50.00", "currency_code": "GBP"}
        yield paypal
