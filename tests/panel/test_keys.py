"""An admin makes API keys and ends them."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from tillbook.common.actor import Actor, Role, Scope
from tillbook.events.models import Event
from tillbook.panel.edge import new_key
from tillbook.staff import keys
from tillbook.staff import services as staff
from tillbook.staff.models import ApiKey

pytestmark = pytest.mark.django_db

WANTED = {"name": "web checkout", "owner": "admin", "scopes": ["credit", "orders"]}
SECRET = re.compile(r"tb_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def shown(as_admin: Client):
    """Adds a key over the page; its secret as the page shows it."""

    def add(**more: object) -> str:
        data = {**WANTED, "key": new_key(), **more}
        answer = as_admin.post("/keys/", data)
        assert answer.status_code == 200
        found = SECRET.search(answer.content.decode())
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


def _key_of_form(page: str) -> str:
    [key] = re.findall(r'<input type="hidden" name="key" value="([^"]+)"', page)
    return key


def test_the_page_reloaded_after_a_key_was_made_makes_no_second_one(as_admin: Client):
    sent = {**WANTED, "key": _key_of_form(as_admin.get("/keys/").content.decode())}
    first = as_admin.post("/keys/", sent).content.decode()
    again = as_admin.post("/keys/", sent)
    page = again.content.decode()
    assert (again.status_code, ApiKey.objects.count(), Event.objects.filter(action="key.added").count()) == (
        200, 1, 1,
    )  # fmt: skip
    assert SECRET.search(first) and not SECRET.search(page)
    assert "web checkout was made already" in page and "shown only that once" in page
    assert len({sent["key"], _key_of_form(first), _key_of_form(page)}) == 3


def test_a_form_sent_again_with_other_values_is_refused_where_it_can_be_seen(as_admin: Client):
    as_admin.post("/keys/", {**WANTED, "key": "k"})
    other = as_admin.post("/keys/", {**WANTED, "key": "k", "scopes": ["admin"]})
    assert (other.status_code, ApiKey.objects.count()) == (422, 1)
    assert "This form was already sent, with other values." in other.content.decode()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Enter the name."),
        ("owner", "nobody", "Select a valid choice."),
        ("scopes", [], "Choose at least one scope."),
        ("scopes", ["all"], "Select a valid choice."),
        ("key", "", "This form was sent without its key."),
    ],
)
def test_a_wrong_field_is_named_and_no_key_is_made(as_admin: Client, field, value, message):
    data = {**WANTED, "key": "k", field: value}
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


@pytest.mark.parametrize("scopes", [["refunds"], ["admin"]])
def test_nobody_makes_the_key_of_the_second_person_that_a_refund_takes(
    as_admin: Client, staff_actor: Actor, scopes: list[str]
):
    by = {"actor": Actor.system("test"), "now": timezone.now()}
    bea = staff.add_user(username="bea", role=Role.ADMIN, password="correct horse battery", **by)
    data = {**WANTED, "owner": "bea", "key": "k", "scopes": scopes}
    refused = as_admin.post("/keys/", data)
    assert (refused.status_code, ApiKey.objects.count()) == (422, 0)
    assert "you could approve and pay refunds as bea" in refused.content.decode()
    for allowed in ({"scopes": ["orders", "credit"]}, {"owner": staff_actor.name}, {"owner": "admin"}):
        assert as_admin.post("/keys/", {**data, **allowed, "key": new_key()}).status_code == 200
    assert keys.add_key(owner=bea, name="on the machine", scopes=[Scope(each) for each in scopes], **by)
