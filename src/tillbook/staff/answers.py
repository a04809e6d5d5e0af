"""The first answers to programs' idempotency keys, kept in the transaction of the change itself.

No crash can keep one and lose the other. The services know each key as well, for good: after an answer was
cleared away nothing moves a second time. Where a service gives the same answer to its key again whatever
happened since, only that the key is used is kept, and for what.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from tillbook.common import statements
from tillbook.common.errors import KeyReused
from tillbook.common.sealing import seal, unseal
from tillbook.staff import models

KEPT = timedelta(days=7)

_COLUMNS = {
    "caller": "varchar", "key": "varchar", "content": "varchar", "status": "smallint", "body": "text",
    "answered_at": "timestamptz",
}  # fmt: skip


class Answer(NamedTuple):
    """What a key was answered first, and for what. Without a body its service is to be asked again."""

    content: str
    status: int
    body: str


def is_free(caller: str, key: str) -> bool:
    """Claim the key until the transaction ends; False if another process works under it now.

    On SQLite the transaction is the only writer, so another's answer is there already.
    """
    if not statements.is_postgresql():
        return True
    number = int.from_bytes(hashlib.sha256(f"{caller}\n{key}".encode()).digest()[:8], signed=True)
    return bool(statements.select("SELECT pg_try_advisory_xact_lock(%s::bigint)", [number])[0][0])


def first_answer(caller: str, key: str, content: str) -> Answer | None:
    """What the key was answered before, if anything. Raises KeyReused for other content."""
    found = statements.select(
        "SELECT content, status, body FROM staff_answer WHERE caller = %s AND key = %s", [caller, key]
    )
    if not found:
        return None
    known, status, body = found[0]
    if known != content:
        raise KeyReused(key)
    return Answer(known, status, unseal(body) if body else "")


def keep(*, caller: str, key: str, content: str, status: int, body: str, now: datetime) -> None:
    """Remember the answer, in the caller's transaction."""
    statements.write([_row(caller, key, content, status, seal(body), now)])


def claim(*, caller: str, key: str, content: str, status: int, now: datetime) -> statements.Insert:
    """The row that keeps the key for this content, to be stored with what the key's service changes.

    Whoever stores it while the key is used already gets an IntegrityError.
    """
    return _row(caller, key, content, status, "", now)


def _row(caller: str, key: str, content: str, status: int, body: str, now: datetime) -> statements.Insert:
    return statements.Insert(
        "staff_answer", _COLUMNS, [(caller, key, content, status, body, statements.moment(now))]
    )


def clear(now: datetime) -> int:
    """Clear away answers older than `KEPT`; returns how many."""
    return models.Answer.objects.filter(answered_at__lt=now - KEPT).delete()[0]
