"""Who does it now, and what that role may do.

Permissions are checked inside the services, so that a page, an endpoint, a command and
an import obey the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tillbook.common.errors import PermissionDenied


class Role(StrEnum):
    STAFF = "staff"
    ADMIN = "admin"
    SYSTEM = "system"


class Permission(StrEnum):
    VIEW = "view"
    EDIT_CUSTOMER = "edit customers"
    WORK_ORDERS = "work orders and payments"
    WORK_RETURNS = "work returns"
    GIVE_CREDIT = "give credit"
    SPEND_CREDIT = "spend credit"
    REQUEST_REFUND = "request refunds and reversals"
    COMPLETE_REFUND = "complete and decline refunds"
    RECALCULATE = "recalculate balances"
    VIEW_REPORTS = "see what the shop owes"
    EXPORT_BOOKS = "take the books out"
    READ_FINDINGS = "read what a check of the book found"
    RUN_SYSTEM = "run the book's own rounds"


_ADMIN_ONLY = frozenset(
    {
        Permission.COMPLETE_REFUND,
        Permission.VIEW_REPORTS,
        Permission.EXPORT_BOOKS,
        Permission.READ_FINDINGS,
    }
)
_STAFF = frozenset(Permission) - _ADMIN_ONLY - {Permission.RUN_SYSTEM}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.STAFF: _STAFF,
    Role.ADMIN: _STAFF | _ADMIN_ONLY,
    Role.SYSTEM: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a user, or the system on a command's behalf.

    `name` is what history shows; `origin` is where it came from ("panel 203.0.113.7", "cli").
    """

    name: str
    role: Role
    origin: str
    user_id: int | None = None

    @classmethod
    def system(cls, origin: str) -> Actor:
        """The program itself, run by whoever holds the machine: a command, an import, a round."""
        return cls(name="system", role=Role.SYSTEM, origin=origin)

    @property
    def identity(self) -> str:
        """The text that stands on a transfer and never changes: "user:3", "system"."""
        return f"user:{self.user_id}" if self.user_id is not None else self.name

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role]

    def require(self, permission: Permission) -> None:
        """Raise PermissionDenied unless this actor's role includes `permission`."""
        if not self.may(permission):
            raise PermissionDenied(f"Your role ({self.role}) may not {permission}.")
