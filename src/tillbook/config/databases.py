"""Django's database settings, from a URL, or for the file in the data folder."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from tillbook.config.checks import wrong

_SQLITE_OPTIONS = {
    # One writer at a time, from the first statement on: on SQLite the transaction is the lock.
    "transaction_mode": "IMMEDIATE",
    # FULL: a commit that was answered survives a power cut. Each change of the book writes to a dozen pages
    # of indexes: in SQLite's own 2 MB of cache those of a few hundred customers push each other out.
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-16384;",
    "timeout": 30,  # seconds a writer waits for its turn
}

# Each thread keeps its connection to the file: the last one to close writes the whole log back, which
# would fall to nearly every request.
_SQLITE_KEPT = 600  # seconds

_POSTGRESQL_OPTIONS = {
    "pool": {"min_size": 1, "max_size": 16, "timeout": 30},
    # The book's statements are prepared by `common.statements`. psycopg prepares none of its own:
    # it would throw away all of a connection's with every rollback.
    "prepare_threshold": None,
}


def database(url: str, data_dir: Path) -> dict[str, Any]:
    """The database that `url` stands for; without one, the SQLite file in `data_dir`.

    The file is made here, empty, for its owner alone; SQLite gives its other files the same mode.
    Raises ImproperlyConfigured, without repeating the URL: it holds a password.
    """
    if not url:
        # Never by way of a URL: a folder's name may hold what means something else in one.
        settings = with_options(
            {"ENGINE": "django.db.backends.sqlite3", "NAME": str(data_dir / "tillbook.sqlite3")}
        )
    else:
        try:
            settings = with_options(dict(dj_database_url.parse(url)))
        except ValueError as error:
            raise _unreadable() from error
    if settings["ENGINE"].endswith("sqlite3") and settings["NAME"] != ":memory:":
        _make_private(Path(settings["NAME"]))
    return settings


def _make_private(file: Path) -> None:
    # Where it can't be made, the first query says so.
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _unreadable() -> ImproperlyConfigured:
    return wrong("DATABASE_URL", "it must begin with sqlite:// or postgresql://.")


def with_options(database: dict[str, Any]) -> dict[str, Any]:
    """The parsed database URL with the options that the book needs on that database.

    Raises ImproperlyConfigured for anything but SQLite and PostgreSQL.
    """
    vendor = database["ENGINE"].rpartition(".")[2]
    if vendor == "sqlite3":
        options: dict[str, Any] = _SQLITE_OPTIONS
        database = database | {"ENGINE": "tillbook.common.sqlite3", "CONN_MAX_AGE": _SQLITE_KEPT}
    elif vendor == "postgresql":
        options = _POSTGRESQL_OPTIONS
    else:
        raise _unreadable()
    return database | {"OPTIONS": database.get("OPTIONS", {}) | options}
