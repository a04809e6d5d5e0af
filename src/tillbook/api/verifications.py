"""Checks of the whole book: started, watched, and what they found."""

from __future__ import annotations

from typing import Annotated, Literal

from ninja import Path, Query, Router
from pydantic import BaseModel, Field

from tillbook.api import background
from tillbook.api.background import VerificationRunning
from tillbook.api.edge import ApiRequest
from tillbook.api.endpoints import change, read
from tillbook.api.shapes import Moment, Page, Paging, Sent, page
from tillbook.common.actor import Permission
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.ledger.runs import VerificationNotFound

router = Router(tags=["Book"])

_LARGEST_ID = 2**63 - 1
Number = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
Depth = Literal["sums", "full"]


class VerificationSent(Sent):
    """How deep to check: `full` recomputes every digest too, `sums` is quick."""

    depth: Depth


class VerificationOut(BaseModel):
    """A check of the book.

    It is `running` while this server is at work on it; `unfinished` was interrupted, or the command runs
    it; `agrees` and `broken` say what a check that came to its end found. Only admins read the sentences.
    """

    number: int = Field(examples=[7])
    depth: Depth
    state: Literal["running", "unfinished", "agrees", "broken"]
    started_at: Moment
    started_by: str = Field(examples=["ann"])
    finished_at: Moment | None
    transfers: int | None = Field(description="How many were checked; null until it has finished.")
    credits: int | None
    broken: int | None = Field(description="How many things do not agree; null to those who may not read it.")
    found: list[str] | None = Field(description="A sentence for each, the first 1,000.")


class VerificationWithProgress(VerificationOut):
    """A check of the book, and how far it is."""

    parts: int | None = Field(description="What it is divided in; null until it is.")
    parts_done: int


class VerificationFilters(Paging):
    """The newest first."""

    cursor: Number | None = Field(  # type: ignore[assignment]
        None, description="The `next_cursor` of the page before."
    )


@read(router, "/verifications", Page[VerificationOut])
def list_verifications(request: ApiRequest, filters: Query[VerificationFilters]) -> Page[VerificationOut]:
    """The checks of the book, those of the command too."""
    rows = runs.page(before=filters.cursor, limit=filters.limit + 1)
    return page(rows, filters.limit, lambda run: _told(run, request), lambda run: str(run.pk))


@change(router, "/verifications", 202, VerificationWithProgress, VerificationRunning)
def start_verification(request: ApiRequest, body: VerificationSent) -> VerificationWithProgress:
    """Start a check of the whole book, and answer at once: look for its end by its number."""
    run = background.start(Verification.Depth(body.depth), actor=request.actor, now=request.now)
    return _told_whole(run, request)


@read(router, "/verifications/{number}", VerificationWithProgress, VerificationNotFound)
def get_verification(request: ApiRequest, number: Path[Number]) -> VerificationWithProgress:
    """One check: how far it is, or what it found."""
    return _told_whole(runs.by_id(number), request)


def _told(run: Verification, request: ApiRequest) -> VerificationOut:
    state = _state(run)
    finished = run.finished_at is not None
    may_read = finished and request.actor.may(Permission.READ_FINDINGS)
    return VerificationOut(
        number=run.pk, depth="full" if run.depth == Verification.Depth.FULL else "sums", state=state,
        started_at=run.started_at, started_by=run.started_by, finished_at=run.finished_at,
        transfers=run.transfers if finished else None, credits=run.accounts if finished else None,
        broken=run.broken if may_read else None, found=run.sentences if may_read else None,
    )  # fmt: skip


def _told_whole(run: Verification, request: ApiRequest) -> VerificationWithProgress:
    parts = len(run.ranges)
    done = len(run.done) if run.finished_at is None else parts
    return VerificationWithProgress(**dict(_told(run, request)), parts=parts or None, parts_done=done)


def _state(run: Verification) -> Literal["running", "unfinished", "agrees", "broken"]:
    """How it stands. One that ended since it was read is read again."""
    if run.finished_at is None:
        if background.is_running(run.pk):
            return "running"
        run.refresh_from_db()
    if run.finished_at is None:
        return "unfinished"
    return "broken" if run.broken else "agrees"
