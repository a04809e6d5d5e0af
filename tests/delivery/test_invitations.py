"""The link by mail: it works once, for three days, and reveals nothing to whoever guesses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail

from tests.conftest import PASSWORD
from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput, PermissionDenied, WrongState
from tillbook.common.mail import NoEmailAddress
from tillbook.delivery.invitations import send_link
from tillbook.events.models import Event
from tillbook.staff import services
from tillbook.staff.links import LinkSpent, choose_password, user_of_link
from tillbook.staff.models import User
from tillbook.staff.queries import UserNotFound

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


@pytest.fixture
def invited(db: None, system_actor: Actor) -> User:
    return services.add_user(
        username="ina", role=Role.STAFF, password=None, email="ina@example.com", actor=system_actor, now=NOW
    )


def sent(user: User, actor: Actor) -> tuple[str, str]:
    """The id and token of a link just mailed."""
    made: list[tuple[str, str]] = []

    def link(uid: str, token: str) -> str:
        made.append((uid, token))
        return f"https://shop.example/password/{uid}/{token}/"

    send_link(user.pk, link=link, actor=actor, now=NOW)
    assert f"https://shop.example/password/{made[0][0]}/{made[0][1]}/" in str(mail.outbox[-1].body)
    return made[0]


def test_an_invitation_lets_one_choose_a_password_once(invited: User, admin_actor: Actor) -> None:
    with time_machine.travel(NOW):
        uid, token = sent(invited, admin_actor)
        assert (mail.outbox[0].to, mail.outbox[0].subject) == (
            ["ina@example.com"],
            "Your invitation to Tillbook shop",
        )
        assert mail.outbox[0].extra_headers["Auto-Submitted"] == "auto-generated"
        user = choose_password(uid, token, PASSWORD, origin="panel", now=NOW)
        assert (user.pk, user.check_password(PASSWORD), user.state) == (invited.pk, True, "active")
        events = Event.objects.filter(subject="user:ina").order_by("pk").values_list("action", "actor_name")
        assert list(events) == [
            ("user.added", "system"),
            ("user.link_sent", "admin"),
            ("user.password_set", "ina"),
        ]
        with pytest.raises(LinkSpent):
            choose_password(uid, token, "quite another one", origin="panel", now=NOW)
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


def test_it_works_for_three_days(invited: User, admin_actor: Actor) -> None:
    with time_machine.travel(NOW):
        uid, token = sent(invited, admin_actor)
    with time_machine.travel(NOW + timedelta(days=3)):
        assert user_of_link(uid, token) == invited
    with time_machine.travel(NOW + timedelta(days=3, seconds=2)), pytest.raises(LinkSpent):
        user_of_link(uid, token)


def test_a_password_that_will_not_do_does_not_spend_it(invited: User, admin_actor: Actor) -> None:
    with time_machine.travel(NOW):
        uid, token = sent(invited, admin_actor)
        with pytest.raises(InvalidInput):
            choose_password(uid, token, "short", origin="panel", now=NOW)
        assert user_of_link(uid, token) == invited


def test_it_does_not_work_for_who_is_switched_off(invited: User, admin_actor: Actor) -> None:
    with time_machine.travel(NOW):
        uid, token = sent(invited, admin_actor)
        services.switch_off(invited.pk, actor=admin_actor, now=NOW)
        with pytest.raises(LinkSpent):
            user_of_link(uid, token)
        with pytest.raises(WrongState):
            send_link(invited.pk, link="{}{}".format, actor=admin_actor, now=NOW)


def test_one_user_s_link_does_not_open_another_s_account(
    invited: User, staff_actor: Actor, admin_actor: Actor
) -> None:
    with time_machine.travel(NOW):
        _, token = sent(invited, admin_actor)
        services.change_email(staff_actor.user_id or 0, "staff@example.com", actor=admin_actor, now=NOW)
        other, _ = sent(User.objects.get(pk=staff_actor.user_id), admin_actor)
        assert mail.outbox[1].subject == "A new password for Tillbook shop"
        with pytest.raises(LinkSpent):
            user_of_link(other, token)


@pytest.mark.parametrize(
    "uid", ["", "x", "MA", "4pyT", "!!", "A" * 500, "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5"]
)
def test_what_is_no_link_says_the_same(invited: User, uid: str) -> None:
    with pytest.raises(LinkSpent, match="This link does not work, or not any more."):
        user_of_link(uid, "cx1-0123456789")


def test_without_a_mail_server_the_message_is_a_file(
    invited: User, admin_actor: Actor, settings: Any, tmp_path: Any
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    done = send_link(invited.pk, link="https://shop.example/{}/{}/".format, actor=admin_actor, now=NOW)
    assert done.path is not None
    assert "https://shop.example/" in done.path.read_text()
    event = Event.objects.order_by("pk").last()
    assert event is not None
    assert event.data == {"to": "ina@example.com", "file": done.path.name}


def test_only_admins_send_links_and_only_to_an_address(
    invited: User, staff_actor: Actor, admin_actor: Actor
) -> None:
    def link(uid: str, token: str) -> str:
        return uid + token

    with pytest.raises(PermissionDenied):
        send_link(invited.pk, link=link, actor=staff_actor, now=NOW)
    with pytest.raises(NoEmailAddress):
        send_link(staff_actor.user_id or 0, link=link, actor=admin_actor, now=NOW)
    with pytest.raises(UserNotFound):
        send_link(0, link=link, actor=admin_actor, now=NOW)
    assert mail.outbox == []
    assert not Event.objects.filter(action="user.link_sent").exists()
