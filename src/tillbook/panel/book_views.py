"""The book: whether it was checked, when, and what that found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render

from tillbook.common.actor import Permission
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.panel.edge import PanelRequest, read_only

_NEWEST = 20


@dataclass(frozen=True, slots=True)
class Line:
    """The one line that everybody reads: how the book stands, and the check that says so."""

    standing: runs.Standing
    run: Verification | None


def line(now: datetime) -> Line:
    run = runs.newest_finished()
    return Line(runs.standing(run, now), run)


@read_only
def book(request: PanelRequest) -> HttpResponse:
    """The newest checks; what they found is for admins."""
    context = {
        "line": line(request.now),
        "runs": runs.newest(_NEWEST),
        "may_read_findings": request.actor.may(Permission.READ_FINDINGS),
    }
    return render(request, "panel/book/book.html", context)
