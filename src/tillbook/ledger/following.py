"""Whether a chain follows, told fast from rows as the database hands them out.

Most chains of a book are sound, and one loop without objects says so. `queries.replay` names what is wrong
with one that is not, and decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from tillbook.ledger.book import chained, genesis, micros
from tillbook.ledger.models import Kind

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - in UTC, as the text
_MICROSECOND = timedelta(microseconds=1)

#: The same as `book.micros` of a moment that PostgreSQL hands out as a number: microseconds since 2000.
micros_of_number = (int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000).__add__

_POST, _HOLD, _CAPTURE, _RELEASE = (kind.value for kind in (Kind.POST, Kind.HOLD, Kind.CAPTURE, Kind.RELEASE))


class Head(NamedTuple):
    """An account as it is stored."""

    customer_id: int
    id: int
    currency: str
    posted_minor: int
    held_minor: int
    transfers: int
    digest: bytes


@lru_cache(maxsize=256)
def micros_of_text(moment: str) -> int:
    """The same as `book.micros` of a moment that SQLite stores as text, in UTC."""
    at = datetime.fromisoformat(moment)
    return (at.replace(tzinfo=None) - _EPOCH) // _MICROSECOND


def follows(head: Head, rows: Sequence[tuple[Any, ...]], to_micros: Callable[[Any], int] = micros) -> bool:
    """Whether all of `rows`, in the order of `Line`, follow from one another and give the head.

    True only where `replay` finds no problem; `to_micros` takes a moment as it stands in the rows.
    """
    digest = genesis(head.customer_id, head.id, head.currency)
    posted = held = count = 0
    open_holds: dict[int, int] = {}
    for row in rows:
        (
            _, _, seq, kind, _, inward, amount, hold_seq, _, _, _, _, _, _, _, _, posted_after, held_after,
            stored,
        ) = row  # fmt: skip
        count += 1
        freed = 0
        if hold_seq is not None:
            freed = open_holds.pop(hold_seq, -1)
            if freed < 0:
                return False
        # `book.effect`, and that of no other kind.
        if kind == _POST:
            posted += amount if inward == 1 else -amount
        elif kind == _HOLD:
            held += amount
            open_holds[seq] = amount
        elif kind == _CAPTURE:
            posted -= amount
            held -= freed
        elif kind == _RELEASE:
            held -= freed
        else:
            return False
        digest = chained(digest, row, to_micros)
        if (
            digest != stored
            or seq != count
            or posted != posted_after
            or held != held_after
            or not 0 <= held <= posted
        ):
            return False
    return (posted, held, count, digest) == head[3:]
