"""Many changes in one request: each item has its own key and its own outcome.

A thousand items are a transaction. A crash may leave some of them done and others not: send the request
again, and what was done is answered again. A refused item changed nothing, and may be tried again under
its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, TypeVar

from ninja import Router
from pydantic import BaseModel, Field

from tillbook.api import problems
from tillbook.api.credits import CreditOut, CreditSent, Spend, TakingSent, chosen, parts_told, told
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import batch
from tillbook.api.keyed import LONGEST_KEY, service_key
from tillbook.api.problems import Problem
from tillbook.api.shapes import Money, Sent
from tillbook.common.errors import Refusal
from tillbook.credit import queries, services
from tillbook.credit.batch import attempt
from tillbook.credit.models import Credit
from tillbook.credit.services import Gift, Taking
from tillbook.customers.queries import CustomerNotFound, ids_of
from tillbook.orders import checkout

router = Router(tags=["Batches"])

MOST = 10_000
_AT_ONCE = 1_000  # items in a transaction

A = TypeVar("A")
B = TypeVar("B")
Key = Annotated[str, Field(pattern=f"^[!#-~]{{1,{LONGEST_KEY}}}$", examples=["SO-1042-1"])]


class CreditItem(CreditSent):
    """Credit to be given by hand, under a key of its own."""

    key: Key


class CreditBatch(Sent):
    """Credits to be given."""

    items: list[CreditItem] = Field(max_length=MOST)


class TakingItem(TakingSent):
    """Credit to be spent, under a key of its own."""

    key: Key


class SpendBatch(Sent):
    """Spends to be made."""

    items: list[TakingItem] = Field(max_length=MOST)


class CreditOutcome(BaseModel):
    """What became of one item: its credit, or the problem that refused it."""

    key: str
    status: int = Field(examples=[201])
    credit: CreditOut | None = None
    problem: Problem | None = Field(default=None, examples=[None])


class SpendOutcome(BaseModel):
    """What became of one item: the spend, or the problem that refused it."""

    key: str
    status: int = Field(examples=[201])
    spend: Spend | None = None
    problem: Problem | None = Field(default=None, examples=[None])


class CreditOutcomes(BaseModel):
    """An outcome for each item, in their order."""

    outcomes: list[CreditOutcome]


class SpendOutcomes(BaseModel):
    """An outcome for each item, in their order."""

    outcomes: list[SpendOutcome]


@batch(router, "/credits:batch", CreditOutcomes)
def give_credits(request: ApiRequest, body: CreditBatch) -> CreditOutcomes:
    """Give up to 10,000 credits by hand."""
    outcomes: list[CreditOutcome] = []
    for items in _chunks(body.items):
        known = ids_of({item.customer for item in items})
        gifts = [attempt(_gift, request, item, known) for item in items]
        given = _done(gifts, lambda sound: services.give_many(sound, actor=request.actor, now=request.now))
        stored = queries.by_ids([(each.customer_id, each.id) for each in given if isinstance(each, Credit)])
        for item, each in zip(items, given, strict=True):
            if isinstance(each, Refusal):
                outcomes.append(CreditOutcome(key=item.key, **_refused(each, item)))
            else:
                outcomes.append(CreditOutcome(key=item.key, status=201, credit=told(stored[each.id])))
    return CreditOutcomes(outcomes=outcomes)


@batch(router, "/spends:batch", SpendOutcomes)
def spend_credits(request: ApiRequest, body: SpendBatch) -> SpendOutcomes:
    """Make up to 10,000 spends."""
    outcomes: list[SpendOutcome] = []
    for items in _chunks(body.items):
        known = ids_of({item.customer for item in items})
        takings = [attempt(_taking, request, item, known) for item in items]
        taken = _done(takings, lambda sound: checkout.spend_many(sound, actor=request.actor, now=request.now))
        for item, each in zip(items, taken, strict=True):
            if isinstance(each, Refusal):
                outcomes.append(SpendOutcome(key=item.key, **_refused(each, item)))
            else:
                currency = item.amount.currency
                minor = sum(part.amount_minor for part in each)
                spend = Spend(
                    customer=item.customer, reference=item.reference, amount=Money.of(minor, currency),
                    credits=parts_told(each, currency),
                )  # fmt: skip
                outcomes.append(SpendOutcome(key=item.key, status=201, spend=spend))
    return SpendOutcomes(outcomes=outcomes)


def _chunks(items: Sequence[A]) -> Iterator[Sequence[A]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]


def _done(asked: Sequence[A | Refusal], do: Callable[[list[A]], Sequence[B | Refusal]]) -> list[B | Refusal]:
    """What `do` makes of all that is sound, and the refusals of the rest, in their order."""
    done = iter(do([each for each in asked if not isinstance(each, Refusal)]))
    return [each if isinstance(each, Refusal) else next(done) for each in asked]


def _gift(request: ApiRequest, item: CreditItem, known: dict[str, int]) -> Gift:
    return Gift(
        customer_id=_customer(item.customer, known), amount=item.amount.value(),
        reason=item.reason, key=service_key(request, item.key), **item.terms(),
        note=item.note, public_note=item.public_note,
    )  # fmt: skip


def _taking(request: ApiRequest, item: TakingItem, known: dict[str, int]) -> Taking:
    return Taking(
        _customer(item.customer, known), item.amount.value(), item.reference,
        service_key(request, item.key), credits=chosen(item),
    )  # fmt: skip


def _customer(username: str, known: dict[str, int]) -> int:
    if username not in known:
        raise CustomerNotFound(f"There is no customer {username!r}.", field="customer")
    return known[username]


def _refused(refusal: Refusal, item: BaseModel) -> dict[str, Any]:
    problem = problems.told(refusal, item.model_dump())
    return {"status": problem.status, "problem": problem}
