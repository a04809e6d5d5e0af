"""An admin changes what others may do, and nobody locks the shop out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier

import pytest
from django.db import connections

from tests.conftest import PASSWORD
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.errors import InvalidInput, KeyReused, PermissionDenied, Refusal
from tillbook.events.models import Event
from tillbook.staff import keys, services
from tillbook.staff.models import User
from tillbook.staff.queries import UserNotFound, all_users

NEW = "a quite different one"


def of(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id)


def last_event() -> Event:
    event = Event.objects.order_by("pk").last()
    assert event is not None
    return event


def test_a_role_is_changed_with_an_event(admin_actor: Actor, staff_actor: Actor, now: datetime) -> None:
    services.change_role(of(staff_actor).pk, Role.VIEWER, actor=admin_actor, now=now)
    assert of(staff_actor).role == "viewer"
    event = last_event()
    assert (event.action, event.subject) == ("user.role_changed", "user:staff")
    assert (event.data, event.actor_name) == ({"changed": {"role": ["staff", "viewer"]}}, "admin")


def test_what_is_so_already_writes_no_event(admin_actor: Actor, staff_actor: Actor, now: datetime) -> None:
    before = Event.objects.count()
    by = {"actor": admin_actor, "now": now}
    services.change_role(of(staff_actor).pk, Role.STAFF, **by)
    services.change_role(of(admin_actor).pk, Role.ADMIN, **by)
    services.change_email(of(staff_actor).pk, "", **by)
    services.switch_on(of(staff_actor).pk, **by)
    services.switch_off(of(staff_actor).pk, **by)
    services.switch_off(of(staff_actor).pk, **by)
    assert Event.objects.count() == before + 1


def test_a_user_is_switched_off_and_on(admin_actor: Actor, staff_actor: Actor, now: datetime) -> None:
    by = {"actor": admin_actor, "now": now}
    assert of(staff_actor).state == "active"
    services.switch_off(of(staff_actor).pk, **by)
    assert (of(staff_actor).state, last_event().action) == ("off", "user.switched_off")
    services.switch_on(of(staff_actor).pk, **by)
    assert (of(staff_actor).state, last_event().action) == ("active", "user.switched_on")


def test_a_key_rests_while_its_owner_is_switched_off(
    admin_actor: Actor, staff_actor: Actor, now: datetime
) -> None:
    by = {"actor": admin_actor, "now": now}
    _, secret = keys.add_key(owner=of(staff_actor), name="x", scopes=[Scope.READ], **by)
    assert keys.key_of(secret, now) is not None
    services.switch_off(of(staff_actor).pk, **by)
    assert keys.key_of(secret, now) is None
    services.switch_on(of(staff_actor).pk, **by)
    assert keys.key_of(secret, now) is not None


def test_a_key_asked_for_again_is_the_first_one_whatever_became_of_its_owner(
    admin_actor: Actor, staff_actor: Actor, now: datetime
) -> None:
    by = {"actor": admin_actor, "now": now}
    asked = {"owner": of(staff_actor), "name": "x", "key": "k"}
    made, secret = keys.add_key(scopes=[Scope.READ, Scope.CREDIT], **asked, **by)
    services.switch_off(of(staff_actor).pk, **by)
    before = Event.objects.count()
    assert keys.add_key(scopes=[Scope.CREDIT, Scope.READ], **asked, **by) == (made, "")
    with pytest.raises(KeyReused):
        keys.add_key(scopes=[Scope.READ], **asked, **by)
    with pytest.raises(PermissionDenied):
        keys.add_key(scopes=[Scope.READ, Scope.CREDIT], **asked, actor=staff_actor, now=now)
    assert (len(keys.all_keys()), Event.objects.count(), bool(secret)) == (1, before, True)


def test_a_password_is_set_by_an_admin_or_by_oneself(
    admin_actor: Actor, staff_actor: Actor, now: datetime
) -> None:
    services.set_password(of(staff_actor).pk, NEW, actor=admin_actor, now=now)
    assert of(staff_actor).check_password(NEW)
    services.set_password(of(staff_actor).pk, PASSWORD, actor=staff_actor, now=now)
    assert of(staff_actor).check_password(PASSWORD)
    event = last_event()
    assert (event.action, event.data, event.actor_name) == ("user.password_set", {}, "staff")


def test_a_password_that_will_not_do_is_refused(
    admin_actor: Actor, staff_actor: Actor, now: datetime
) -> None:
    before = Event.objects.count()
    with pytest.raises(InvalidInput) as refused:
        services.set_password(of(staff_actor).pk, "short", actor=admin_actor, now=now)
    assert refused.value.field == "password"
    assert of(staff_actor).check_password(PASSWORD)
    assert Event.objects.count() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda user, **by: services.change_role(user.pk, Role.ADMIN, **by),
        lambda user, **by: services.change_email(user.pk, "x@example.com", **by),
        lambda user, **by: services.switch_off(user.pk, **by),
        lambda user, **by: services.switch_on(user.pk, **by),
        lambda user, **by: services.set_password(user.pk, NEW, **by),
    ],
)
def test_staff_and_viewers_manage_nobody_else(
    staff_actor: Actor, viewer_actor: Actor, admin_actor: Actor, now: datetime, change: Callable[..., User]
) -> None:
    before = Event.objects.count()
    for actor in (staff_actor, viewer_actor):
        with pytest.raises(PermissionDenied):
            change(of(admin_actor), actor=actor, now=now)
    assert Event.objects.count() == before
    assert of(admin_actor).check_password(PASSWORD)


def test_an_owner_s_key_does_not_set_the_owner_s_password(
    staff_actor: Actor, admin_actor: Actor, now: datetime
) -> None:
    _, secret = keys.add_key(
        owner=of(staff_actor), name="x", scopes=[Scope.ADMIN], actor=admin_actor, now=now
    )
    known = keys.key_of(secret, now)
    assert known is not None
    with pytest.raises(PermissionDenied):
        services.set_password(of(staff_actor).pk, NEW, actor=keys.actor_of(known, "api"), now=now)
    assert of(staff_actor).check_password(PASSWORD)


def test_an_admin_can_neither_change_their_own_role_nor_switch_themselves_off(
    admin_actor: Actor, system_actor: Actor, now: datetime
) -> None:
    services.add_user(username="ada", role=Role.ADMIN, password=PASSWORD, actor=system_actor, now=now)
    with pytest.raises(services.OwnAccount):
        services.change_role(of(admin_actor).pk, Role.STAFF, actor=admin_actor, now=now)
    with pytest.raises(services.OwnAccount):
        services.switch_off(of(admin_actor).pk, actor=admin_actor, now=now)
    assert (of(admin_actor).role, of(admin_actor).is_active) == ("admin", True)


def test_the_last_admin_who_can_log_in_stays_one(
    admin_actor: Actor, system_actor: Actor, now: datetime
) -> None:
    """Whoever was invited and has no password, or is switched off, could not help."""
    by = {"actor": system_actor, "now": now}
    services.add_user(username="invited", role=Role.ADMIN, password=None, **by)
    off = services.add_user(username="off", role=Role.ADMIN, password=PASSWORD, **by)
    services.switch_off(off.pk, **by)
    for change in (
        lambda: services.change_role(of(admin_actor).pk, Role.STAFF, **by),
        lambda: services.switch_off(of(admin_actor).pk, **by),
    ):
        with pytest.raises(services.LastAdmin, match="admin is the last admin who can log in"):
            change()
    assert (of(admin_actor).role, of(admin_actor).is_active) == ("admin", True)
    services.switch_on(off.pk, **by)
    assert services.change_role(of(admin_actor).pk, Role.STAFF, **by).role == "staff"


def test_nobody_is_nobody(admin_actor: Actor, now: datetime) -> None:
    by = {"actor": admin_actor, "now": now}
    for change in (
        lambda: services.change_role(0, Role.STAFF, **by),
        lambda: services.switch_off(0, **by),
        lambda: services.switch_on(0, **by),
        lambda: services.set_password(0, NEW, **by),
    ):
        with pytest.raises(UserNotFound):
            change()


def test_two_admins_who_switch_each_other_off_at_the_same_moment_leave_one(
    own_database: None, system_actor: Actor, now: datetime
) -> None:
    ann, bob = (
        services.add_user(username=name, role=Role.ADMIN, password=PASSWORD, actor=system_actor, now=now)
        for name in ("ann", "bob")
    )
    ready = Barrier(2)

    def switch_off(user: User, by: User) -> str:
        try:
            ready.wait()
            services.switch_off(user.pk, actor=by.as_actor("test"), now=now)
        except Refusal as refusal:
            return refusal.code
        else:
            return "done"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(switch_off, (ann, bob), (bob, ann)))
    assert outcomes == ["done", "last_admin"]
    assert sorted(user.is_active for user in all_users()) == [False, True]
