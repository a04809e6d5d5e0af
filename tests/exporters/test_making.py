"""The process beside the server: it makes what waits, and ends; a killed one's work is taken up again."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from django.db import connection

from tests.beside import process_of
from tests.databases import at_once
from tests.exporters.test_keeping import asked_for
from tests.ledger.test_sums import make_book
from tillbook.common import beside
from tillbook.common.actor import Actor
from tillbook.exporters import keeping, making
from tillbook.exporters.asked import Kind
from tillbook.exporters.models import Report
from tillbook.panel import report_work

pytestmark = pytest.mark.usefixtures("own_database", "beside_the_server")

KINDS = [Kind.LIABILITY, Kind.BALANCES, Kind.ROLL_FORWARD]


@pytest.fixture
def asked(own_database: None, system_actor: Actor, now: datetime) -> list[Report]:
    make_book(now)
    return [keeping.ask(asked_for(now, kind), exact=False, actor=system_actor, now=now) for kind in KINDS]


def all_ended() -> bool:
    return not Report.objects.filter(finished_at=None).exists()


def wait_until_all_ended() -> None:
    for _ in range(1800):
        if all_ended():
            return
        time.sleep(0.1)
    raise AssertionError("The reports were not made.")


def test_it_makes_all_that_waits_and_ends(asked: list[Report], system_actor: Actor) -> None:
    report_work.ensure()
    first = process_of(report_work._place)
    report_work.ensure()  # it is at work already
    assert process_of(report_work._place) is first
    wait_until_all_ended()
    for report in Report.objects.all():
        document = keeping.asked_of(report).document(actor=system_actor)
        list(document.sections)
        assert (report.is_made, report.head["title"]) == (True, document.title)
    assert first.wait(timeout=120) == 0


def test_what_a_killed_process_was_making_is_made_by_the_next(
    asked: list[Report], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(beside, "_RUN", "import sys; sys.stdin.read()")  # one that goes on
        report_work.ensure()
    taken = making.take(now)
    process_of(report_work._place).kill()
    process_of(report_work._place).wait(timeout=30)
    report_work.ensure()
    wait_until_all_ended()
    assert taken == asked[0]
    assert [each.tries for each in Report.objects.order_by("pk")] == [2, 1, 1]


def test_of_many_that_look_at_once_one_takes_it(asked: list[Report], now: datetime) -> None:
    taken = at_once([lambda: making.take(now)] * 8)
    assert [each for each in taken if isinstance(each, Exception)] == []
    numbers = [each.pk for each in taken if isinstance(each, Report)]
    assert sorted(numbers) == sorted(each.pk for each in asked)


def test_of_many_who_ask_at_once_all_get_the_same(system_actor: Actor, now: datetime) -> None:
    make_book(now)
    outcomes = at_once([lambda: keeping.ask(asked_for(now), exact=False, actor=system_actor, now=now)] * 8)
    assert {each.pk for each in outcomes if isinstance(each, Report)} == {Report.objects.get().pk}
    assert [each for each in outcomes if isinstance(each, Exception)] == []


def test_one_that_was_taken_for_dead_changes_nothing_afterwards(asked: list[Report], now: datetime) -> None:
    slow = making.take(now)
    assert slow is not None
    quick = making.take(now + 2 * making._SILENT)
    assert quick == slow
    making.make(quick, lambda: now)
    finished = Report.objects.get(pk=quick.pk).finished_at
    making.make(slow, lambda: now + 3 * making._SILENT)
    assert Report.objects.get(pk=quick.pk).finished_at == finished
    assert connection.in_atomic_block is False
