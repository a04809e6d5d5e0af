"""Sealing all that is sealed with the key that is now the first, whichever room it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import transaction

from tillbook.common.sealed_field import SealedField

_NAMED = 5  # rows in a message
_PIECE = 20  # rows in one transaction: a payout's file may have a million characters


class Closed(Exception):
    """Rows that none of the keys opens: the others are sealed anew. They need the key that is gone."""

    def __init__(self, rows: Sequence[str]) -> None:
        super().__init__(
            f"None of the account keys opens {', '.join(rows[:_NAMED])}"
            f"{f' and {len(rows) - _NAMED:,} more rows' if len(rows) > _NAMED else ''}. "
            "The others are sealed with the first key. Keep every older key until these are written anew."
        )
        self.rows = rows


def reseal() -> int:
    """Seal every sealed text of every model anew; returns how many rows have one.

    A model whose other columns hang on the key has `mark_anew`, which sets them and says which. Interrupted,
    it may simply begin again. Raises Closed, when all others are done, if some rows need a key that is gone.
    """
    done, closed = 0, list[str]()
    for model, columns in sealed():
        last = 0
        while ids := _next(model, last):
            last = ids[-1]
            try:
                done += _piece(model, columns, ids)
            except ValueError:
                for pk in ids:
                    try:
                        done += _piece(model, columns, [pk])
                    except ValueError:
                        closed.append(f"{model._meta.db_table} {pk}")  # noqa: SLF001  as below
    if closed:
        raise Closed(closed)
    return done


def sealed() -> Iterator[tuple[Any, list[str]]]:
    """Each model that has sealed columns, and which they are."""
    for model in apps.get_models():
        fields = model._meta.concrete_fields  # noqa: SLF001  Django's documented way to a model's fields
        columns = [field.name for field in fields if isinstance(field, SealedField)]
        if columns:
            yield model, columns


def _next(model: Any, after: int) -> list[int]:
    rows = model.objects.filter(pk__gt=after).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:_PIECE])


@transaction.atomic
def _piece(model: Any, columns: Sequence[str], ids: Sequence[int]) -> int:
    found: list[Any] = list(model.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    changed = list(columns)
    for row in found:
        if hasattr(row, "mark_anew"):
            changed += row.mark_anew()
    model.objects.bulk_update(found, sorted(set(changed)))
    return sum(any(getattr(row, column) for column in columns) for row in found)
