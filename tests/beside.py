"""Processes beside the server, in tests."""

from __future__ import annotations

from subprocess import Popen

from tillbook.api import background
from tillbook.common.beside import Place
from tillbook.panel import report_work

PLACES = (background._place, report_work._place)


def process_of(place: Place) -> Popen[bytes]:
    """The process that the place has."""
    assert place._process is not None
    return place._process


def end_all() -> None:
    """No process outlives its test."""
    for place in PLACES:
        if place._process is not None:
            place._process.kill()
            place.wait()
