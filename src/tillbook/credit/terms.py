"""On what terms credit is issued where whoever issues it leaves that to the shop."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from tillbook.credit.models import Source
from tillbook.shop.details import GiveReason
from tillbook.shop.policies import shop


class Left(Enum):
    """What stands for a term that is not named."""

    TO_SHOP = "to_shop"


class Terms(NamedTuple):
    """Whether a credit may be paid out, and the first moment at which it can't be used."""

    refundable: bool
    expires_at: datetime | None


def terms_of(source: Source, now: datetime) -> Terms:
    """The terms of the shop's policy for credit that arises from `source` now."""
    policy = shop().policies[source]
    return Terms(policy.refundable, expiry_after(policy.days, now))


def terms_of_gift(
    reason: GiveReason, refundable: bool | Left, expires_at: datetime | Left | None, now: datetime
) -> Terms:
    """The terms named for credit given by hand; what is left to the shop, its policy and the reason say."""
    policy = shop().policies[Source.MANUAL]
    if isinstance(refundable, Left):
        refundable = policy.refundable and reason.may_be_paid_out
    if isinstance(expires_at, Left):
        expires_at = expiry_after(policy.days if reason.days is None else reason.days, now)
    return Terms(refundable, expires_at)


def expiry_after(days: int | None, now: datetime) -> datetime | None:
    """The midnight after the last of `days` whole days from today, in the shop's zone; None: never."""
    if days is None:
        return None
    after = now.astimezone(shop().time_zone).date() + timedelta(days=days + 1)
    return datetime(after.year, after.month, after.day, tzinfo=shop().time_zone)
