"""The shop's settings that are in effect: the newest version, or the environment where nothing was saved.

They are asked for on every path that moves money, so each process keeps them in memory, and looks after
at most two seconds whether there is a newer version: one read of the newest key. The process that
saves sees what it saved at once.
"""

from __future__ import annotations

from datetime import datetime
from threading import Lock
from time import monotonic_ns
from typing import NamedTuple

from django.conf import settings

from tillbook.shop.details import CreditPolicy, Shop
from tillbook.shop.models import Version
from tillbook.shop.values import SECTIONS, with_values

KEPT = 2 * 10**9  # nanoseconds


class _Kept(NamedTuple):
    shop: Shop
    version: int  # 0: nothing was saved
    looked_at: int  # nanoseconds on the monotonic clock
    environment: Shop  # what the environment said then


class _Memory:
    """What this process knows. `turn` counts how often it was told to forget."""

    def __init__(self) -> None:
        self.kept: _Kept | None = None
        self.turn = 0
        self.lock = Lock()

    def keep(self, kept: _Kept, turn: int) -> None:
        """Remember, unless somebody saved while it was being read."""
        with self.lock:
            if self.turn == turn:
                self.kept = kept

    def forget(self) -> None:
        with self.lock:
            self.turn += 1
            self.kept = None


_memory = _Memory()


def shop() -> Shop:
    """The shop this installation belongs to, with the settings in effect."""
    return _current().shop


def version() -> int:
    """The number of the version in effect; 0 where nothing was saved."""
    return _current().version


def shop_of(number: int) -> Shop:
    """The shop as that version had it; as it is now if there is no such version."""
    environment: Shop = settings.TILLBOOK_SHOP
    if number == 0:
        return environment
    found = None if number == version() else Version.objects.filter(pk=number).first()
    return shop() if found is None else with_values(environment, found.values)


def saved_sections() -> frozenset[str]:
    """The sections that were ever saved: about these the environment says nothing any more."""
    newest = Version.objects.order_by("-id").first()
    values = {} if newest is None else newest.values
    return frozenset(section for section, names in SECTIONS.items() if set(names) & set(values))


def forget() -> None:
    """Read the settings anew when they are asked for next."""
    _memory.forget()


def policy_at(source: str, moment: datetime) -> CreditPolicy:
    """The policy that held for credit from that source at `moment`: what exists keeps its terms."""
    if not version():
        return shop().policies[source]
    then = Version.objects.filter(at__lte=moment).order_by("-at", "-id").first()
    environment: Shop = settings.TILLBOOK_SHOP
    return (environment if then is None else with_values(environment, then.values)).policies[source]


def _current() -> _Kept:
    kept, environment = _memory.kept, settings.TILLBOOK_SHOP
    now = monotonic_ns()
    if kept is not None and kept.environment is environment and now - kept.looked_at < KEPT:
        return kept
    turn = _memory.turn
    newest = Version.objects.order_by("-id").values_list("id", flat=True).first() or 0
    if kept is not None and kept.environment is environment and kept.version == newest:
        kept = kept._replace(looked_at=now)
    else:
        kept = _Kept(_read(newest, environment), newest, now, environment)
    _memory.keep(kept, turn)
    return kept


def _read(newest: int, environment: Shop) -> Shop:
    return with_values(environment, Version.objects.get(pk=newest).values) if newest else environment
