"""The pages that come from the ground, in the panel's own style."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from tests.conftest import PASSWORD
from tillbook.common.actor import Actor

STYLE = "/static/panel/tillbook.css"


@pytest.fixture(autouse=True)
def no_tries_before() -> None:
    """Log-ins are counted in the cache, which outlives a test."""
    cache.clear()


def test_log_out_by_its_address_asks_first(staff_actor: Actor, client: Client) -> None:
    client.post("/login/", {"login": "staff", "password": PASSWORD})
    page = client.get("/logout/")
    assert (page.status_code, client.session["_auth_user_id"]) == (200, str(staff_actor.user_id))
    shown = page.content.decode()
    assert STYLE in shown
    assert "<h1>Log out?</h1>" in shown
    assert '<form class="form" method="post" action="/logout/">' in shown

    answer = client.post("/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/")
    assert "_auth_user_id" not in client.session


@override_settings(ALLOWED_HOSTS=["shop.example"])
def test_a_request_that_can_t_be_read_has_a_page(db: None, client: Client) -> None:
    page = client.get("/login/", headers={"host": "evil.example"})
    assert page.status_code == 400
    assert STYLE in page.content.decode()
    assert "<h1>That request can't be read</h1>" in page.content.decode()


@override_settings(ACCOUNT_RATE_LIMITS={"login": "1/m/ip"})
def test_too_many_tries_have_a_page(staff_actor: Actor, client: Client) -> None:
    client.post("/login/", {"login": "staff", "password": "wrong"})
    page = client.post("/login/", {"login": "staff", "password": PASSWORD})
    assert page.status_code == 429
    assert STYLE in page.content.decode()
    assert "<h1>Too many tries</h1>" in page.content.decode()
    assert "_auth_user_id" not in client.session
