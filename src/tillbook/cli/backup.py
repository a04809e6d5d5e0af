"""The command that copies an SQLite database while the shop is open."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer
from django.db import connection

from tillbook.cli.output import AsJson, say
from tillbook.common.errors import InvalidInput, Refusal

commands = typer.Typer()


class NotSqlite(Refusal):
    """PostgreSQL has a program of its own that copies its databases."""

    code = "not_sqlite"


class NothingToBackUp(Refusal):
    """The database has no tables: most likely it is not the shop's."""

    code = "nothing_to_back_up"


class DatabaseDamaged(Refusal):
    """SQLite finds the copy damaged, and so the database that it was made of."""

    code = "database_damaged"


@commands.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; a new one.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Copy the SQLite database into a new file, while the shop is open."""
    _check_can_be_copied()
    if file.exists():
        raise _there_already(file)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")  # what is killed leaves no copy that looks whole
    try:
        _make_private(part, file)
        _copy(part, file)
        _name(part, file)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    size = file.stat().st_size
    say(f"{file}: {size:,} bytes, checked.", {"file": str(file), "bytes": size}, as_json=as_json)


def _check_can_be_copied() -> None:
    """Raise NotSqlite or NothingToBackUp."""
    if connection.vendor != "sqlite":
        raise NotSqlite("The database is PostgreSQL: copy it with pg_dump --format=custom --file=FILE.")
    if not connection.introspection.table_names():
        raise NothingToBackUp(
            f"The database {connection.settings_dict['NAME']} has no tables. "
            "Is TILLBOOK_DATA_DIR or TILLBOOK_DATABASE_URL that of the shop?"
        )


def _make_private(part: Path, file: Path) -> None:
    """Make the part, empty, for its owner alone; SQLite leaves its mode. Raises InvalidInput."""
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidInput(f"File: {file} can't be written: {why}.", field="file") from error


def _name(part: Path, file: Path) -> None:
    """Give the whole and checked copy its name, unless somebody took that meanwhile. Raises InvalidInput."""
    try:
        os.link(part, file)
    except FileExistsError:
        raise _there_already(file) from None
    except OSError:  # a file system without hard links
        part.replace(file)


def _there_already(file: Path) -> InvalidInput:
    return InvalidInput(f"File: {file} is there already. Choose another name.", field="file")


def _copy(part: Path, file: Path) -> None:
    """Write what is committed at this moment into `part`. Raises InvalidInput, DatabaseDamaged."""
    connection.ensure_connection()
    try:
        with closing(sqlite3.connect(part)) as copy:
            connection.connection.backup(copy)
            # One file, without a log beside it, that can also be read where nothing can be written.
            copy.execute("PRAGMA journal_mode=DELETE")
            (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        raise InvalidInput(f"File: {file} can't be written: {error}.", field="file") from error
    except sqlite3.DatabaseError as error:
        found = error
    if found != "ok":
        raise DatabaseDamaged(f"The database is damaged, and no copy was kept. SQLite says: {found}.")
