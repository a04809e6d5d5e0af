"""Filters of the panel's lists that people saved under a name: their own, and those shared with everybody."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import InvalidInput, NotFound, PermissionDenied, Refusal
from tillbook.events.services import NewEvent, record
from tillbook.staff.models import SavedFilter, User

_LONGEST_NAME = 60
_LONGEST_QUERY = 500
_MOST = 50  # filters of one person on one list: more are no help


class FilterNotFound(NotFound):
    """There is no such saved filter."""

    code = "filter_not_found"


class FilterNameTaken(Refusal):
    """The person has a filter of that name on that list already."""

    code = "filter_name_taken"


def saved_filters(user_id: int, page: str) -> list[SavedFilter]:
    """The user's own filters of that list and the shared ones, with their owners, by name."""
    rows = SavedFilter.objects.filter(Q(owner_id=user_id) | Q(shared=True), page=page)
    return list(rows.select_related("owner").order_by("name", "id"))


@transaction.atomic
def save_filter(
    *, page: str, name: str, query: str, shared: bool = False, actor: Actor, now: datetime
) -> SavedFilter:
    """Save the filter for the actor; one of that name gets the new query. Only admins share.

    Raises PermissionDenied, InvalidInput.
    """
    actor.require(Permission.MANAGE_USERS if shared else Permission.VIEW)
    owner = _owner(actor)
    name = _checked_name(name)
    if len(query) > _LONGEST_QUERY:
        raise InvalidInput(_("This filter is too long to be saved. Leave something out."), field="query")
    found = SavedFilter.objects.filter(owner=owner, page=page, name=name).first()
    if found is None:
        if SavedFilter.objects.filter(owner=owner, page=page).count() >= _MOST:
            raise InvalidInput(
                _("You have %(most)s filters here. Delete one first.") % {"most": _MOST}, field="name"
            )
        found = SavedFilter(owner=owner, page=page, name=name, created_at=now)
    elif (found.query, found.shared) == (query, shared):
        return found  # sent twice
    elif found.shared:
        actor.require(Permission.MANAGE_USERS)
    found.query, found.shared = query, shared
    found.save()
    _record("user.filter_saved", found, actor, now)
    return found


@transaction.atomic
def rename_filter(filter_id: int, *, name: str, actor: Actor, now: datetime) -> SavedFilter:
    """Give the filter another name.

    Raises FilterNotFound, FilterNameTaken, PermissionDenied, InvalidInput.
    """
    found = _changeable(filter_id, actor)
    name = _checked_name(name)
    if name == found.name:
        return found
    if SavedFilter.objects.filter(owner=found.owner, page=found.page, name=name).exists():
        raise FilterNameTaken(_("There is a filter %(name)r already.") % {"name": name}, field="name")
    found.name = name
    found.save(update_fields=["name"])
    _record("user.filter_saved", found, actor, now)
    return found


@transaction.atomic
def remove_filter(filter_id: int, *, actor: Actor, now: datetime) -> SavedFilter:
    """Delete the filter. Raises FilterNotFound, PermissionDenied."""
    found = _changeable(filter_id, actor)
    SavedFilter.objects.filter(pk=found.pk).delete()
    _record("user.filter_removed", found, actor, now)
    return found


def _owner(actor: Actor) -> User:
    owner = User.objects.select_for_update().filter(pk=actor.user_id or 0).first()
    if owner is None:
        raise PermissionDenied(_("Only a user has filters of their own."))
    return owner


def _changeable(filter_id: int, actor: Actor) -> SavedFilter:
    """The filter, locked, if it is the actor's to change: their own, or for admins a shared one."""
    actor.require(Permission.VIEW)
    rows = SavedFilter.objects.select_for_update(of=("self",)).select_related("owner")
    found = rows.filter(pk=filter_id).first()
    if found is None or (found.owner_id != actor.user_id and not found.shared):
        raise FilterNotFound(_("There is no such filter."), field="filter")
    if found.shared:
        actor.require(Permission.MANAGE_USERS)
    return found


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            _("A filter's name is 1 to %(longest_name)s printable characters.")
            % {"longest_name": _LONGEST_NAME},
            field="name",
        )
    return name


def _record(action: str, saved: SavedFilter, actor: Actor, now: datetime) -> None:
    data = {"name": saved.name, "page": saved.page, "query": saved.query, "shared": saved.shared}
    record(NewEvent(action, f"user:{saved.owner.username}"[:60], data=data), actor=actor, now=now)
