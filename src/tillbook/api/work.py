"""What the process does that `background` starts: a check of the book, in its own time."""

from __future__ import annotations

import sys
import time

from django.utils import timezone

from tillbook.common.beside import give_way
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.ledger.steady import shared_moment
from tillbook.verifying import services

_LOOKS = 300  # for the check's row, a tenth of a second each: the request that asked for it may be taken back


def main() -> None:
    give_way()
    run = _committed(int(sys.argv[2]))
    if run is not None:
        check(run)


def _committed(run_id: int) -> Verification | None:
    for _ in range(_LOOKS):
        run = Verification.objects.filter(pk=run_id).first()
        if run is not None:
            return run
        time.sleep(1 / 10)
    return None


def check(run: Verification) -> None:
    """Check what is left of the run, and keep what it gave."""
    runs.divide(run, lambda: services.plan(run.depth, 1))
    with shared_moment() as moment:
        for place, proof in services.results(run, map, moment):
            runs.keep(run, place, proof)
    proof = runs.total(run)
    runs.finish(run, proof, services.sentences(proof), now=timezone.now())
