"""Sealing what is there with the key that is now the first."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from tillbook.common.sealing import mark
from tillbook.refunds.accounts import plain
from tillbook.refunds.models import Refund

_PIECE = 500  # rows in one transaction


def reseal(progress: Callable[[int], None] = lambda _: None) -> int:
    """Seal every account number anew; returns how many. `progress` is told of each piece's rows.

    Interrupted, it may simply begin again. Raises ValueError when a row's key is not there any more.
    """
    done = last = 0
    while rows := _resealed(after=last):
        last = rows[-1].pk
        done += sum(1 for row in rows if row.bank_account)
        progress(len(rows))
    return done


@transaction.atomic
def _resealed(*, after: int) -> list[Refund]:
    rows = list(Refund.objects.select_for_update().filter(pk__gt=after).order_by("pk")[:_PIECE])
    for row in rows:
        row.account_mark = mark(plain(row.bank_account))
    Refund.objects.bulk_update([row for row in rows if row.bank_account], ["bank_account", "account_mark"])
    return rows
