"""Who does it now, and what that role may do.

Permissions are checked inside the services, so that a page, an endpoint, a command and
an import obey the same rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext, gettext_noop

from tillbook.common.errors import PermissionDenied


class Role(StrEnum):
    VIEWER = gettext_noop("viewer")
    STAFF = gettext_noop("staff")
    ADMIN = gettext_noop("admin")
    SYSTEM = gettext_noop("system")
    CUSTOMER = gettext_noop("customer")


class Scope(StrEnum):
    """What an API key is for. It narrows what its owner's role allows, and never adds to it."""

    READ = "read"
    ORDERS = "orders"
    CREDIT = "credit"
    REFUNDS = "refunds"
    ADMIN = "admin"


class Permission(StrEnum):
    VIEW = gettext_noop("view")
    EDIT_CUSTOMER = gettext_noop("edit customers")
    WORK_ORDERS = gettext_noop("work orders and payments")
    WORK_RETURNS = gettext_noop("work returns")
    GIVE_CREDIT = gettext_noop("give credit")
    SPEND_CREDIT = gettext_noop("spend credit")
    REQUEST_REFUND = gettext_noop("request refunds and reversals")
    APPROVE_REFUND = gettext_noop("approve refunds")
    COMPLETE_REFUND = gettext_noop("complete and decline refunds")
    MAKE_PAYOUTS = gettext_noop("make payouts and read bank statements")
    REVEAL_ACCOUNT = gettext_noop("see payees' whole account numbers")
    EXPIRE_CREDIT = gettext_noop("expire what is due")
    RECALCULATE = gettext_noop("recalculate balances")
    VIEW_REPORTS = gettext_noop("see what the shop owes")
    EXPORT_BOOKS = gettext_noop("take the books out")
    READ_FINDINGS = gettext_noop("read what a check of the book found")
    MANAGE_KEYS = gettext_noop("manage API keys and webhooks")
    MANAGE_USERS = gettext_noop("manage users")
    MANAGE_SETTINGS = gettext_noop("change the shop's settings")
    RUN_SYSTEM = gettext_noop("run the book's own rounds")
    ASK_REFUND = gettext_noop("ask for refunds of one's own credit")


_ADMIN_ONLY = frozenset(
    {
        Permission.APPROVE_REFUND,
        Permission.COMPLETE_REFUND,
        Permission.MAKE_PAYOUTS,
        Permission.REVEAL_ACCOUNT,
        Permission.EXPIRE_CREDIT,
        Permission.VIEW_REPORTS,
        Permission.EXPORT_BOOKS,
        Permission.READ_FINDINGS,
        Permission.MANAGE_KEYS,
        Permission.MANAGE_USERS,
        Permission.MANAGE_SETTINGS,
    }
)
_STAFF = frozenset(Permission) - _ADMIN_ONLY - {Permission.RUN_SYSTEM, Permission.ASK_REFUND}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.STAFF: _STAFF,
    Role.ADMIN: _STAFF | _ADMIN_ONLY,
    Role.SYSTEM: frozenset(Permission),
    Role.CUSTOMER: frozenset({Permission.ASK_REFUND}),
}

#: The roles that a user can have, from the one that may least; the system's own and a customer's are none.
USER_ROLES = tuple(role for role in Role if role not in (Role.SYSTEM, Role.CUSTOMER))

#: scope -> what a key of it may do, as far as its owner may. Every scope can read.
SCOPES: dict[Scope, frozenset[Permission]] = {
    Scope.READ: frozenset({Permission.VIEW}),
    Scope.ORDERS: frozenset(
        {
            Permission.VIEW,
            Permission.EDIT_CUSTOMER,
            Permission.WORK_ORDERS,
            Permission.WORK_RETURNS,
            Permission.SPEND_CREDIT,
        }
    ),
    Scope.CREDIT: frozenset({Permission.VIEW, Permission.GIVE_CREDIT, Permission.SPEND_CREDIT}),
    Scope.REFUNDS: frozenset(
        {
            Permission.VIEW,
            Permission.REQUEST_REFUND,
            Permission.APPROVE_REFUND,
            Permission.COMPLETE_REFUND,
            Permission.MAKE_PAYOUTS,
            Permission.REVEAL_ACCOUNT,
        }
    ),
    Scope.ADMIN: frozenset(Permission) - {Permission.RUN_SYSTEM, Permission.ASK_REFUND},
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts: a user, a user's API key, a customer, or the system on a command's behalf.

    `name` is what history shows; `origin` is where it came from ("panel 203.0.113.7", "cli").
    A key acts in its owner's name, so that rules about persons hold for their keys too.
    """

    name: str
    role: Role
    origin: str
    user_id: int | None = None
    key_id: int | None = None
    scopes: frozenset[Scope] | None = None  # None: all that the role allows
    customer_id: int | None = None  # whose own page it was done on

    @classmethod
    def system(cls, origin: str) -> Actor:
        """The program itself, run by whoever holds the machine: a command, an import, a round."""
        return cls(name="system", role=Role.SYSTEM, origin=origin)

    @classmethod
    def customer(cls, customer_id: int, origin: str) -> Actor:
        """A customer on their own page. History names the role: whose page it was, the event says anyway."""
        return cls(name="customer", role=Role.CUSTOMER, origin=origin, customer_id=customer_id)

    @property
    def identity(self) -> str:
        """The text that stands on a transfer and never changes: "user:3", "key:7", "system"."""
        if self.customer_id is not None:
            return f"customer:{self.customer_id}"
        if self.key_id is not None:
            return f"key:{self.key_id}"
        return f"user:{self.user_id}" if self.user_id is not None else self.name

    def may(self, permission: Permission) -> bool:
        return permission in PERMISSIONS[self.role] and self._in_scope(permission)

    def _in_scope(self, permission: Permission) -> bool:
        return self.scopes is None or any(permission in SCOPES[scope] for scope in self.scopes)

    def require(self, permission: Permission) -> None:
        """Raise PermissionDenied unless this actor's role, and its key's scopes, include `permission`."""
        if self.may(permission):
            return
        if not self._in_scope(permission):
            raise PermissionDenied(f"This key's scopes do not let it {permission}.")
        raise PermissionDenied(
            gettext("Your role (%(role)s) may not %(permission)s.")
            % {"role": gettext(self.role), "permission": gettext(permission)}
        )
