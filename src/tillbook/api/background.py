"""Checks that the server starts: one at a time, in a process beside it that ends with it."""

from __future__ import annotations

from datetime import datetime

from tillbook.common.actor import Actor, Permission
from tillbook.common.beside import Place
from tillbook.common.errors import Refusal
from tillbook.ledger import runs
from tillbook.ledger.models import Verification

_place = Place()


class VerificationRunning(Refusal):
    """This server is checking the book already."""

    code = "verification_running"


def start(depth: Verification.Depth, *, actor: Actor, now: datetime) -> Verification:
    """Begin a check of the whole book. Raises PermissionDenied, VerificationRunning.

    Its process waits until the caller's transaction is committed, and ends if it is not.
    """
    actor.require(Permission.READ_FINDINGS)
    with _place.guard:
        if _place.is_taken():
            raise VerificationRunning(f"Check {_place.arguments[0]} is running. Wait until it has ended.")
        run = runs.begin(depth, actor=actor, now=now)
        _place.start("tillbook.api.work", str(run.pk))
    return run


def is_running(run_id: int) -> bool:
    """Whether this server is at work on that check."""
    with _place.guard:
        return _place.is_taken() and _place.arguments == (str(run_id),)


def wait() -> None:
    """Return when what was started has ended: the command, unlike the server, would end before it."""
    _place.wait()
