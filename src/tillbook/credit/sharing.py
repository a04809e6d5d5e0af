"""Callers share a commit: what arrives while one commit is under way goes into the next one.

A durable commit costs the same for one row as for fifty, and on SQLite only one can happen at
a time. So the first caller leads: it writes all that waits in one batch. Whoever comes in the
meantime waits for that commit only, and the first of those leads the next one. Callers who were
answered together often come back together: a leader lets as many come in again, but waits for
them no longer than a part of what a commit takes. Other processes are met in the database,
through its locks. What the database refuses to one, or keeps it waiting for, is no matter of the
others: then each does its own work by itself.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import DatabaseError, connection

A = TypeVar("A")  # what is asked
R = TypeVar("R")  # what is answered

_MOST = 500  # requests in one commit


class _Ticket(Generic[A, R]):
    """A caller's place in the queue: what it asks, and then its answer or the error it gets."""

    __slots__ = ("answer", "asked", "done", "error", "turn")

    def __init__(self, asked: A) -> None:
        self.asked = asked
        self.turn = threading.Lock()  # released when it is answered, or when it shall lead
        self.turn.acquire()
        self.done = False
        self.answer: R | None = None
        self.error: BaseException | None = None


class SharedCommit(Generic[A, R]):
    """One kind of work, done for many callers in one transaction.

    `shared` answers each of what it is asked, at its place and as if all had come one after the other in some
    order, in a transaction of its own. For a lock that somebody holds for long it raises a DatabaseError;
    `alone` does the same, and waits.
    """

    def __init__(
        self, shared: Callable[[Sequence[A]], Sequence[R]], alone: Callable[[Sequence[A]], Sequence[R]]
    ) -> None:
        self._shared = shared
        self._alone = alone
        self._lock = threading.Lock()
        self._waiting: deque[_Ticket[A, R]] = deque()
        self._led = False
        self._together = 1  # how many the last commit answered
        self._patience = 0  # nanoseconds that a leader waits for that many
        self._gathered: threading.Lock | None = None  # released when they are there

    def do(self, asked: A) -> R:
        """Do one piece of work, together with others' if that saves a commit.

        In a transaction of the caller's it is done there and then, alone: nobody else may
        depend on whether that transaction commits.
        """
        if connection.in_atomic_block:
            return self._alone([asked])[0]
        ticket: _Ticket[A, R] = _Ticket(asked)
        with self._lock:
            self._waiting.append(ticket)
            leads, self._led = not self._led, True
            if self._gathered is not None and len(self._waiting) >= self._together:
                self._gathered.release()
                self._gathered = None
        if not leads:
            ticket.turn.acquire()
        if not ticket.done:
            self._lead()
        if isinstance(ticket.error, DatabaseError):
            return self._alone([asked])[0]
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value] # done without error: answered

    def _lead(self) -> None:
        """Do all that waits, the caller's own included, and hand the lead on."""
        tickets = self._gather()
        began = time.perf_counter_ns()
        try:
            self._answer(tickets)
        finally:
            self._patience = (time.perf_counter_ns() - began) // 2
            self._hand_on(tickets)

    def _gather(self) -> list[_Ticket[A, R]]:
        gathered = None
        with self._lock:
            if len(self._waiting) < self._together:
                gathered = self._gathered = threading.Lock()
                gathered.acquire()
        if gathered is not None:
            gathered.acquire(timeout=self._patience / 1_000_000_000)
        with self._lock:
            self._gathered = None
            tickets = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            self._together = len(tickets)
        return tickets

    def _hand_on(self, tickets: Sequence[_Ticket[A, R]]) -> None:
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._led = following is not None
        for ticket in tickets:
            ticket.done = True
            ticket.turn.release()
        if following is not None:
            following.turn.release()

    def _answer(self, tickets: Sequence[_Ticket[A, R]]) -> None:
        try:
            answers = self._shared([ticket.asked for ticket in tickets])
        except BaseException as error:
            for ticket in tickets:
                ticket.error = error
            if not isinstance(error, Exception):
                raise
        else:
            for ticket, answer in zip(tickets, answers, strict=True):
                ticket.answer = answer
