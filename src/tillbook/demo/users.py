"""The demo's two users, and their passwords, which stay the same from run to run."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.staff.models import User
from tillbook.staff.services import add_user

_ROLES = {"staff": Role.STAFF, "admin": Role.ADMIN}


class NotADemo(Refusal):
    """The database has users of these names whom no demo made: it may be a real shop's."""

    code = "not_a_demo"


@dataclass(frozen=True, slots=True)
class Users:
    staff: Actor
    admin: Actor
    passwords: Mapping[str, str]  # username -> password


def ensure_users(folder: Path, *, actor: Actor, now: datetime) -> Users:
    """The users `staff` and `admin`, added where they are missing. Raises NotADemo.

    Their passwords are kept in `folder`, readable by its owner alone.
    """
    there = set(User.objects.filter(username__in=_ROLES).values_list("username", flat=True))
    file = folder / "demo-passwords.json"
    if there and not file.exists():
        raise NotADemo(
            f"This database has the users {' and '.join(sorted(there))}, and no demo made them. "
            "Set TILLBOOK_DATA_DIR to an empty folder for the demo."
        )
    passwords = _kept_passwords(file)
    for username, role in _ROLES.items():
        if username not in there:
            add_user(username=username, role=role, password=passwords[username], actor=actor, now=now)
    people = {user.username: user.as_actor("demo") for user in User.objects.filter(username__in=_ROLES)}
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
