"""The first answers to programs' idempotency keys, kept in the transaction of the change itself.

No crash can keep one and lose the other. The services know each key as well, for good: after an answer was
cleared away nothing moves a second time.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from tillbook.common import statements
from tillbook.common.errors import KeyReused
from tillbook.staff.models import Answer

KEPT = timedelta(days=7)


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
    answer = next(iter(Answer.objects.filter(caller=caller, key=key)), None)
    if answer is not None and answer.content != content:
        raise KeyReused(key)
    return answer


def keep(*, caller: str, key: str, content: str, status: int, body: str, now: datetime) -> None:
    """Remember the answer, in the caller's transaction."""
    Answer.objects.create(caller=caller, key=key, content=content, status=status, body=body, answered_at=now)


def clear(now: datetime) -> int:
    """Clear away answers older than `KEPT`; returns how many."""
    return Answer.objects.filter(answered_at__lt=now - KEPT).delete()[0]
