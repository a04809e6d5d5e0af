"""Filters saved under a name: one's own, and shared ones that only admins change."""

from __future__ import annotations

from datetime import datetime

import pytest

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput, PermissionDenied, Refusal
from tillbook.events.models import Event
from tillbook.staff.models import SavedFilter
from tillbook.staff.saved_filters import (
    FilterNameTaken,
    FilterNotFound,
    remove_filter,
    rename_filter,
    save_filter,
    saved_filters,
)


def save(
    actor: Actor, now: datetime, name: str = "Cheques", query: str = "method=cheque", **more
) -> SavedFilter:
    return save_filter(page="refunds", name=name, query=query, actor=actor, now=now, **more)


def names(actor: Actor) -> list[str]:
    return [each.name for each in saved_filters(actor.user_id or 0, "refunds")]


def actions() -> list[str]:
    return [each.action for each in Event.objects.filter(action__startswith="user.filter").order_by("id")]


def test_a_filter_is_its_owner_s_alone_and_saved_twice_it_is_one(
    viewer_actor: Actor, staff_actor: Actor, now: datetime
):
    first = save(viewer_actor, now)
    assert save(viewer_actor, now) == first
    assert (names(viewer_actor), names(staff_actor)) == (["Cheques"], [])
    assert actions() == ["user.filter_saved"]
    assert save(viewer_actor, now, query="method=cash").pk == first.pk
    assert SavedFilter.objects.get().query == "method=cash"


def test_only_admins_share_and_change_what_is_shared(staff_actor: Actor, admin_actor: Actor, now: datetime):
    with pytest.raises(PermissionDenied):
        save(staff_actor, now, shared=True)
    shared = save(admin_actor, now, shared=True)
    assert names(staff_actor) == ["Cheques"]
    for change in (
        lambda: rename_filter(shared.pk, name="Mine", actor=staff_actor, now=now),
        lambda: remove_filter(shared.pk, actor=staff_actor, now=now),
    ):
        with pytest.raises(PermissionDenied):
            change()
    assert names(staff_actor) == ["Cheques"]


def test_nobody_else_s_own_filter_is_found(staff_actor: Actor, admin_actor: Actor, now: datetime):
    own = save(staff_actor, now)
    for change in (
        lambda: rename_filter(own.pk, name="Mine", actor=admin_actor, now=now),
        lambda: remove_filter(own.pk, actor=admin_actor, now=now),
    ):
        with pytest.raises(FilterNotFound):
            change()
    assert names(staff_actor) == ["Cheques"]


def test_it_is_renamed_and_removed(staff_actor: Actor, now: datetime):
    own = save(staff_actor, now)
    save(staff_actor, now, name="Cash")
    with pytest.raises(FilterNameTaken):
        rename_filter(own.pk, name="Cash", actor=staff_actor, now=now)
    assert rename_filter(own.pk, name=" Paper ", actor=staff_actor, now=now).name == "Paper"
    assert names(staff_actor) == ["Cash", "Paper"]
    remove_filter(own.pk, actor=staff_actor, now=now)
    assert names(staff_actor) == ["Cash"]
    assert actions() == ["user.filter_saved"] * 3 + ["user.filter_removed"]


@pytest.mark.parametrize(
    "wrong", [{"name": " "}, {"name": "x" * 61}, {"name": "a\nb"}, {"query": "x=" + "y" * 500}]
)
def test_what_cannot_be_a_filter_is_refused(staff_actor: Actor, now: datetime, wrong: dict[str, str]):
    with pytest.raises(InvalidInput):
        save(staff_actor, now, **wrong)
    assert SavedFilter.objects.count() == 0


def test_the_program_itself_has_none(db: None, system_actor: Actor, now: datetime):
    with pytest.raises(Refusal):
        save(system_actor, now)
