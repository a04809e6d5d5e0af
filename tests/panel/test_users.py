"""Settings > Users: an admin adds, invites, changes and switches off, and nobody else does."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from tests.conftest import PASSWORD
from tillbook.common.actor import PERMISSIONS, USER_ROLES, Actor, Permission, Scope
from tillbook.events.models import Event
from tillbook.staff import keys
from tillbook.staff.models import User
from tillbook.staff.queries import by_username

NEW = "a quite different one"


@pytest.fixture(autouse=True)
def no_tries_before() -> None:
    """Log-ins are counted in the cache, which outlives a test."""
    cache.clear()


def logged_in(username: str, password: str = PASSWORD) -> Client:
    client = Client()
    answer = client.post("/login/", {"login": username, "password": password})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    return client


def shown(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def link_in_mail() -> str:
    found = re.search(r"http://testserver(/password/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def test_the_list_has_everybody_with_their_state(as_admin: Client, staff_actor: Actor, viewer_actor: Actor):
    logged_in("staff")
    page = shown(as_admin, "/users/").split("What each role may do")[0]
    rows = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in page.split("<tr>")[2:]]
    assert [row[:3] for row in rows] == [
        ["admin", "Admin", "Active"],
        ["staff", "Staff", "Active"],
        ["viewer", "Viewer", "Active"],
    ]
    assert (rows[1][-1], rows[2][3:]) == ("1", ["Never", "None", "–"])


def test_a_page_that_was_overtaken_gives_no_role_back(
    as_admin: Client, staff_actor: Actor, admin_actor: Actor
):
    address = f"/users/{staff_actor.user_id}/"
    page = shown(as_admin, address)
    assert re.search(r'name="initial-role"[^>]*value="staff"', page)
    as_admin.post(address, {"email": "", "role": "viewer"})
    seen = {"initial-email": "", "initial-role": "staff"}
    as_admin.post(address, seen | {"email": "sam@example.com", "role": "staff"})
    user = User.objects.get(pk=staff_actor.user_id)
    assert (user.role, user.email) == ("viewer", "sam@example.com")


def test_the_table_of_permissions_is_the_rules_own(as_admin: Client):
    marks = shown(as_admin, "/users/").split("What each role may do")[1]
    told = {
        re.sub(r"<[^>]+>", "", row.split("</th>")[0]).strip().lower(): re.findall(r"\b(Yes|No)\b", row)
        for row in marks.split("<tr>")[2:]
    }
    expected = {
        permission.value.lower(): ["Yes" if permission in PERMISSIONS[role] else "No" for role in USER_ROLES]
        for permission in Permission
    }
    assert expected.pop("run the book's own rounds") == ["No", "No", "No"]
    assert expected.pop("ask for refunds of one's own credit") == ["No", "No", "No"]
    assert {name.replace("&#x27;", "'"): row for name, row in told.items()} == expected


def test_a_user_is_added_with_a_password(as_admin: Client):
    data = {"username": "bo", "email": "", "role": "viewer", "password": NEW}
    answer = as_admin.post("/users/add/", data, follow=True)
    assert "bo was added." in answer.content.decode()
    assert by_username("bo").role == "viewer"
    assert mail.outbox == []
    logged_in("bo", NEW)


def test_a_user_is_invited_and_logs_in_with_the_password_they_chose(as_admin: Client):
    data = {"username": "bo", "email": "bo@example.com", "role": "staff", "password": ""}
    answer = as_admin.post("/users/add/", data, follow=True)
    assert "was sent to bo@example.com" in answer.content.decode()
    assert by_username("bo").state == "invited"
    link, stranger = link_in_mail(), Client()
    assert "For bo" in shown(stranger, link)
    differing = stranger.post(link, {"password": NEW, "again": NEW + "x"})
    assert (differing.status_code, by_username("bo").state) == (422, "invited")
    chosen = stranger.post(link, {"password": NEW, "again": NEW}, follow=True)
    assert "Your password is set. Log in with it." in chosen.content.decode()
    logged_in("bo", NEW)

    again = stranger.post(link, {"password": PASSWORD, "again": PASSWORD})
    assert (again.status_code, by_username("bo").check_password(NEW)) == (404, True)


def test_a_wrong_link_and_a_used_one_show_the_same_page(as_admin: Client):
    as_admin.post("/users/add/", {"username": "bo", "email": "bo@example.com", "role": "staff"})
    link, stranger = link_in_mail(), Client()
    stranger.post(link, {"password": NEW, "again": NEW})
    nobody = re.sub(r"/password/[^/]+/", "/password/OTk5OQ/", link)
    pages = [stranger.get(path) for path in (link, nobody, "/password/x/y/", "/password/MQ/cx-1/")]
    assert {page.status_code for page in pages} == {404}
    assert len({page.content for page in pages}) == 1
    assert "bo" not in re.findall(r"\w+", re.sub(r"<[^>]+>", "", pages[0].content.decode()))


def test_where_no_mail_server_is_set_the_page_says_where_the_mail_went(as_admin: Client, settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    data = {"username": "bo", "email": "bo@example.com", "role": "staff"}
    page = as_admin.post("/users/add/", data, follow=True).content.decode()
    [file] = tmp_path.iterdir()
    assert f"the message to bo@example.com was written to {file}." in page


def test_a_mail_that_fails_is_told_and_can_be_sent_again(as_admin: Client, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    data = {"username": "bo", "email": "bo@example.com", "role": "staff"}
    page = as_admin.post("/users/add/", data, follow=True).content.decode()
    assert "did not take the message to bo@example.com" in page
    assert "Send the invitation again" in page
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    as_admin.post(f"/users/{by_username('bo').pk}/link/")
    assert [message.to for message in mail.outbox] == [["bo@example.com"]]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("username", "", "Enter the username."),
        ("username", "ADMIN", "is taken"),
        ("email", "nonsense", "is not an e-mail address"),
        ("email", "", "Enter the e-mail address for the invitation"),
        ("role", "system", "Select a valid choice."),
        ("password", "short", "too short"),
    ],
)
def test_a_wrong_field_is_named_and_nobody_is_added(as_admin: Client, field: str, value: str, message: str):
    data = {"username": "bo", "email": "bo@example.com", "role": "staff", "password": "", field: value}
    answer = as_admin.post("/users/add/", data)
    assert (answer.status_code, User.objects.count(), mail.outbox) == (422, 1, [])
    assert message in answer.content.decode()


def test_role_and_address_are_changed(as_admin: Client, staff_actor: Actor):
    data = {"email": "s@example.com", "role": "viewer"}
    as_admin.post(f"/users/{staff_actor.user_id}/", data)
    user = by_username("staff")
    assert (user.email, user.role) == ("s@example.com", "viewer")


def test_a_role_that_can_t_be_changed_leaves_the_address_as_well(as_admin: Client, admin_actor: Actor):
    answer = as_admin.post(f"/users/{admin_actor.user_id}/", {"email": "a@example.com", "role": "staff"})
    assert answer.status_code == 422
    assert "Ask another admin." in answer.content.decode()
    user = by_username("admin")
    assert (user.email, user.role) == ("", "admin")


def test_who_is_switched_off_is_out_with_the_next_request_and_so_are_their_keys(
    as_admin: Client, staff_actor: Actor, system_actor: Actor, now: datetime
):
    user = by_username("staff")
    _, secret = keys.add_key(owner=user, name="x", scopes=[Scope.READ], actor=system_actor, now=now)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    at_work = logged_in("staff")
    assert (at_work.get("/customers/").status_code, program.get("/api/v1/customers").status_code) == (
        200,
        200,
    )

    page = as_admin.post(f"/users/{user.pk}/switch/", {"off": ""}, follow=True).content.decode()
    assert "every session has ended" in page.replace("&#x27;", "'")
    assert (at_work.get("/customers/").status_code, program.get("/api/v1/customers").status_code) == (
        302,
        401,
    )
    refused = Client().post("/login/", {"login": "staff", "password": PASSWORD}, follow=True)
    assert "This user may not log in" in refused.content.decode()

    as_admin.post(f"/users/{user.pk}/switch/", {"on": ""})
    assert at_work.get("/customers/").status_code == 302  # the old session stays ended
    logged_in("staff")


def test_one_session_is_ended_and_the_other_goes_on(as_admin: Client, staff_actor: Actor):
    first, second = logged_in("staff"), logged_in("staff")
    path = f"/users/{staff_actor.user_id}/"
    ids = re.findall(r'name="session" value="(\d+)"', shown(as_admin, path))
    assert len(ids) == 2
    as_admin.post(f"{path}end-session/", {"session": ids[0]})  # the newest stands first
    assert (first.get("/customers/").status_code, second.get("/customers/").status_code) == (200, 302)
    assert Event.objects.filter(action="user.session_ended", subject="user:staff").count() == 1
    again = as_admin.post(f"{path}end-session/", {"session": ids[0]}, follow=True)
    assert (again.status_code, "This session has ended already." in again.content.decode()) == (200, True)
    assert Event.objects.filter(action="user.session_ended").count() == 1


def test_a_session_is_not_ended_in_another_user_s_name(
    as_admin: Client, staff_actor: Actor, viewer_actor: Actor
):
    at_work = logged_in("staff")
    [session] = re.findall(r'name="session" value="(\d+)"', shown(as_admin, f"/users/{staff_actor.user_id}/"))
    answer = as_admin.post(f"/users/{viewer_actor.user_id}/end-session/", {"session": session})
    assert (answer.status_code, at_work.get("/customers/").status_code) == (302, 200)


def test_only_admins_manage_users(as_viewer: Client, as_staff: Client, admin_actor: Actor):
    before = Event.objects.count()
    start = f"/users/{admin_actor.user_id}/"
    for client in (as_viewer, as_staff):
        assert "/users/" not in shown(client, "/customers/")
        for path in ("/users/", "/users/add/", start):
            assert client.get(path).status_code == 403
        for path in ("/users/add/", start, f"{start}switch/", f"{start}link/", f"{start}end-session/"):
            assert client.post(path, {"username": "x", "role": "admin", "password": NEW}).status_code == 403
    assert Event.objects.count() == before


@pytest.mark.parametrize("path", ["/users/0/", "/users/99999999/", "/users/x/"])
def test_nobody_s_page_is_a_404(as_admin: Client, path: str):
    assert as_admin.get(path).status_code == 404
