"""The end of held credit: captured, it is gone; released, it is available again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.db import transaction
from django.utils.translation import gettext

from tillbook.common.actor import Actor
from tillbook.common.money import Money, check_amount
from tillbook.credit.batch import Asked, Batch, Outcome, Part, Request, attempt, only, parts_of
from tillbook.credit.expiring import extend_expired
from tillbook.credit.issuing import CurrencyMismatch
from tillbook.credit.taking import permission_for
from tillbook.events.services import content_of
from tillbook.ledger import services as ledger
from tillbook.ledger.book import AmountAboveHold, Draft, HoldNotFound, Pending
from tillbook.ledger.models import House, Kind

_ACTIONS = {Kind.CAPTURE: "credit.captured", Kind.RELEASE: "credit.released"}


class Resolution(NamedTuple):
    """A hold, named by its key, to be ended under a key of its own.

    Captured: its amount, or `amount` of it, is gone and the rest is available again. It goes where the hold
    says, or, reversed as a mistake, to one of `houses` by credit id. Released: all of it is available again.
    With `house` it is a hold only if it is towards that one.
    """

    customer_id: int
    hold_key: str
    key: str
    kind: Kind  # CAPTURE or RELEASE
    amount: Money | None = None
    houses: Mapping[int, House] | None = None
    house: House | None = None


class Endings:
    """Some resolutions as a part of a batch: who asks what, what is read for them, and how each is decided.

    What each hold is, is read at once, in the transaction: that never changes, only whether it is over.
    """

    def __init__(self, asked: Sequence[Asked[Resolution]]) -> None:
        self._asked = asked
        places = [(each.what.customer_id, each.what.hold_key) for each in asked]
        self._made = ledger.pending(places) if places else {}
        self.requests = [
            attempt(_request, each.what, self._made.get(place), each.actor, each.now)
            for each, place in zip(asked, places, strict=True)
        ]
        sound = [
            each.what
            for each, request in zip(asked, self.requests, strict=True)
            if isinstance(request, Request)
        ]
        #: What captures are for. A release gives back what the document never had.
        self.references = {self._held(each)[0].reference for each in sound if each.kind == Kind.CAPTURE}
        #: The (customer_id, credit_id) of which something may be available again.
        self.freed = {place for each in sound if _may_free(each) for place in self._credits(each)}
        #: How many minor units that were of each, once it is decided.
        self.given_back: dict[tuple[int, int], int] = {}
        credits = {place for each in sound for place in self._credits(each)}
        self.reads = [ledger.pending_query(places), ledger.counters_query(credits)] if credits else []

    def decide(
        self,
        batch: Batch,
        rows: Sequence[Sequence[tuple[Any, ...]]],
        *,
        documents: Collection[str] = (),
        credits: Collection[tuple[int, int]] = (),
    ) -> list[Outcome | None]:
        """The outcome of each; `rows` are what its `reads` found.

        One that captures for a reference among the `documents`, or may give something back to one of the
        `credits`, is left alone, and has none, unless its key did so before.
        """
        if self.reads:
            self._made = ledger.pending_of(rows[0])
            batch.book.add(ledger.counters_of(rows[1]))

        def end(each: Asked[Resolution], request: Request) -> list[Part] | None:
            held = self._held(each.what)
            for_document = each.what.kind == Kind.CAPTURE and held[0].reference in documents
            freeing = _may_free(each.what) and not set(self._credits(each.what)).isdisjoint(credits)
            if (for_document or freeing) and batch.is_new(request):
                return None
            return self._ended(each, request, batch)

        return batch.decide(self._asked, self.requests, end)

    def _held(self, wanted: Resolution) -> Sequence[Pending]:
        return self._made[wanted.customer_id, wanted.hold_key]

    def _credits(self, wanted: Resolution) -> list[tuple[int, int]]:
        return [(wanted.customer_id, each.account_id) for each in self._held(wanted)]

    def _ended(self, asked: Asked[Resolution], request: Request, batch: Batch) -> list[Part]:
        wanted, held = asked.what, self._held(asked.what)
        moved = batch.first_answer(request)
        if moved is not None:
            return parts_of(moved, wanted.kind)
        drafts = _drafts(held, wanted)
        parts = parts_of(batch.post(request, drafts), wanted.kind)
        batch.tell(_ACTIONS[wanted.kind], request, held[0].reference, parts)
        for draft in drafts:
            if minor := _freed(draft):
                place = (wanted.customer_id, draft.account_id)
                self.given_back[place] = self.given_back.get(place, 0) + minor
        if asked.beside is not None:
            batch.store_beside(asked.beside)
        return parts


@transaction.atomic(savepoint=False)
def resolve_many(resolutions: Sequence[Resolution], *, actor: Actor, now: datetime) -> list[Outcome]:
    """Capture or release holds in one batch: the parts of each, or its own refusal.

    Refusals are HoldNotFound, HoldAlreadyResolved, AmountAboveHold, PermissionDenied, CurrencyMismatch,
    InvalidInput and KeyReused. Ending a payout's or a reversal's hold takes the permission
    to complete refunds.
    """
    part = Endings([Asked(each, actor, now) for each in resolutions])
    batch = Batch(part.requests, reads=part.reads)
    outcomes = part.decide(batch, batch.rows)
    batch.write()
    extend_expired(part.given_back, actor=actor, now=now)
    return cast("list[Outcome]", outcomes)  # there is nothing to be left alone


def capture(
    *,
    customer_id: int,
    hold_key: str,
    amount: Money | None = None,
    houses: Mapping[int, House] | None = None,
    key: str,
    actor: Actor,
    now: datetime,
) -> list[Part]:
    """End a hold: its amount, or the part given, is gone. Raises what `resolve_many` answers."""
    resolution = Resolution(customer_id, hold_key, key, Kind.CAPTURE, amount, houses)
    return only(resolve_many([resolution], actor=actor, now=now))


def release(*, customer_id: int, hold_key: str, key: str, actor: Actor, now: datetime) -> list[Part]:
    """End a hold: all of it is available again. Raises what `resolve_many` answers."""
    resolution = Resolution(customer_id, hold_key, key, Kind.RELEASE)
    return only(resolve_many([resolution], actor=actor, now=now))


def _request(wanted: Resolution, made: Sequence[Pending] | None, actor: Actor, now: datetime) -> Request:
    if not made or wanted.house not in (None, made[0].house):
        raise HoldNotFound(gettext("There is no such hold."), field="hold")
    actor.require(permission_for(wanted.kind, made[0].house))
    content = content_of(_ACTIONS[wanted.kind], hold_key=wanted.hold_key, amount=wanted.amount)
    return Request(wanted.customer_id, made[0].currency, wanted.key, content, actor, now).checked()


def _may_free(wanted: Resolution) -> bool:
    """Whether some of the credit may be available again."""
    return wanted.kind == Kind.RELEASE or wanted.amount is not None


def _freed(draft: Draft) -> int:
    assert draft.hold is not None
    return draft.hold.amount if draft.kind == Kind.RELEASE else draft.hold.amount - draft.amount


def _drafts(held: Sequence[Pending], wanted: Resolution) -> list[Draft]:
    """One draft per credit held: captured in their order while the amount lasts, released after that."""
    total = Money(sum(each.amount for each in held), held[0].currency)
    if wanted.amount is not None and wanted.amount.currency != total.currency:
        raise CurrencyMismatch(
            gettext("The hold is in %(currency)s.") % {"currency": total.currency}, field="amount"
        )
    left = total.minor if wanted.amount is None else check_amount(wanted.amount.minor)
    if left > total.minor:
        raise AmountAboveHold(gettext("At most %(most)s is held.") % {"most": total}, field="amount")
    drafts = []
    houses = wanted.houses or {}
    for each in held:
        minor = min(left, each.amount)
        left -= minor
        kind, amount = (wanted.kind, minor) if minor else (Kind.RELEASE, each.amount)
        house, reason = each.house, each.reason
        if each.account_id in houses:
            house, reason = houses[each.account_id], "reversal"
        drafts.append(Draft(each.account_id, kind, house, False, amount, reason, each.reference, each))
    return drafts
