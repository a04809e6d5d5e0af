"""An admin makes API keys and ends them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from tillbook.staff import keys
from tillbook.staff.models import ApiKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def shown(as_admin: Client):
    """Adds a key over the page; its secret as the page shows it."""

    def add(**more: object) -> str:
        data = {"name": "web checkout", "owner": "admin", "scopes": ["credit", "orders"], **more}
        answer = as_admin.post("/keys/", data)
        assert answer.status_code == 200
        found = re.search(r"tb_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", answer.content.decode())
        assert found is not None
        return found[0]

    return add


def test_a_key_is_shown_once_and_works(as_admin: Client, shown):
    secret = shown()
    key = keys.key_of(secret, timezone.now())
    assert key is not None
    assert key.username == "admin"
    stored = ApiKey.objects.get()
    assert (stored.name, stored.prefix, stored.scopes) == ("web checkout", key.prefix, ["orders", "credit"])
    page = as_admin.get("/keys/").content.decode()
    assert secret not in page
    assert f"tb_{key.prefix}…" in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Enter the name."),
        ("owner", "nobody", "Select a valid choice."),
        ("scopes", [], "Choose at least one scope."),
        ("scopes", ["all"], "Select a valid choice."),
    ],
)
def test_a_wrong_field_is_named_and_no_key_is_made(as_admin: Client, field, value, message):
    data = {"name": "x", "owner": "admin", "scopes": ["read"], field: value}
    answer = as_admin.post("/keys/", data)
    assert (answer.status_code, ApiKey.objects.count()) == (422, 0)
    assert message in answer.content.decode()


def test_a_revoked_key_is_ended_at_once(as_admin: Client, shown):
    secret = shown()
    answer = as_admin.post("/keys/revoke/", {"key": ApiKey.objects.get().pk}, follow=True)
    assert keys.key_of(secret, timezone.now()) is None
    assert "web checkout can&#x27;t be used any more." in answer.content.decode()
    assert "Revoked" in answer.content.decode()


def test_staff_can_end_no_key(as_staff: Client, shown):
    secret = shown()
    answer = as_staff.post("/keys/revoke/", {"key": ApiKey.objects.get().pk})
    assert answer.status_code == 403
    assert keys.key_of(secret, timezone.now()) is not None


@pytest.mark.parametrize("key", ["", "0", "x", "9" * 30])
def test_a_key_that_is_none_is_not_ended(as_admin: Client, shown, key):
    secret = shown()
    answer = as_admin.post("/keys/revoke/", {"key": key})
    assert answer.status_code == 404
    assert keys.key_of(secret, timezone.now()) is not None
