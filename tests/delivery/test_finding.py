"""No event is lost and none is found twice, in whatever order transactions end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from tests.databases import at_once
from tests.delivery.receiver import Clock
from tillbook.common.actor import Actor
from tillbook.delivery import sending, webhooks
from tillbook.delivery.finding import Settled, find
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.events.models import Event
from tillbook.events.services import NewEvent, record

pytestmark = pytest.mark.usefixtures("own_database")


@pytest.fixture
def endpoint(own_database: None, clock: Clock) -> Endpoint:
    return webhooks.add_endpoint(url="https://shop.example/hooks", actor=Actor.system("test"), now=clock())


def tell(subject: str, clock: Clock) -> None:
    record(NewEvent("order.edited", subject), actor=Actor.system("test"), now=clock())


def found() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("subject", flat=True))


@contextmanager
def written_and_not_committed(subject: str, clock: Clock) -> Iterator[threading.Event]:
    """Another transaction that wrote an event and commits when the event is set, at the latest at the end."""
    wrote, commit = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            tell(subject, clock)
            wrote.set()
            assert commit.wait(30)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert wrote.wait(30)

    class Committing(threading.Event):
        def set(self) -> None:
            commit.set()
            thread.join(30)

    ending = Committing()
    try:
        yield ending
    finally:
        ending.set()


@pytest.mark.only_on("postgresql")  # on SQLite one transaction writes at a time
def test_an_event_that_commits_late_is_found_below_newer_ones(endpoint: Endpoint, clock: Clock):
    settled = Settled()
    with written_and_not_committed("late", clock) as late:
        tell("early", clock)
        for _ in range(3):
            find(settled, clock())
        assert found() == ["early"]
        late.set()
        find(settled, clock())
    assert found() == ["early", "late"]
    first, second = Event.objects.filter(action="order.edited").order_by("pk")
    assert (first.subject, second.subject) == ("late", "early")
    assert find(settled, clock()) == 0


@pytest.mark.only_on("postgresql")  # on SQLite one transaction writes at a time
def test_while_others_write_without_pause_what_is_settled_moves_on(endpoint: Endpoint, clock: Clock):
    settled = Settled()
    with written_and_not_committed("first", clock) as first:
        tell("a", clock)
        find(settled, clock())
        with written_and_not_committed("second", clock):
            first.set()
            tell("b", clock)
            find(settled, clock())
            endpoint.refresh_from_db()
            a, b = (Event.objects.get(subject=each).pk for each in "ab")
            assert a <= endpoint.seen_id < b
            assert found() == ["a", "first", "b"]
        find(settled, clock())
    assert found() == ["a", "first", "b", "second"]


def test_a_rolled_back_event_is_not_sent_and_holds_nothing_up(endpoint: Endpoint, clock: Clock):
    settled = Settled()
    with transaction.atomic():
        tell("never", clock)
        transaction.set_rollback(True)
    tell("after", clock)
    find(settled, clock())
    endpoint.refresh_from_db()
    assert found() == ["after"]
    assert endpoint.seen_id == Event.objects.get(subject="after").pk


def test_a_process_that_starts_anew_finds_what_came_while_none_ran(endpoint: Endpoint, clock: Clock):
    tell("one", clock)
    find(Settled(), clock())
    tell("two", clock)
    find(Settled(), clock())
    assert found() == ["one", "two"]


def test_processes_that_look_and_claim_at_once_make_and_get_each_delivery_once(
    endpoint: Endpoint, clock: Clock
):
    for each in range(20):
        tell(f"SO-{each}", clock)
    looked = at_once([lambda: find(Settled(), clock())] * 4)
    assert [each for each in looked if isinstance(each, Exception)] == []
    assert Delivery.objects.count() == 20

    def claimed() -> list[int]:
        return [each.pk for some in iter(lambda: sending.claim(endpoint.pk, clock()), []) for each in some]

    outcomes = at_once([claimed] * 4)
    assert [each for each in outcomes if isinstance(each, Exception)] == []
    every = [pk for each in outcomes if isinstance(each, list) for pk in each]
    assert sorted(every) == sorted(Delivery.objects.values_list("pk", flat=True))


@pytest.mark.only_on("postgresql")  # on SQLite one transaction writes at a time
def test_what_another_process_is_claiming_is_passed_over_without_waiting(endpoint: Endpoint, clock: Clock):
    tell("SO-1", clock), tell("SO-2", clock)
    find(Settled(), clock())
    claiming, claimed_other = threading.Event(), threading.Event()

    def claim_slowly() -> str:
        with transaction.atomic():
            [mine] = sending.claim(endpoint.pk, clock())
            claiming.set()
            assert claimed_other.wait(30)
        return mine.subject

    def claim_quickly() -> str:
        assert claiming.wait(30)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            [mine] = sending.claim(endpoint.pk, clock())
        claimed_other.set()
        return mine.subject

    assert at_once([claim_slowly, claim_quickly]) == ["SO-1", "SO-2"]


@pytest.mark.only_on("postgresql")  # on SQLite one transaction writes at a time
def test_what_is_not_settled_is_never_cleared_away(endpoint: Endpoint, clock: Clock):
    settled = Settled()
    with written_and_not_committed("late", clock):
        tell("early", clock)
        find(settled, clock())
        Delivery.objects.update(state="delivered", last_at=clock())
        clock.later(days=31)
        assert webhooks.clear(clock()) == 0
        assert find(settled, clock()) == 0
    find(settled, clock())
    assert webhooks.clear(clock()) == 1
    assert found() == ["late"]
