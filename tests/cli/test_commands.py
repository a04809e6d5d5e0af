"""The command as a person runs it. A refusal is one line; nobody ever sees a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PASSWORD
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
        ("TILLBOOK_GRACE_DAYS", "soon", "TILLBOOK_GRACE_DAYS"),
        ("TILLBOOK_DATABASE_URL", "mysql://localhost/x", "TILLBOOK_DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    run_process: Run, name: str, value: str, named: str
) -> None:
    code, shown, wrong = run_process("migrate", **{name: value})
    assert (code, shown, len(wrong.splitlines())) == (1, "", 1)
    assert named in wrong


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("shop", "http://shop:8000")],
)
def test_the_address_can_be_typed_into_a_browser(host: str, shown: str) -> None:
    assert address(host, 8000) == shown
