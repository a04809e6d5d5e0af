"""The process beside the server that makes the reports of a large book, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.utils import timezone

from tillbook.common.beside import Place, give_way
from tillbook.exporters import making
from tillbook.exporters.models import Report

_SIGN_OF_LIFE = 5  # seconds

_place = Place()


def ensure() -> None:
    """See that what waits is made: start the process, unless this server has one that runs."""
    with _place.guard:
        if not _place.is_taken():
            _place.start(__name__)


def main() -> None:
    give_way()
    while report := making.take(timezone.now()):
        with _signs_of_life(report):
            making.make(report, timezone.now)


@contextmanager
def _signs_of_life(report: Report) -> Iterator[None]:
    """Say every few seconds that this process is at work on the report."""
    done = threading.Event()

    def say() -> None:
        while not done.wait(_SIGN_OF_LIFE):
            making.still_at_work(report, timezone.now())
        connection.close()

    speaker = threading.Thread(target=say, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()
