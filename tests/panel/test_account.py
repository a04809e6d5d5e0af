"""My account: the password, the second factor and the sessions of whoever is logged in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.core.cache import cache
from django.test import Client

from tests.conftest import PASSWORD
from tests.panel.test_roles import BUTTONS, FORMS, PAGES, REPORTS, SETTINGS
from tillbook.common.actor import Actor
from tillbook.events.models import Event
from tillbook.refunds.models import Refund
from tillbook.shop.services import save
from tillbook.staff import second_factor, services
from tillbook.staff.queries import by_username

CONFIRM = "/account/confirm/password/"
NEW = "a quite different one"
HALF_MINUTE = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)  # as it begins


@pytest.fixture(autouse=True)
def no_tries_before() -> None:
    """Tries and used codes are kept in the cache, which outlives a test."""
    cache.clear()


def log_in(username: str, password: str = PASSWORD) -> Client:
    client = Client()
    client.post("/login/", {"login": username, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def code_for(secret: str, *, later: int = 0) -> str:
    """The code that an app shows now, or so many half minutes later; the panel takes one of either side."""
    _, now, _ = yield_hotp_counters_from_time()
    return format_hotp_value(hotp_value(secret, now + later))


def with_app(username: str) -> tuple[Client, str, list[str]]:
    """Someone logged in who set up an app: with the app's secret, and the recovery codes as shown."""
    client = log_in(username)
    asked = client.get("/account/app/")
    assert (asked.status_code, unquote(asked["Location"])) == (302, f"{CONFIRM}?next=/account/app/")
    page = client.post(asked["Location"], {"password": PASSWORD}, follow=True).content.decode()
    [secret] = re.findall(r'id="secret">([A-Z2-7]+)<', page)
    page = client.post("/account/app/", {"code": code_for(secret)}, follow=True).content.decode()
    codes = re.findall(r"<li>(\d{8})</li>", page)
    assert len(codes) == 10
    return client, secret, codes


def actions(username: str) -> list[str]:
    events = Event.objects.filter(subject=f"user:{username}").order_by("pk")
    return list(events.exclude(action="user.added").values_list("action", flat=True))


def test_an_app_is_set_up_and_asked_for_at_the_next_log_in(staff_actor: Actor):
    _, secret, _ = with_app("staff")
    assert actions("staff") == ["user.second_factor_added", "user.recovery_codes_made"]
    event = Event.objects.get(action="user.second_factor_added")
    assert (event.data, event.actor_name) == ({"kind": "authenticator app"}, "staff")
    assert secret not in str(list(Event.objects.values()))

    client = log_in("staff")
    assert not is_in(client)
    wrong = client.post("/login/second-factor/", {"code": "000000"})
    assert (wrong.status_code, "Incorrect code" in wrong.content.decode(), is_in(client)) == (
        200,
        True,
        False,
    )
    client.post("/login/second-factor/", {"code": code_for(secret, later=1)})
    assert is_in(client)


def test_what_is_left_empty_on_the_way_in_is_asked_for_by_its_name(staff_actor: Actor):
    nobody = Client().post("/login/", {})
    assert "Enter the username." in nobody.text
    assert "Enter the password." in nobody.text
    client = log_in("staff")
    assert "Enter the password." in client.post(CONFIRM, {}).text
    client.post(CONFIRM, {"password": PASSWORD})
    client.get("/account/app/")
    assert "Enter the authenticator code." in client.post("/account/app/", {}).text
    with_app("staff")
    assert "Enter the code." in log_in("staff").post("/login/second-factor/", {"code": ""}).text


def test_an_app_keeps_the_code_under_the_shop_s_name_as_it_was_saved_last(
    staff_actor: Actor, admin_actor: Actor, now: datetime
):
    save("shop", {"name": "Holt & Co: Tea"}, seen=0, actor=admin_actor, now=now)
    client = log_in("staff")
    asked = client.get("/account/app/")
    page = client.post(asked["Location"], {"password": PASSWORD}, follow=True).content.decode()
    [secret] = re.findall(r'id="secret">([A-Z2-7]+)<', page)
    address = f"otpauth://totp/staff?secret={secret}&issuer=Holt%20%26%20Co%3A%20Tea"
    picture = get_adapter().build_totp_svg(address)
    assert client.get("/account/app/code.svg").content.decode() == picture


def test_a_code_lets_nobody_in_twice(staff_actor: Actor):
    _, secret, _ = with_app("staff")
    code = code_for(secret, later=1)
    first, second = log_in("staff"), log_in("staff")
    first.post("/login/second-factor/", {"code": code})
    second.post("/login/second-factor/", {"code": code})
    assert (is_in(first), is_in(second)) == (True, False)


def _lets_in(code: str) -> bool:
    """In another browser, by another process of the server, whose memory has no codes."""
    cache.clear()
    client = log_in("staff")
    client.post("/login/second-factor/", {"code": code})
    return is_in(client)


def test_a_used_code_is_wrong_as_long_as_it_would_be_right(staff_actor: Actor):
    with time_machine.travel(HALF_MINUTE, tick=False):
        _, secret, _ = with_app("staff")
        at_set_up = code_for(secret)
        assert not _lets_in(at_set_up)
    with time_machine.travel(HALF_MINUTE + timedelta(seconds=30), tick=False):
        code = code_for(secret)
        assert [_lets_in(code), _lets_in(code), _lets_in(f" {code[:3]} {code[3:]}")] == [True, False, False]
        assert not _lets_in(at_set_up)
    for seconds in (59, 60, 89):
        with time_machine.travel(HALF_MINUTE + timedelta(seconds=seconds), tick=False):
            assert not _lets_in(code)
    with time_machine.travel(HALF_MINUTE + timedelta(seconds=89), tick=False):
        assert _lets_in(code_for(secret))


def test_the_code_that_one_logged_in_with_confirms_nothing(staff_actor: Actor):
    with time_machine.travel(HALF_MINUTE, tick=False):
        _, secret, _ = with_app("staff")
        client = log_in("staff")
        code = {"code": code_for(secret, later=1)}
        client.post("/login/second-factor/", code)
    cache.clear()
    with time_machine.travel(HALF_MINUTE + timedelta(seconds=60), tick=False):
        refused = client.post("/account/confirm/code/", code)
        assert (refused.status_code, "Incorrect code" in refused.content.decode()) == (200, True)
        confirmed = client.post("/account/confirm/code/", {"code": code_for(secret)})
        assert (confirmed.status_code, confirmed["Location"]) == (302, "/")


def test_the_code_alone_lets_nobody_in(client: Client, staff_actor: Actor):
    _, secret, _ = with_app("staff")
    answer = client.post("/login/second-factor/", {"code": code_for(secret, later=1)})
    assert (answer.status_code, answer["Location"], is_in(client)) == (302, "/login/", False)


def test_the_second_step_is_throttled_like_the_first(staff_actor: Actor):
    _, secret, _ = with_app("staff")
    client = log_in("staff")
    said = [
        client.post("/login/second-factor/", {"code": f"00000{number}"}).content.decode()
        for number in range(6)
    ]
    assert ["Incorrect code" in page for page in said] == [True] * 5 + [False]
    assert "Too many failed login attempts" in said[5]
    code = code_for(secret, later=1)
    page = client.post("/login/second-factor/", {"code": code}).content.decode()
    assert "Too many failed login attempts" in page
    other = log_in("staff")  # another browser does not help
    other.post("/login/second-factor/", {"code": code})
    assert (is_in(client), is_in(other)) == (False, False)
    cache.clear()  # as five minutes later, but for the code, which was not used up by that
    client.post("/login/second-factor/", {"code": code})
    assert is_in(client)


def test_a_recovery_code_lets_one_in_once_and_is_shown_once(staff_actor: Actor):
    client, _, codes = with_app("staff")
    page = client.get("/account/recovery-codes/").content.decode()
    assert not [code for code in codes if code in page]
    assert "10 unused" in client.get("/account/").content.decode()
    first, second = log_in("staff"), log_in("staff")
    first.post("/login/second-factor/", {"code": codes[0]})
    second.post("/login/second-factor/", {"code": codes[0]})
    assert (is_in(first), is_in(second)) == (True, False)
    assert "9 unused" in client.get("/account/").content.decode()
    made = client.post("/account/recovery-codes/make/", follow=True).content.decode()
    assert not set(codes) & set(re.findall(r"<li>(\d{8})</li>", made))
    assert actions("staff")[-1] == "user.recovery_codes_made"


def test_without_the_app_the_password_is_enough_again(staff_actor: Actor):
    client, _, _ = with_app("staff")
    client.post("/account/app/remove/")
    assert actions("staff")[-1] == "user.second_factor_removed"
    assert second_factor.authenticators_of(by_username("staff").pk) == {}
    assert is_in(log_in("staff"))


@pytest.mark.parametrize("path", ["/account/app/", "/account/passkeys/add/", "/account/recovery-codes/make/"])
def test_an_open_session_alone_changes_no_second_factor(staff_actor: Actor, path: str):
    client = log_in("staff")
    answer = client.post(path, {"code": "123456", "name": "x", "credential": "{}"})
    assert (answer.status_code, unquote(answer["Location"])) == (302, f"{CONFIRM}?next={path}")
    assert actions("staff") == []


NO_PASSKEYS = [
    ("", 200),
    ("{}", 200),
    ("[]", 200),
    ("null", 200),
    ('{"id": "x", "type": "public-key"}', 400),
    ('{"id": "x", "rawId": "x", "response": [], "type": "public-key"}', 400),
    ('{"id": "x", "rawId": "x", "response": {"clientDataJSON": "x"}, "type": "public-key"}', 400),
]


@pytest.mark.parametrize(("credential", "status"), NO_PASSKEYS)
def test_what_is_no_passkey_is_not_added(staff_actor: Actor, credential: str, status: int):
    client = log_in("staff")
    client.post(CONFIRM, {"password": PASSWORD})
    assert client.get("/account/passkeys/add/").status_code == 200
    answer = client.post("/account/passkeys/add/", {"name": "laptop", "credential": credential})
    assert (answer.status_code, actions("staff")) == (status, [])


@pytest.mark.parametrize("credential", [credential for credential, _ in NO_PASSKEYS])
def test_what_is_no_passkey_lets_nobody_in(staff_actor: Actor, credential: str):
    with_app("staff")
    client = log_in("staff")
    answer = client.post("/login/second-factor/", {"credential": credential})
    assert (answer.status_code in {200, 400}, is_in(client)) == (True, False)


def test_the_picture_is_one_of_the_secret(staff_actor: Actor):
    client = log_in("staff")
    client.post(CONFIRM, {"password": PASSWORD})
    client.get("/account/app/")
    picture = client.get("/account/app/code.svg")
    assert (picture["Content-Type"], b"<svg" in picture.content) == ("image/svg+xml", True)
    assert "no-store" in picture["Cache-Control"]
    again = client.get("/account/app/code.svg")
    client.get("/account/app/")  # makes another secret
    assert picture.content == again.content != client.get("/account/app/code.svg").content


@pytest.mark.parametrize(
    "path", ["", "app/", "app/code.svg", "passkeys/add/", "recovery-codes/", "password/"]
)
def test_a_stranger_is_sent_to_log_in(client: Client, db: None, path: str):
    answer = client.get(f"/account/{path}")
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next=/account/{path}")


class TestForced:
    """TILLBOOK_ADMIN_SECOND_FACTOR: an admin without one comes to no page but those where it is set up."""

    @pytest.fixture(autouse=True)
    def wanted(self, settings: Any, deposit: object, request_refund: Any) -> None:
        settings.TILLBOOK_ADMIN_SECOND_FACTOR = True
        assert request_refund(5_000).number == "RF-1001"

    @pytest.mark.parametrize(
        "path", [*PAGES, *FORMS, *REPORTS, *SETTINGS, "/users/", "/keys/", "/account/password/"]
    )
    def test_every_other_page_leads_to_the_account(self, as_admin: Client, path: str):
        answer = as_admin.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/account/")

    @pytest.mark.parametrize(("path", "data"), BUTTONS)
    def test_no_button_does_anything(self, as_admin: Client, path: str, data: dict[str, str]):
        before = Event.objects.count()
        answer = as_admin.post(path, data)
        assert (answer.status_code, answer["Location"]) == (302, "/account/")
        assert Event.objects.count() == before
        assert Refund.objects.get().status == Refund.Status.REQUESTED

    def test_the_account_says_why_and_the_app_opens_the_rest(self, admin_actor: Actor):
        client = log_in("admin")
        page = client.get("/customers/", follow=True)
        assert "Admins of this shop log in with a second factor." in page.content.decode()
        client, _, _ = with_app("admin")
        assert client.get("/users/").status_code == 200
        assert "until then" not in client.get("/account/").content.decode()
        client.post("/account/app/remove/")
        assert client.get("/users/").status_code == 302

    def test_others_go_on_as_before(self, as_staff: Client, as_viewer: Client):
        assert (as_staff.get("/customers/").status_code, as_viewer.get("/customers/").status_code) == (
            200,
            200,
        )


def test_a_second_factor_that_was_lost_is_reset_by_an_admin(as_admin: Client, staff_actor: Actor):
    with_app("staff")
    page = as_admin.get(f"/users/{staff_actor.user_id}/").content.decode()
    assert "Remove second factor" in page
    assert "Authenticator app" in as_admin.get("/users/").content.decode()
    as_admin.post(f"/users/{staff_actor.user_id}/reset-second-factor/")
    event = Event.objects.get(action="user.second_factor_removed")
    assert (event.subject, event.actor_name) == ("user:staff", "admin")
    assert is_in(log_in("staff"))


def test_neither_staff_nor_admins_themselves_reset_a_second_factor(
    as_staff: Client, as_admin: Client, admin_actor: Actor
):
    with_app("admin")
    path = f"/users/{admin_actor.user_id}/reset-second-factor/"
    assert as_staff.post(path).status_code == 403
    page = as_admin.post(path, follow=True).content.decode()
    assert "on the page of your account" in page
    assert second_factor.has_second_factor(by_username("admin").pk)


def test_a_password_is_changed_and_only_this_session_goes_on(staff_actor: Actor):
    here, there = log_in("staff"), log_in("staff")
    wrong = here.post("/account/password/", {"current": "x", "password": NEW, "again": NEW})
    assert (wrong.status_code, "not your present password" in wrong.content.decode()) == (422, True)
    differing = here.post("/account/password/", {"current": PASSWORD, "password": NEW, "again": PASSWORD})
    assert (differing.status_code, by_username("staff").check_password(PASSWORD)) == (422, True)
    answer = here.post(
        "/account/password/", {"current": PASSWORD, "password": NEW, "again": NEW}, follow=True
    )
    assert "Your password is changed." in answer.content.decode()
    assert (is_in(here), is_in(there), is_in(log_in("staff")), is_in(log_in("staff", NEW))) == (
        True,
        False,
        False,
        True,
    )
    assert here.get("/account/").content.decode().count("This one") == 1


def test_the_present_password_is_not_guessed_without_end(staff_actor: Actor):
    client = log_in("staff")
    data = {"current": "x", "password": NEW, "again": NEW}
    answers = [client.post("/account/password/", data).status_code for _ in range(6)]
    assert answers == [422] * 5 + [429]
    assert client.post("/account/password/", data | {"current": PASSWORD}).status_code == 429
    assert by_username("staff").check_password(PASSWORD)


def test_one_s_own_sessions_are_ended_and_no_other_s(staff_actor: Actor, viewer_actor: Actor):
    here, there, other = log_in("staff"), log_in("staff"), log_in("viewer")
    [mine] = re.findall(r'name="session" value="(\d+)"', here.get("/account/").content.decode())
    refused = other.post("/account/end-session/", {"session": mine}, follow=True)
    assert "This session has ended already." in refused.content.decode()  # not that it is somebody's
    assert here.get("/account/").status_code == 200
    assert is_in(there)
    here.post("/account/end-session/", {"session": mine})
    assert (is_in(here), is_in(there), is_in(other)) == (True, False, True)


def test_switching_off_ends_a_log_in_between_its_two_steps(staff_actor: Actor, system_actor: Actor, now: Any):
    _, secret, _ = with_app("staff")
    client = log_in("staff")
    services.switch_off(staff_actor.user_id or 0, actor=system_actor, now=now)
    client.post("/login/second-factor/", {"code": code_for(secret, later=1)})
    assert not is_in(client)
