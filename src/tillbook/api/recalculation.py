"""Recalculate a customer: what is stored beside what the history gives, and why they differ."""

from __future__ import annotations

from ninja import Router
from pydantic import BaseModel, Field, StrictBool

from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change
from tillbook.api.shapes import Moment, Money, Sent
from tillbook.common.money import Money as Amount
from tillbook.credit import wording
from tillbook.credit.explaining import Break, Explanation, Known, Step
from tillbook.credit.recalculation import Difference, Recalculation
from tillbook.customers import queries as customers
from tillbook.customers.queries import CustomerNotFound
from tillbook.orders.recalculation import recalculate

router = Router(tags=["Customers"])


class RecalculationSent(Sent):
    """Whether figures that differ shall be rewritten, or only compared."""

    repair: StrictBool = Field(description="Rewrite what differs; else only compare.", examples=[False])


class StepOut(BaseModel):
    """One entry of a history. `seq` is a transfer's place on its credit, null for anything else."""

    entry: str = Field(examples=["CR-1042"])
    seq: int | None
    kind: str = Field(examples=["spend"])
    what: str = Field(examples=["Spent"])
    amount: Money
    reference: str
    key: str = Field(examples=["api:4:spend-credit-1042"])
    who: str = Field(examples=["ann"])
    at: Moment


class KnownOut(BaseModel):
    """A moment at which the figure was right still, and what says so."""

    at: Moment
    by: str = Field(examples=["check"])


class ExplanationOut(BaseModel):
    """Why a figure differs. It happened after `since`, if that is known, and before `until`."""

    verdict: str = Field(
        description="misses, left_out, outside, unmarked, documents, together or broken", examples=["misses"]
    )
    says: str = Field(examples=["The stored figure misses what was spent."])
    until: Moment
    since: KnownOut | None
    agrees: StepOut | None = Field(description="The last entry that the stored figure still has.")
    parting: StepOut | None = Field(description="The first that it has not.")
    missed: int
    newest: StepOut | None
    made_of: list[StepOut]
    parts: int


class DifferenceOut(BaseModel):
    """A stored figure that the history does not give; `entry` is empty for the customer's own figures."""

    entry: str
    figure: str = Field(examples=["available"])
    stored: Money
    derived: Money
    explanation: ExplanationOut


class BreakOut(BaseModel):
    """Where a history itself is broken: then nothing is repaired."""

    entry: str
    seq: int | None
    problem: str = Field(examples=["The row was changed."])
    until: Moment
    since: KnownOut | None
    sound: StepOut | None = Field(description="The last sound transfer before.")
    row: StepOut | None
    following: StepOut | None
    counted: int | None = Field(description="How many transfers the account knows of.")
    found: int


class RecalculationOut(BaseModel):
    """What was compared, what differed and why, and whether it was repaired."""

    customer: str
    compared: int = Field(description="Figures.")
    repaired: bool
    differences: list[DifferenceOut]
    broken: list[BreakOut]


@change(router, "/customers/{username}/recalculate", 200, RecalculationOut, CustomerNotFound)
def recalculate_customer(request: ApiRequest, username: str, body: RecalculationSent) -> RecalculationOut:
    """Compare every figure of the customer with the history, and explain each difference."""
    customer = customers.by_username(username)
    result = recalculate(customer.pk, repair=body.repair, actor=request.actor, now=request.now)
    return _told(customer.username, result)


def _told(username: str, result: Recalculation) -> RecalculationOut:
    explained = zip(result.differences, result.explanations, strict=True)
    return RecalculationOut(
        customer=username, compared=result.compared, repaired=result.repaired,
        differences=[_difference(each, why) for each, why in explained],
        broken=[_break(each) for each in result.breaks],
    )  # fmt: skip


def _difference(each: Difference, why: Explanation) -> DifferenceOut:
    return DifferenceOut(
        entry=each.entry, figure=each.figure, stored=_money(each.stored), derived=_money(each.derived),
        explanation=ExplanationOut(
            verdict=why.verdict, says=wording.lead(why), until=why.until, since=_known(why.since),
            agrees=_step(why.agrees), parting=_step(why.parting), missed=why.missed,
            newest=_step(why.newest), made_of=[made for step in why.made_of if (made := _step(step))],
            parts=why.parts,
        ),
    )  # fmt: skip


def _break(each: Break) -> BreakOut:
    return BreakOut(
        entry=each.entry, seq=each.seq, problem=each.problem, until=each.until, since=_known(each.since),
        sound=_step(each.sound), row=_step(each.row), following=_step(each.following),
        counted=each.counted, found=each.found,
    )  # fmt: skip


def _known(known: Known | None) -> KnownOut | None:
    return None if known is None else KnownOut(at=known.at, by=known.by)


def _step(step: Step | None) -> StepOut | None:
    if step is None:
        return None
    return StepOut(
        entry=step.entry, seq=step.seq, kind=step.kind, what=step.what, amount=_money(step.amount),
        reference=step.reference, key=step.key, who=step.who, at=step.at,
    )  # fmt: skip


def _money(amount: Amount) -> Money:
    return Money.of(amount.minor, amount.currency)
