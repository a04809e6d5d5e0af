from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tillbook.common.actor import PERMISSIONS, Permission, Role
from tillbook.shop import policies


def panel(request: HttpRequest) -> dict[str, Any]:
    """What every page needs: the shop, and what to show of what not everybody may use.

    Hiding a button is a courtesy; the services refuse by themselves.
    """
    role = getattr(getattr(request, "user", None), "role", None)
    permissions = PERMISSIONS[Role(role)] if role is not None else frozenset()
    return {
        "shop": policies.shop(),
        "may": {permission.name.lower(): permission in permissions for permission in Permission},
        "may_complete": Permission.COMPLETE_REFUND in permissions,
        "may_report": Permission.VIEW_REPORTS in permissions,
        "may_manage_keys": Permission.MANAGE_KEYS in permissions,
    }
