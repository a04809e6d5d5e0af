"""Checks that the server starts: one at a time, in a process beside it that ends with it."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime
from typing import NamedTuple

from tillbook.common.actor import Actor, Permission
from tillbook.common.errors import Refusal
from tillbook.ledger import runs
from tillbook.ledger.models import Verification


class VerificationRunning(Refusal):
    """This server is checking the book already."""

    code = "verification_running"


class _Work(NamedTuple):
    run_id: int
    process: subprocess.Popen[bytes]


_WORK = "import django; django.setup(); from tillbook.api.work import main; main()"
_guard = threading.Lock()
_works: list[_Work] = []  # one at most


def start(depth: Verification.Depth, *, actor: Actor, now: datetime) -> Verification:
    """Begin a check of the whole book. Raises PermissionDenied, VerificationRunning.

    Its process waits until the caller's transaction is committed, and ends if it is not.
    """
    actor.require(Permission.READ_FINDINGS)
    with _guard:
        _forget_ended()
        if _works:
            raise VerificationRunning(f"Check {_works[0].run_id} is running. Wait until it has ended.")
        run = runs.begin(depth, actor=actor, now=now)
        command = [sys.executable, "-c", _WORK, str(run.pk)]
        # Nothing of the request is in the command.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # noqa: S603
        _works.append(_Work(run.pk, process))
    return run


def is_running(run_id: int) -> bool:
    """Whether this server is at work on that check."""
    with _guard:
        _forget_ended()
        return any(work.run_id == run_id for work in _works)


def wait() -> None:
    """Return when what was started has ended: the command, unlike the server, would end before it."""
    for work in _works:
        work.process.wait()


def _forget_ended() -> None:
    for work in list(_works):
        if work.process.poll() is not None:
            if work.process.stdin is not None:
                work.process.stdin.close()
            _works.remove(work)
