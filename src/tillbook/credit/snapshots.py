"""What was owed in credit at the end of each month, and by the last daily round (see docs/decisions/0014).

Counting it takes a pass over the transfers, which no page should wait for. A month-end is counted
as the book said: nothing that is recorded later changes it, so that once it is settled it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta

from django.db import transaction

from tillbook.common import statements
from tillbook.common.actor import Actor, Permission
from tillbook.credit.basis import day_start
from tillbook.credit.models import Snapshot
from tillbook.ledger.counting import POSTED
from tillbook.shop.policies import shop

MONTHS = 12
_SETTLED = timedelta(days=7)  # no transaction, and no import, is open longer than that

Owed = dict[str, dict[str, int]]  # currency -> source -> minor units


@transaction.atomic
def count_owed(*, actor: Actor, now: datetime) -> None:
    """Keep what is owed now, and at those of the last month-ends that are not settled yet.

    A part of the daily round. Raises PermissionDenied.
    """
    actor.require(Permission.RUN_SYSTEM)
    ends = month_ends(now)
    kept = {each.at: each for each in Snapshot.objects.filter(at__in=ends)}
    open_ends = list(ends)
    base: Snapshot | None = None
    while open_ends and _is_settled(kept.get(open_ends[0])):
        base = kept[open_ends.pop(0)]
    counted = {**_owed_at(open_ends, base), now: _owed_now()}
    for at, owed in counted.items():
        Snapshot.objects.update_or_create(at=at, defaults={"counted_at": now, "owed": owed})
    Snapshot.objects.exclude(at__in=[*ends, now]).delete()


def history(now: datetime) -> list[Snapshot]:
    """The last month-ends that were counted, and then the newest count, oldest first."""
    return list(Snapshot.objects.filter(at__gte=month_ends(now)[0]).order_by("at"))


def month_ends(now: datetime) -> list[datetime]:
    """The ends of the last months, oldest first: each is the first moment of the next month."""
    day = now.astimezone(shop().time_zone).date().replace(day=1)
    days = [day]
    while len(days) < MONTHS:
        days.append((days[-1] - timedelta(days=1)).replace(day=1))
    return [day_start(each) for each in reversed(days)]


def _is_settled(found: Snapshot | None) -> bool:
    return found is not None and found.counted_at - found.at >= _SETTLED


def _owed_at(ends: Sequence[datetime], base: Snapshot | None) -> Mapping[datetime, Owed]:
    """What was owed at each of `ends`, oldest first: what `base` says, and what was recorded since."""
    if not ends:
        return {}
    moments = [statements.moment(end) for end in ends]
    months = " ".join(f"WHEN t.recorded_at < %s THEN {place}" for place in range(len(ends)))
    since, bounds = ("", []) if base is None else ("t.recorded_at >= %s AND", [statements.moment(base.at)])
    rows = statements.select(
        f"SELECT CASE {months} END, c.currency, c.source, sum({POSTED}) FROM ledger_transfer AS t "
        "JOIN credit_credit AS c ON c.customer_id = t.customer_id AND c.id = t.account_id "
        f"WHERE {since} t.recorded_at < %s AND t.kind IN ('post', 'capture') GROUP BY 1, 2, 3",
        [*moments, *bounds, moments[-1]],
    )
    owed: Owed = {} if base is None else deepcopy(base.owed)
    found = {}
    for place, end in enumerate(ends):
        for _, currency, source, minor in (row for row in rows if row[0] == place):
            of_currency = owed.setdefault(currency, {})
            of_currency[source] = of_currency.get(source, 0) + int(minor)
        found[end] = deepcopy(owed)
    return found


def _owed_now() -> Owed:
    """What is owed now, from the accounts' counters."""
    rows = statements.select(
        "SELECT c.currency, c.source, sum(a.posted_minor) FROM ledger_account AS a "
        "JOIN credit_credit AS c ON c.customer_id = a.customer_id AND c.id = a.id "
        "WHERE a.posted_minor <> 0 GROUP BY 1, 2",
        [],
    )
    owed: Owed = {}
    for currency, source, minor in rows:
        owed.setdefault(currency, {})[source] = int(minor)
    return owed
