"""Credit taken and held credit ended, for callers who came together by chance: in one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from tillbook.common.statements import Query
from tillbook.credit.batch import Asked, Batch, Outcome
from tillbook.credit.ending import Endings, Resolution
from tillbook.credit.expiring import expired_query
from tillbook.credit.taking import Taking, Takings


class LeftAlone(NamedTuple):
    """What no chance batch moves, because more than credit moves with it; each is asked under the locks."""

    #: Those of some references that are documents of this shop, the reference first.
    documents: Callable[[Collection[str]], Query]
    #: Those of some (customer_id, credit_id) of which something is taken back once it is available.
    credits: Callable[[Collection[tuple[int, int]]], Query]


def move_each(
    asked: Sequence[Asked[Taking] | Asked[Resolution]],
    *,
    left_alone: LeftAlone | None = None,
    at_most_ms: int | None = None,
) -> list[Outcome | None]:
    """What `take_many` and `resolve_many` do, each for its own caller, in one transaction.

    What is left alone has no outcome, unless its key moved credit before; nor has what would give something
    back to a credit that has expired: whoever asked does it by itself. What is taken is decided first, which
    is one of the orders in which they might have come. With `at_most_ms` it waits no longer than that for a
    lock, and raises an OperationalError.
    """
    alone = not connection.in_atomic_block
    with transaction.atomic(savepoint=False):
        takings = Takings([each for each in asked if isinstance(each.what, Taking)])
        endings = Endings([each for each in asked if isinstance(each.what, Resolution)])
        of_documents, of_credits = _queries(takings, endings, left_alone, max(each.now for each in asked))
        batch = Batch(
            [*takings.requests, *endings.requests],
            reads=[*of_documents, *of_credits, *takings.reads, *endings.reads],
            at_most_ms=at_most_ms,
        )
        found = iter(batch.rows)
        documents = {row[0] for _ in of_documents for row in next(found)}
        credits = {tuple(row) for _ in of_credits for row in next(found)}
        taken = takings.decide(batch, [next(found) for _ in takings.reads], documents)
        ended = endings.decide(batch, list(found), documents=documents, credits=credits)
        batch.write(commit=alone)
    taken_next, ended_next = iter(taken), iter(ended)
    return [next(taken_next if isinstance(each.what, Taking) else ended_next) for each in asked]


def _queries(
    takings: Takings, endings: Endings, left_alone: LeftAlone | None, now: datetime
) -> tuple[list[Query], list[Query]]:
    """What finds the documents, and the credits, that are left alone."""
    references, freed = takings.references | endings.references, endings.freed
    documents = [left_alone.documents(references)] if left_alone and references else []
    credits = [expired_query(freed, now)] if freed else []
    return documents, [*credits, left_alone.credits(freed)] if left_alone and freed else credits
