"""One code of an authenticator app, sent several times at the same moment."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db import transaction
from django.test import Client

from tests.conftest import PASSWORD, _user_actor
from tests.databases import at_once, wait_until_one_waits
from tillbook.common.actor import Actor, Role
from tillbook.staff.models import User
from tillbook.staff.second_factor import take_code


@pytest.fixture
def user(own_database: None, now: datetime) -> User:
    return User.objects.get(pk=_user_actor("staff", Role.STAFF, Actor.system("test"), now).user_id)


@pytest.fixture
def code(user: User) -> str:
    """The next one of the user's app, which is taken already: the half minute may end within the test."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    _, _, next_one = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, next_one))


def test_one_code_at_once_lets_one_in(settings: Any, code: str) -> None:
    """In as many processes of the server: none knows what another one has in its memory."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    clients = [Client() for _ in range(6)]
    for client in clients:
        client.post("/login/", {"login": "staff", "password": PASSWORD})
    at_once([partial(client.post, "/login/second-factor/", {"code": code}) for client in clients])
    assert [client.get("/account/").status_code for client in clients].count(200) == 1


def test_who_takes_the_same_code_waits_for_the_first(user: User, code: str) -> None:
    def take() -> bool:
        with transaction.atomic():
            taken = take_code(user.pk, code)
            if taken:  # and nobody else knows yet
                wait_until_one_waits()
            return taken

    assert sorted(at_once([take] * 4)) == [False, False, False, True]
