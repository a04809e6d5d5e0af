"""The loop that `tillbook deliver` runs, with real threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.utils import timezone

from tests.delivery.receiver import Got, Receiver
from tillbook.common.actor import Actor
from tillbook.delivery import webhooks
from tillbook.delivery.models import Delivery, Endpoint
from tillbook.delivery.running import deliver
from tillbook.events.services import NewEvent, record


def tell(subject: str) -> None:
    record(NewEvent("order.edited", subject), actor=Actor.system("test"), now=timezone.now())


def add(receiver: Receiver, path: str) -> Endpoint:
    url = receiver.url + path
    return webhooks.add_endpoint(url=url, actions=["order.*"], actor=Actor.system("test"), now=timezone.now())


@pytest.fixture
def loops(own_database: None) -> Iterator[None]:
    """Two of them, as if two processes ran."""
    stop = threading.Event()
    threads = [threading.Thread(target=deliver, args=(timezone.now, stop)) for _ in range(2)]
    for each in threads:
        each.start()
    yield
    stop.set()
    for each in threads:
        each.join(60)
        assert not each.is_alive()


def wait_for(what: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


def test_two_loops_send_each_event_once_and_each_subject_s_in_order(loops: None, receiver: Receiver):
    add(receiver, "/")
    for _ in range(10):
        for each in range(6):
            tell(f"SO-{each}")
    wait_for(lambda: Delivery.objects.filter(state="delivered").count() == 60)
    ids = [got.id for got in receiver.got]
    assert len(ids) == len(set(ids)) == 60
    for each in range(6):
        own = [got.said["data"]["id"] for got in receiver.got if got.said["data"]["subject"] == f"SO-{each}"]
        assert own == sorted(own, key=lambda number: int(number[3:]))


def test_a_receiver_that_does_not_answer_leaves_others_their_turn(loops: None, receiver: Receiver):
    held = threading.Event()

    def slow(got: Got) -> tuple[int, bytes]:
        if got.path == "/slow":
            held.wait(120)
        return 204, b""

    receiver.answer = slow
    add(receiver, "/slow")
    quick = add(receiver, "/quick")
    for each in range(20):
        tell(f"SO-{each}")
    try:
        wait_for(lambda: Delivery.objects.filter(state="delivered", endpoint=quick).count() == 20)
        assert Delivery.objects.filter(state="delivered").count() == 20
    finally:
        held.set()
    wait_for(lambda: Delivery.objects.filter(state="delivered").count() == 40)


def test_a_fault_that_is_none_of_the_database_s_ends_nothing(
    own_database: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    starts, faults = ThreadPoolExecutor.submit, [RuntimeError("can't start new thread")]

    def faulty(*args: Any, **more: Any) -> Any:
        if faults:
            raise faults.pop()
        return starts(*args, **more)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", faulty)
    add(receiver, "/")
    tell("SO-1")
    stop = threading.Event()
    loop = threading.Thread(target=deliver, args=(timezone.now, stop))
    loop.start()
    try:
        wait_for(lambda: Delivery.objects.filter(state="delivered").exists())
    finally:
        stop.set()
        loop.join(60)
    assert not faults
