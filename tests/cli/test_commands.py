"""The command as a person runs it. A refusal is one line; nobody ever sees a traceback."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import typer

from tests.conftest import PASSWORD
from tillbook.cli.main import assembled
from tillbook.cli.serve import address
from tillbook.staff import queries
from tillbook.staff.models import User

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error


def test_a_new_data_folder_takes_tables_and_then_users(run_process: Run, tmp_path: Path) -> None:
    code, _, wrong = run_process("user", "add", "ann", "--role", "admin")
    assert (code, len(wrong.splitlines())) == (1, 1)
    assert "tillbook migrate" in wrong

    assert run_process("migrate") == (0, "The database is up to date.\n", "")
    code, shown, _ = run_process("user", "add", "ann", "--role", "admin")
    assert (code, shown.startswith("ann: ")) == (0, True)
    assert {"secret.key", "tillbook.sqlite3"} <= {path.name for path in tmp_path.iterdir()}


def test_a_made_password_is_printed_once_and_works(db: None, run: Run) -> None:
    code, shown, _ = run("user", "add", "ann", "--role", "admin")
    assert code == 0
    name, password = shown.strip().split(": ")
    user = queries.by_username("ann")
    assert (name, user.role, user.check_password(password)) == ("ann", "admin", True)


def test_a_password_can_come_from_standard_input_and_is_not_printed(db: None, run: Run) -> None:
    outcome = run("user", "add", "bob", "--role", "staff", "--password-stdin", stdin=PASSWORD + "\n")
    assert outcome == (0, "Added bob as staff.\n", "")
    assert queries.by_username("bob").check_password(PASSWORD)


def test_a_refusal_is_one_line_and_exit_code_1(db: None, run: Run) -> None:
    run("user", "add", "ann", "--role", "admin")
    refused = (1, "", "The username 'ann' is taken. Choose another.\n")
    assert run("user", "add", "ann", "--role", "admin") == refused
    code, shown, wrong = run("user", "add", "bob", "--role", "staff", "--password-stdin", stdin="pw\n")
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [["user", "add", "bob", "--role", "boss"], ["user", "add"], ["serve", "--port", "0"], ["dance"]],
)
def test_bad_usage_is_exit_code_2(db: None, run: Run, wrong: list[str]) -> None:
    code, _, said = run(*wrong)
    assert code == 2
    assert "Usage:" in said
    assert User.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TILLBOOK_CURRENCY", "pounds", "'pounds' is not a currency"),
        ("TILLBOOK_CURRENCY", "X" * 3, "TILLBOOK_CURRENCY is wrong"),
        ("TILLBOOK_GRACE_DAYS", "soon", "TILLBOOK_GRACE_DAYS is wrong: write a whole number, such as 100."),
        ("TILLBOOK_GRACE_DAYS", "-1", "TILLBOOK_GRACE_DAYS is wrong"),
        ("TILLBOOK_TIME_ZONE", "Europe", "TILLBOOK_TIME_ZONE is wrong"),
        ("TILLBOOK_LOCALE", "", "TILLBOOK_LOCALE is wrong"),
        ("TILLBOOK_EMAIL_URL", "foo", "TILLBOOK_EMAIL_URL is wrong"),
        ("TILLBOOK_DATA_DIR", "/dev/null", "TILLBOOK_DATA_DIR is wrong"),
        ("TILLBOOK_SECRET_KEY", "short", "TILLBOOK_SECRET_KEY is wrong"),
        ("TILLBOOK_SHOP_EMAIL", "shop", "TILLBOOK_SHOP_EMAIL is wrong"),
        ("TILLBOOK_MAIL_FROM", "shop", "TILLBOOK_MAIL_FROM is wrong"),
        ("TILLBOOK_TRUSTED_ORIGINS", "shop.example", "TILLBOOK_TRUSTED_ORIGINS is wrong"),
        ("TILLBOOK_STAFF_CREDIT_LIMIT", "much", "TILLBOOK_STAFF_CREDIT_LIMIT is wrong"),
        ("TILLBOOK_PROXY_COUNT", "one", "TILLBOOK_PROXY_COUNT is wrong"),
        ("TILLBOOK_SECURE_COOKIES", "oui", "TILLBOOK_SECURE_COOKIES is wrong: write true or false."),
        ("TILLBOOK_CURENCY", "GBP", "TILLBOOK_CURENCY is not a setting. Is TILLBOOK_CURRENCY meant?"),
        ("TILLBOOK_DATABASE_URL", "mysql://localhost/x", "TILLBOOK_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    run_process: Run, tmp_path: Path, name: str, value: str, named: str
) -> None:
    code, shown, wrong = run_process("migrate", **{name: value})
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert named in wrong
    assert list(tmp_path.iterdir()) == []


def test_commands_speak_english_in_every_shop(run_process: Run) -> None:
    german = {"TILLBOOK_LOCALE": "de_DE"}
    assert run_process("migrate", **german)[0] == 0
    code, _shown, wrong = run_process("customer", "show", "bob", **german)
    assert code == 1
    assert "There is no customer 'bob'." in wrong


def test_a_data_folder_of_any_name_holds_the_book_and_the_mails(run_process: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a#b?c%20d e"
    assert run_process("migrate", TILLBOOK_DATA_DIR=str(folder))[0] == 0
    code, _, _ = run_process("user", "add", "ann", "--role", "admin", TILLBOOK_DATA_DIR=str(folder))
    assert code == 0
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    file = folder / "tillbook.sqlite3"
    assert file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_mail_server_the_outbox_is_in_the_data_folder(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TILLBOOK_")}
    done = subprocess.run(
        [sys.executable, "-c", "from tillbook.config import settings; print(settings.EMAIL_FILE_PATH)"],
        env=clean | {"TILLBOOK_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{tmp_path}/outbox\n"


def test_a_user_with_a_long_name_is_added(db: None, run: Run) -> None:
    name = "a" * 100
    outcome = run("user", "add", name, "--role", "staff", "--password-stdin", stdin=PASSWORD + "\n")
    assert outcome == (0, f"Added {name} as staff.\n", "")
    assert queries.by_username(name).check_password(PASSWORD)


def test_whatever_the_database_refuses_is_one_line(run_process: Run, tmp_path: Path) -> None:
    (tmp_path / "tillbook.sqlite3").write_text("This is no database, and longer than its header is. " * 9)
    code, shown, wrong = run_process("verify")
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert wrong.startswith("The database refused: ")


def test_the_demo_refuses_a_real_shop_s_book(migrated: Path, run_process: Run, tmp_path: Path) -> None:
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    assert run_process("user", "add", "ann", "--role", "admin")[0] == 0
    code, shown, wrong = run_process("demo", "--no-serve")
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert "no demo made them" in wrong
    assert not (tmp_path / "demo-passwords.json").exists()
    with closing(sqlite3.connect(tmp_path / "tillbook.sqlite3")) as book:
        assert book.execute("SELECT username FROM staff_user").fetchall() == [("ann",)]
        assert book.execute("SELECT count(*) FROM customers_customer").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("shop", "http://shop:8000")],
)
def test_the_address_can_be_typed_into_a_browser(host: str, shown: str) -> None:
    assert address(host, 8000) == shown


@pytest.mark.parametrize("name", ["demo", "serve", "verify", "migrate", "attest"])
def test_a_command_is_the_same_without_the_modules_of_the_others(run: Run, name: str) -> None:
    alone, among_all = (typer.main.get_command(assembled(asked)) for asked in ([name], []))
    assert len(alone.commands) < len(among_all.commands)
    taken, expected = ([each.name for each in of.commands[name].params] for of in (alone, among_all))
    assert taken == expected != []
    assert run(name, "--help")[0] == 0
