"""A copy of the database is whole, its owner's alone, and never written over another file."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection

from tests.cli.conftest import Run


@pytest.fixture
def shop(migrated: Path, run_process: Run, tmp_path: Path) -> Path:
    """The database of a shop that has one customer."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    assert run_process("customer", "add", "jo", "--currency", "GBP")[0] == 0
    return tmp_path / "tillbook.sqlite3"


def usernames(file: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return [name for (name,) in database.execute("SELECT username FROM customers_customer ORDER BY id")]


def add(database: sqlite3.Connection, username: str) -> None:
    """Write another customer, with all else as jo has it."""
    columns = [name for _, name, *_ in database.execute("PRAGMA table_info(customers_customer)")]
    others = ", ".join(name for name in columns if name not in ("id", "username"))
    database.execute(
        f"INSERT INTO customers_customer (username, {others}) "
        f"SELECT ?, {others} FROM customers_customer WHERE username = 'jo'",
        [username],
    )


def test_the_copy_is_a_database_of_its_own_that_its_owner_alone_may_read(
    run_process: Run, shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "copy.sqlite3"
    assert run_process("backup", str(file)) == (
        0,
        f"{file}: {file.stat().st_size:,} bytes, checked.\n",
        "",
    )
    assert usernames(file) == ["jo"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy.sqlite3"]


def test_a_shop_can_be_opened_from_the_copy(run_process: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite3"
    assert run_process("backup", str(file))[0] == 0
    url = f"sqlite:///{file}"
    assert run_process("customer", "show", "jo", TILLBOOK_DATABASE_URL=url)[0] == 0
    code, shown, _ = run_process("verify", TILLBOOK_DATABASE_URL=url)
    assert (code, shown.splitlines()[-1]) == (
        0,
        "0 transfers of 0 credits and 0 balances checked: all agree.",
    )


def test_it_holds_what_was_committed_while_somebody_writes(
    run_process: Run, shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "copy.sqlite3"
    with closing(sqlite3.connect(shop, isolation_level=None)) as database:
        add(database, "committed")
        database.execute("BEGIN IMMEDIATE")
        add(database, "under way")
        assert run_process("backup", str(file))[0] == 0
        database.execute("ROLLBACK")
    assert usernames(file) == ["jo", "committed"]


def test_for_programs_it_is_json(run_process: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite3"
    code, shown, _ = run_process("backup", str(file), "--json")
    assert (code, json.loads(shown)) == (0, {"file": str(file), "bytes": file.stat().st_size})


def test_a_file_that_is_there_is_left_as_it_is(run_process: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.sqlite3"
    file.write_text("yesterday's")
    assert run_process("backup", str(file)) == (
        1,
        "",
        f"File: {file} is there already. Choose another name.\n",
    )
    assert file.read_text() == "yesterday's"


def test_a_folder_that_is_not_there_is_named(run_process: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "copy.sqlite3"
    assert run_process("backup", str(file)) == (
        1,
        "",
        f"File: {file} can't be written: No such file or directory.\n",
    )
    assert not file.parent.exists()


def test_an_empty_database_is_taken_for_a_wrong_setting(run_process: Run, tmp_path: Path) -> None:
    code, shown, wrong = run_process("backup", str(tmp_path / "copy.sqlite3"))
    assert (code, shown) == (1, "")
    assert wrong == (
        f"The database {tmp_path / 'tillbook.sqlite3'} has no tables. "
        "Is TILLBOOK_DATA_DIR or TILLBOOK_DATABASE_URL that of the shop?\n"
    )
    assert not (tmp_path / "copy.sqlite3").exists()


def test_of_a_damaged_database_no_copy_is_kept(run_process: Run, shop: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(shop, isolation_level=None)) as database:
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'customers_customer'")
        ((size,),) = database.execute("PRAGMA page_size")
    with shop.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    code, shown, wrong = run_process("backup", str(tmp_path / "copy.sqlite3"))
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert wrong.startswith("The database is damaged, and no copy was kept. SQLite says: ")
    assert not (tmp_path / "copy.sqlite3").exists()


def test_on_postgresql_its_own_program_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "vendor", "postgresql")
    code, shown, wrong = run("backup", str(tmp_path / "copy"))
    assert (code, shown) == (1, "")
    assert wrong == "The database is PostgreSQL: copy it with pg_dump --format=custom --file=FILE.\n"
    assert list(tmp_path.iterdir()) == []
