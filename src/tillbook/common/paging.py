"""Going on with a list after the last row of a page, by what the rows are ordered by: no page is counted off.

A row that comes or goes meanwhile shifts no other, and the last page takes as long as the first.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def newest_before(rows: QuerySet[M], row_id: int | None) -> QuerySet[M]:
    """The rows by id, the newest first; where the id of the last one seen is given, those before it."""
    older = rows if row_id is None else rows.filter(id__lt=row_id)
    return older.order_by("-id")


def ordered_after(
    rows: QuerySet[M], column: str, last: M | None, *, newest_first: bool = False
) -> QuerySet[M]:
    """The rows by the column, then by id; where the last one seen is given, those after it."""
    sign = "-" if newest_first else ""
    ordered = rows.order_by(f"{sign}{column}", f"{sign}id")
    if last is None:
        return ordered
    seen, seen_id = attrgetter(column, "id")(last)
    # The first condition says nothing new, but it is one that an index can begin at.
    on, before = ("lte", "gte") if newest_first else ("gte", "lte")
    not_before = ordered.filter(**{f"{column}__{on}": seen})
    return not_before.exclude(**{column: seen, f"id__{before}": seen_id})
