"""Whom a request comes from: the caller itself, or what the shop's own proxies say."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from tests.conftest import PASSWORD
from tillbook.common.actor import Actor
from tillbook.config.proxies import ClientAddress, Https
from tillbook.events.models import Event

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def no_tries_before() -> None:
    """Log-ins are counted in the cache, which outlives a test."""
    cache.clear()


def seen(header: str | None, count: int) -> str:
    """The address that the program sees when the proxy hands a request on with that header."""
    met: list[str] = []

    def answer(request: HttpRequest) -> HttpResponse:
        met.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    headers = {} if header is None else {"x-forwarded-for": header}
    with override_settings(PROXY_COUNT=count):
        ClientAddress(answer)(RequestFactory().get("/", headers=headers, REMOTE_ADDR=PROXY))
    return met[0]


@pytest.mark.parametrize(
    ("header", "count", "address"),
    [
        ("203.0.113.7", 0, PROXY),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.9, 203.0.113.7", 1, "203.0.113.7"),
        ("1.2.3.4, 198.51.100.9,203.0.113.7", 2, "198.51.100.9"),
        ("2001:DB8::7", 1, "2001:db8::7"),
        (None, 1, PROXY),
        ("", 1, PROXY),
        ("unknown", 1, PROXY),
        ("203.0.113.7, ", 1, PROXY),
        ("fe80::1%<b>", 1, PROXY),
        ("203.0.113.7", 2, PROXY),
    ],
)
def test_the_count_th_address_from_the_right_is_the_client(
    header: str | None, count: int, address: str
) -> None:
    assert seen(header, count) == address


def log_in(client: Client, address: str) -> int:
    return client.post(
        "/login/", {"login": "nobody", "password": "wrong"}, headers={"x-forwarded-for": address}
    ).status_code


@override_settings(ACCOUNT_RATE_LIMITS={"login": "2/m/ip"}, PROXY_COUNT=1)
def test_log_ins_are_counted_for_each_forwarded_address(db: None, client: Client) -> None:
    assert [log_in(client, "203.0.113.7") for _ in range(3)] == [200, 200, 429]
    assert log_in(client, "203.0.113.7") == 429
    assert log_in(client, "203.0.113.8") == 200
    assert log_in(client, "203.0.113.8, 203.0.113.7") == 429  # who writes the left part is still himself


@override_settings(ACCOUNT_RATE_LIMITS={"login": "2/m/ip"}, PROXY_COUNT=0)
def test_without_a_proxy_a_made_up_header_escapes_no_limit(db: None, client: Client) -> None:
    assert [log_in(client, f"203.0.113.{number}") for number in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(("count", "origin"), [(0, "panel 127.0.0.1"), (1, "panel 203.0.113.7")])
def test_history_says_from_where(admin_actor: Actor, client: Client, count: int, origin: str) -> None:
    client.post("/login/", {"login": "admin", "password": PASSWORD})
    with override_settings(PROXY_COUNT=count):
        answer = client.post(
            "/customers/add/",
            {"username": "jo", "kind": "customer", "currency": "GBP"},
            headers={"x-forwarded-for": "203.0.113.7"},
        )
    assert answer.status_code == 302
    assert Event.objects.get(action="customer.added").origin == origin


@pytest.mark.parametrize(("secure", "begins"), [(True, "https://"), (False, "http://")])
def test_a_shop_with_secure_cookies_is_reached_by_https(settings, secure: bool, begins: str) -> None:
    settings.SESSION_COOKIE_SECURE = secure

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.build_absolute_uri("/password/"))

    text = Https(answer)(RequestFactory().get("/", headers={"host": "testserver"})).content.decode()
    assert text == f"{begins}testserver/password/"
