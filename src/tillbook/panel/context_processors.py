from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tillbook.common.actor import PERMISSIONS, Permission, Role
from tillbook.shop import policies


def panel(request: HttpRequest) -> dict[str, Any]:
    """What every page needs: the shop, and whether to show the buttons that only admins may use.

    Hiding a button is a courtesy; the services refuse by themselves.
    """
    role = getattr(getattr(request, "user", None), "role", None)
    may_complete = role is not None and Permission.COMPLETE_REFUND in PERMISSIONS[Role(role)]
    return {"shop": policies.shop(), "may_complete": may_complete}
