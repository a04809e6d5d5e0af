"""Sealing all that is sealed with the key that is now the first, whichever room it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import transaction

from tillbook.common.sealed_field import SealedField

_PIECE = 20  # rows in one transaction: a payout's file may have a million characters


def reseal() -> int:
    """Seal every sealed text of every model anew; returns how many rows have one.

    A model whose other columns hang on the key has `mark_anew`, which sets them and says which. Interrupted,
    it may simply begin again. Raises ValueError when a row's key is not there any more.
    """
    return sum(_resealed(model, columns) for model, columns in sealed())


def sealed() -> Iterator[tuple[Any, list[str]]]:
    """Each model that has sealed columns, and which they are."""
    for model in apps.get_models():
        fields = model._meta.concrete_fields  # noqa: SLF001  Django's documented way to a model's fields
        columns = [field.name for field in fields if isinstance(field, SealedField)]
        if columns:
            yield model, columns


def _resealed(model: Any, columns: Sequence[str]) -> int:
    done = last = 0
    while rows := _piece(model, columns, after=last):
        last = rows[-1].pk
        done += sum(any(getattr(row, column) for column in columns) for row in rows)
    return done


@transaction.atomic
def _piece(model: Any, columns: Sequence[str], *, after: int) -> list[Any]:
    rows = model.objects.select_for_update().filter(pk__gt=after).order_by("pk")
    found: list[Any] = list(rows[:_PIECE])
    changed = list(columns)
    for row in found:
        if hasattr(row, "mark_anew"):
            changed += row.mark_anew()
    model.objects.bulk_update(found, sorted(set(changed)))
    return found
