"""Threads that write to SQLite wait for each other, not for SQLite."""

from __future__ import annotations

import gc
import threading
import time
from multiprocessing import get_context
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from tests.databases import at_once
from tillbook.common.sqlite3.base import _Turn
from tillbook.customers.models import Customer

pytestmark = [pytest.mark.usefixtures("own_database"), pytest.mark.only_on("sqlite")]


def impatient() -> Any:
    """This thread's connection; SQLite refuses it at once where it finds the database busy."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
    return connections["default"]


def free() -> bool:
    """Whether a thread that writes gets its turn at once."""
    turn = _Turn(connection.settings_dict["NAME"], 0)
    mine = turn.mine
    turn.give_back()
    return mine


def test_none_of_many_threads_finds_the_database_busy(now):
    def write(thread: int) -> None:
        impatient()
        for place in range(20):
            with transaction.atomic():
                Customer.objects.create(username=f"c{thread}-{place}", currency="GBP", created_at=now)

    assert at_once([lambda n=n: write(n) for n in range(8)]) == [None] * 8
    assert Customer.objects.count() == 160


def test_a_turn_ends_with_its_transaction_however_that_ends():
    with transaction.atomic():
        assert not free()
    assert free()
    with pytest.raises(ValueError, match="so"), transaction.atomic():
        raise ValueError("so")
    assert free()
    with transaction.atomic(), transaction.atomic():
        assert not free()
    assert free()


def test_after_a_commit_that_failed_the_rollback_gives_the_turn_back(monkeypatch):
    kept = []

    def fail(_: object) -> None:
        kept.append(not free())
        raise OperationalError("disk I/O error")

    monkeypatch.setattr("django.db.backends.base.base.BaseDatabaseWrapper._commit", fail)
    with pytest.raises(OperationalError, match="disk I/O"), transaction.atomic():
        pass
    assert (kept, free()) == ([True], True)


def test_another_process_is_waited_for_in_the_database():
    """What SQLite refuses gives the turn back."""
    impatient()
    other = connections.create_connection("default")
    other.ensure_connection()
    other.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), transaction.atomic():
        pass
    assert free()
    other.close()


def test_who_waited_for_its_turn_as_long_as_for_sqlite_asks_sqlite_once(monkeypatch):
    """So it is not refused for a turn that nobody needs."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)
    kept = _Turn(connection.settings_dict["NAME"], 0)
    with transaction.atomic():
        Customer.objects.count()
    other = connections.create_connection("default")
    other.ensure_connection()
    other.connection.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked"), transaction.atomic():
        pass
    assert time.monotonic() - began < 1.9
    other.close()
    kept.give_back()
    assert free()


def test_a_turn_that_a_signal_kept_is_not_waited_for(monkeypatch):
    def interrupted(self: Any) -> None:
        self.connection.commit()
        raise KeyboardInterrupt

    with monkeypatch.context() as signal:
        signal.setattr("django.db.backends.base.base.BaseDatabaseWrapper._commit", interrupted)
        with pytest.raises(KeyboardInterrupt), transaction.atomic():
            pass
    with transaction.atomic():
        assert not free()
    assert free()


def test_a_connection_that_is_thrown_away_gives_its_turn_back():
    other = connections.create_connection("default")
    other.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    assert not free()
    del other
    gc.collect()
    assert free()


def test_a_forked_process_waits_for_no_thread_of_the_first():
    held = threading.Event()
    let_go = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            held.set()
            assert let_go.wait(60)

    def fork() -> bool:
        assert held.wait(60)
        context = get_context("fork")
        said = context.SimpleQueue()
        child = context.Process(target=lambda: said.put(free()))
        child.start()
        answer: bool = said.get()
        child.join(60)
        let_go.set()
        return answer

    assert at_once([hold, fork]) == [None, True]
