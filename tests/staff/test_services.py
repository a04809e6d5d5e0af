from __future__ import annotations

from datetime import datetime

import pytest

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import InvalidInput, PermissionDenied
from tillbook.events.models import Event
from tillbook.staff import queries, services
from tillbook.staff.models import User

PASSWORD = "correct horse battery"


def test_a_user_is_added_with_an_event_that_holds_no_password(
    db: None, system_actor: Actor, now: datetime
) -> None:
    user = services.add_user(username="Sam", role=Role.ADMIN, password=PASSWORD, actor=system_actor, now=now)

    assert queries.by_username("Sam") == user
    assert user.check_password(PASSWORD)
    event = Event.objects.get()
    assert (event.action, event.subject, event.data) == ("user.added", "user:Sam", {"role": "admin"})
    assert (event.actor_name, event.origin, event.recorded_at) == ("system", "test", now)


def test_a_name_too_long_for_an_event_s_subject_stands_whole_in_its_data(
    db: None, system_actor: Actor, now: datetime
) -> None:
    services.add_user(username="s" * 150, role=Role.STAFF, password=PASSWORD, actor=system_actor, now=now)
    event = Event.objects.get()
    assert (event.subject, event.data) == ("user:" + "s" * 55, {"role": "staff", "username": "s" * 150})
    assert queries.by_username("s" * 150).role == "staff"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "-sam"}, "username"),
        ({"username": "s am"}, "username"),
        ({"username": "s" * 151}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "111111111111111"}, "password"),
        ({"password": "samantha@shop"}, "password"),
        ({"role": Role.SYSTEM}, "role"),
    ],
)
def test_what_will_not_do_is_refused_by_its_field(
    db: None, system_actor: Actor, now: datetime, wrong: dict[str, str], field: str
) -> None:
    request = {"username": "samantha@shop", "role": Role.STAFF, "password": PASSWORD} | wrong
    with pytest.raises(InvalidInput) as refused:
        services.add_user(**request, actor=system_actor, now=now)  # type: ignore[arg-type]
    assert refused.value.field == field
    assert User.objects.count() == Event.objects.count() == 0


def test_a_taken_name_is_refused_in_any_letter_case(db: None, system_actor: Actor, now: datetime) -> None:
    services.add_user(username="sam", role=Role.STAFF, password=PASSWORD, actor=system_actor, now=now)
    with pytest.raises(services.UsernameTaken):
        services.add_user(username="SAM", role=Role.STAFF, password=PASSWORD, actor=system_actor, now=now)
    assert User.objects.count() == Event.objects.count() == 1


def test_staff_may_not_add_users(staff_actor: Actor, now: datetime) -> None:
    with pytest.raises(PermissionDenied):
        services.add_user(username="sam", role=Role.STAFF, password=PASSWORD, actor=staff_actor, now=now)
    assert User.objects.count() == 1


def test_an_unknown_user_is_named(db: None) -> None:
    with pytest.raises(queries.UserNotFound, match="There is no user 'nobody'."):
        queries.by_username("nobody")
