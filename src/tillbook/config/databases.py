"""Django's database settings, from a URL."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

_SQLITE_OPTIONS = {
    # One writer at a time, from the first statement on: on SQLite the transaction is the lock.
    "transaction_mode": "IMMEDIATE",
    # FULL: a commit that was answered survives a power cut.
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
    "timeout": 30,  # seconds a writer waits for its turn
}

_POSTGRESQL_OPTIONS = {
    "pool": {"min_size": 1, "max_size": 16, "timeout": 30},
    # The book's statements are few and always the same: the server parses and plans each once.
    "server_side_binding": True,
    "prepare_threshold": 3,
}


def with_options(database: dict[str, Any]) -> dict[str, Any]:
    """The parsed database URL with the options that the book needs on that database.

    Raises ImproperlyConfigured for anything but SQLite and PostgreSQL.
    """
    vendor = database["ENGINE"].rpartition(".")[2]
    if vendor == "sqlite3":
        options: dict[str, Any] = _SQLITE_OPTIONS
    elif vendor == "postgresql":
        options = _POSTGRESQL_OPTIONS
    else:
        raise ImproperlyConfigured("TILLBOOK_DATABASE_URL must begin with sqlite:// or postgresql://.")
    return database | {"OPTIONS": database.get("OPTIONS", {}) | options}
