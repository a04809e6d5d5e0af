"""Checks of the whole book, remembered: one that was interrupted goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from tillbook.common.actor import Actor
from tillbook.common.errors import NotFound
from tillbook.common.paging import newest_before
from tillbook.ledger.models import Verification
from tillbook.ledger.steady import Range
from tillbook.ledger.verification import Proof

_FRESH = timedelta(days=2)  # the check runs daily; one that failed to start should show
_KEPT_SENTENCES = 1_000  # of what a check found; the command prints all


class NothingToResume(NotFound):
    """No check of that depth was interrupted."""

    code = "nothing_to_resume"


class VerificationNotFound(NotFound):
    """No check has that id."""

    code = "verification_not_found"


class Standing(StrEnum):
    """What the newest finished check says of the book today."""

    NEVER = "never"  # it was not checked yet
    BROKEN = "broken"
    OLD = "old"  # all agreed, too long ago
    GOOD = "good"


def newest_finished() -> Verification | None:
    """The check that came to its end last, without what each range of it gave."""
    finished = Verification.objects.filter(finished_at__isnull=False)
    return finished.defer("ranges", "done").order_by("-finished_at", "-pk").first()


def newest_clean(*, in_full: bool) -> datetime | None:
    """When the newest check that found nothing began: what it looked at was right then or later.

    `in_full`: only of those that recompute every digest.
    """
    clean = Verification.objects.filter(finished_at__isnull=False, broken=0)
    if in_full:
        clean = clean.filter(depth=Verification.Depth.FULL)
    return clean.order_by("-started_at").values_list("started_at", flat=True).first()


def newest(limit: int) -> list[Verification]:
    """The newest checks, interrupted ones too, the newest first."""
    return list(Verification.objects.defer("ranges", "done").order_by("-started_at", "-pk")[:limit])


def page(*, before: int | None = None, limit: int = 50) -> list[Verification]:
    """A page of the checks, the newest first; `before` is the id of the last one seen."""
    return list(newest_before(Verification.objects.defer("ranges", "done"), before)[:limit])


def by_id(run_id: int) -> Verification:
    """The check of that id. Raises VerificationNotFound."""
    run = Verification.objects.filter(pk=run_id).first()
    if run is None:
        raise VerificationNotFound(f"There is no check {run_id}.")
    return run


def standing(run: Verification | None, now: datetime) -> Standing:
    """How the book stands by this check, the newest."""
    if run is None or run.finished_at is None:
        return Standing.NEVER
    if run.broken:
        return Standing.BROKEN
    return Standing.OLD if now - run.finished_at > _FRESH else Standing.GOOD


def begin(
    depth: Verification.Depth, wanted: Sequence[Range | None] = (), *, actor: Actor, now: datetime
) -> Verification:
    """Remember a check that begins now: its ranges, and None for what is checked of all at once.

    Without `wanted` it is divided later.
    """
    return Verification.objects.create(
        depth=depth, ranges=list(wanted), started_at=now,
        started_by=f"{actor.name} ({actor.origin})",
    )  # fmt: skip


def divide(run: Verification, plan: Callable[[], list[Range | None]]) -> None:
    """Give a check its ranges, unless it has them from before it was interrupted."""
    if not run.ranges:
        run.ranges = plan()
        run.save(update_fields=["ranges"])


def interrupted(depth: Verification.Depth) -> Verification:
    """The newest check of that depth, which has not come to its end. Raises NothingToResume."""
    run = Verification.objects.filter(depth=depth).order_by("-started_at", "-pk").first()
    if run is None or run.finished_at is not None:
        raise NothingToResume(f"No {depth} check was interrupted. Run it without --resume.")
    return run


def left(run: Verification) -> Iterator[tuple[int, Range | None]]:
    """The ranges that are not done yet, each with its place."""
    for place, wanted in enumerate(run.ranges):
        if str(place) not in run.done:
            yield place, wanted and (wanted[0], wanted[1])


def keep(run: Verification, place: int, proof: Proof) -> None:
    """Remember what the check of a range gave."""
    run.done[str(place)] = proof.as_data()
    run.save(update_fields=["done"])


def total(run: Verification) -> Proof:
    """What all ranges that are done gave together, in the order of customers."""
    proof = Proof()
    for place in range(len(run.ranges)):
        if str(place) in run.done:
            proof.add(Proof.of_data(run.done[str(place)]))
    return proof


def finish(run: Verification, proof: Proof, sentences: list[str], *, now: datetime) -> None:
    """Remember the check's result: figures, and one sentence for each thing found."""
    run.transfers, run.accounts = proof.transfers, proof.accounts
    run.broken, run.sentences = len(sentences), sentences[:_KEPT_SENTENCES]
    run.finished_at, run.done = now, {}
    run.save()
