"""Django's SQLite backend, whose threads write in turns.

SQLite lets one connection write at a time. Whoever finds it busy sleeps, longer each time, and tries again:
of twenty threads some come at once, again and again, and others not for seconds. So the threads of a
process wait for each other before they ask SQLite, which is left to choose between processes.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import Any

from django.db.backends.sqlite3 import base

# The methods that it has for backends to override are not in its stubs: so it is nothing that mypy knows.
_Django: Any = base.DatabaseWrapper

_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # by the database's name


def _forget() -> None:
    """A forked process has none of the threads that may have had their turn."""
    _turns.clear()


os.register_at_fork(after_in_child=_forget)


class _Turn:
    """The right to write, taken when it is made, for as long as it is kept.

    A connection that is thrown away within a transaction gives it back too: SQLite rolls that back.
    """

    mine = False  # whether it came within the time

    def __init__(self, name: str, seconds: int) -> None:
        self._lock = _turns[name]
        self.mine = self._lock.acquire(timeout=seconds)

    def give_back(self) -> None:
        if self.mine:
            self.mine = False
            self._lock.release()

    __del__ = give_back


class DatabaseWrapper(_Django):  # type: ignore[misc]  # as above
    """Django's, which waits for its turn before a transaction that may write."""

    _turn: _Turn | None = None

    def _start_transaction_under_autocommit(self) -> None:
        self._give_back()  # a signal may have come between a commit and this
        seconds = self.settings_dict["OPTIONS"].get("timeout", 5)
        self._turn = _Turn(self.settings_dict["NAME"], seconds)
        try:
            if self._turn.mine:
                super()._start_transaction_under_autocommit()
            else:
                self._start_at_once(seconds)
        except BaseException:
            self._give_back()
            raise

    def _start_at_once(self, seconds: int) -> None:
        """After it waited as long as SQLite would: that says without delay what is wrong, if anything is."""
        self.connection.execute("PRAGMA busy_timeout = 0")
        try:
            super()._start_transaction_under_autocommit()
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {seconds * 1000}")

    def _commit(self) -> None:
        super()._commit()
        self._give_back()  # after a commit that failed comes a rollback

    def _rollback(self) -> None:
        try:
            super()._rollback()
        finally:
            self._give_back()

    def _close(self) -> None:
        try:
            super()._close()
        finally:
            self._give_back()

    def _give_back(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.give_back()
