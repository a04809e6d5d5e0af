"""The shop's details and policies, as its environment sets them."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Shop:
    """What slips and pages say about the shop, and the limits its people work under.

    Limits are in minor units of `currency`; a sum in any other currency counts as above them.
    """

    name: str
    address: str
    email: str
    currency: str
    locale: str
    time_zone: ZoneInfo
    staff_credit_limit_minor: int  # most that staff (not admins) may give by hand at once
    self_completion_limit_minor: int  # above it, whoever asked for a refund may not complete it (R6)
    grace_days: int  # how long credit given back after its expiry stays usable


def shop() -> Shop:
    """The shop this installation belongs to."""
    return settings.TILLBOOK_SHOP
