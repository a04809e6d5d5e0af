"""The tests' own tools must be right before the tests can be."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError, connection

from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.events.models import Event
from tillbook.staff import services
from tillbook.staff.models import User


def _add(name: str, actor: Actor, now: datetime) -> User:
    return services.add_user(
        username=name, role=Role.STAFF, password="correct horse battery", actor=actor, now=now
    )


@pytest.mark.parametrize("_run", [1, 2])
def test_each_test_begins_with_an_empty_database_of_its_own(
    own_database: None, system_actor: Actor, now: datetime, _run: int
) -> None:
    assert User.objects.count() == 0
    _add("sam", system_actor, now)
    assert User.objects.count() == 1


def test_threads_see_what_others_committed(own_database: None, system_actor: Actor, now: datetime) -> None:
    names = [f"user{number}" for number in range(8)]
    users = at_once([lambda name=name: _add(name, system_actor, now) for name in names])  # type: ignore[misc]
    assert [user.username for user in users if isinstance(user, User)] == names
    assert User.objects.count() == 8
    assert Event.objects.filter(action="user.added").count() == 8


def test_what_a_thread_raises_comes_back(own_database: None) -> None:
    outcome = at_once([lambda: User.objects.get(username="nobody")])
    assert isinstance(outcome[0], User.DoesNotExist)


@pytest.mark.parametrize("statement", ["UPDATE events_event SET note = 'x'", "DELETE FROM events_event"])
def test_the_copy_has_the_triggers(
    own_database: None, system_actor: Actor, now: datetime, statement: str
) -> None:
    _add("sam", system_actor, now)
    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(statement)


def test_after_it_the_ordinary_database_is_back(db: None) -> None:
    assert User.objects.count() == 0
