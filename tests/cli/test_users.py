"""`tillbook user`: what the one who holds the machine does about the people who work at the shop."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from tests.cli.conftest import Run
from tests.conftest import PASSWORD
from tillbook.common.actor import Actor
from tillbook.events.models import Event
from tillbook.staff.queries import by_username
from tillbook.staff.second_factor import has_second_factor


@pytest.mark.usefixtures("admin_actor", "staff_actor", "viewer_actor")
def test_the_list_has_everybody(run: Run) -> None:
    run("user", "off", "staff")
    code, shown, _ = run("user", "list")
    assert (code, shown.splitlines()) == (
        0,
        [
            "admin  admin  active  never logged in",
            "viewer  viewer  active  never logged in",
            "staff  staff  switched off  never logged in",
        ],
    )


def test_a_role_is_changed(staff_actor: Actor, run: Run) -> None:
    assert run("user", "role", "staff", "viewer") == (0, "staff is viewer now.\n", "")
    assert by_username("staff").role == "viewer"


def test_a_user_is_switched_off_and_on(staff_actor: Actor, run: Run) -> None:
    assert run("user", "off", "staff") == (0, "staff can't log in any more.\n", "")
    assert not by_username("staff").is_active
    assert run("user", "on", "staff") == (0, "staff may log in again.\n", "")
    assert by_username("staff").is_active


def test_a_password_is_made_or_read(staff_actor: Actor, run: Run) -> None:
    code, shown, _ = run("user", "password", "staff")
    name, password = shown.rstrip("\n").split(": ")
    assert (code, name, by_username("staff").check_password(password)) == (0, "staff", True)
    outcome = run("user", "password", "staff", "--password-stdin", stdin=PASSWORD + "\n")
    assert outcome == (0, "staff has a new password.\n", "")
    assert by_username("staff").check_password(PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["off", "admin"], "admin is the last admin who can log in. Make somebody else an admin first."),
        (
            ["role", "admin", "staff"],
            "admin is the last admin who can log in. Make somebody else an admin first.",
        ),
        (["off", "nobody"], "There is no user 'nobody'."),
    ],
)
def test_what_can_t_be_is_one_line_and_changes_nothing(
    admin_actor: Actor, run: Run, arguments: list[str], said: str
) -> None:
    before = Event.objects.count()
    assert run("user", *arguments) == (1, "", said + "\n")
    assert Event.objects.count() == before
    assert (by_username("admin").role, by_username("admin").is_active) == ("admin", True)


def test_a_lost_second_factor_is_removed(staff_actor: Actor, run: Run) -> None:
    user = by_username("staff")
    TOTP.activate(user, generate_totp_secret())
    assert has_second_factor(user.pk)
    outcome = run("user", "reset-second-factor", "staff")
    assert outcome == (0, "staff logs in with the password alone.\n", "")
    assert not has_second_factor(user.pk)
