"""The demo's two users, and their passwords, which stay the same from run to run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.db import connection

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.orders.models import Order
from tillbook.staff.models import User
from tillbook.staff.services import add_user

_ROLES = {"staff": Role.STAFF, "admin": Role.ADMIN}


# The demo's mark stands in the database, where no copied or left-over file can set it: the
# event of its first user comes from here, and events are never changed or deleted.
_ORIGIN = "demo"


class NotADemo(Refusal):
    """The database has users, customers or orders that no demo made: it may be a real shop's."""

    code = "not_a_demo"


@dataclass(frozen=True, slots=True)
class Users:
    staff: Actor
    admin: Actor
    passwords: Mapping[str, str]  # username -> password


def refuse_real_shop() -> None:
    """Raise NotADemo if the database holds anything and no demo was begun in it.

    A database without tables holds nothing; it is not migrated for the question.
    """
    if not connection.introspection.django_table_names(only_existing=True):
        return
    marked = Event.objects.filter(action="user.added", subject="user:staff", origin=_ORIGIN).exists()
    if not marked and any(model.objects.exists() for model in (User, Customer, Order)):
        raise NotADemo(
            "This database has users, customers or orders, and no demo made them. Nothing was changed. "
            "Set TILLBOOK_DATA_DIR to an empty folder for the demo, and leave TILLBOOK_DATABASE_URL out."
        )


def ensure_users(folder: Path, *, actor: Actor, now: datetime) -> Users:
    """The users `staff` and `admin`, added where they are missing. Raises NotADemo.

    Their passwords are kept in `folder`, readable by its owner alone.
    """
    refuse_real_shop()
    there = set(User.objects.filter(username__in=_ROLES).values_list("username", flat=True))
    file = folder / "demo-passwords.json"
    if there and not file.exists():
        raise NotADemo(
            f"The passwords of this database's demo are not in {folder}. "
            "Set TILLBOOK_DATA_DIR to the folder that it was built with, or to an empty one for another demo."
        )
    passwords = _kept_passwords(file)
    builder = replace(actor, origin=_ORIGIN)
    for username, role in _ROLES.items():
        if username not in there:
            add_user(username=username, role=role, password=passwords[username], actor=builder, now=now)
    people = {user.username: user.as_actor(_ORIGIN) for user in User.objects.filter(username__in=_ROLES)}
    return Users(people["staff"], people["admin"], passwords)


def _kept_passwords(file: Path) -> dict[str, str]:
    if file.exists():
        passwords: dict[str, str] = json.loads(file.read_text())
        return passwords
    passwords = {username: secrets.token_urlsafe(15) for username in _ROLES}
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600, exist_ok=False)
    part.write_text(json.dumps(passwords))
    part.replace(file)
    return passwords
