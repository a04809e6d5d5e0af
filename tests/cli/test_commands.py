"""The command as a person runs it: a process of its own, over a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tillbook.cli.serve import address

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def _run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("TILLBOOK", "DJANGO"))
        }
        return subprocess.run(
            [sys.executable, "-c", "from tillbook.cli.main import app; app()", *arguments],
            input=stdin,
            env=clean | {"TILLBOOK_DATA_DIR": str(tmp_path)} | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    return _run


def test_a_user_is_added_and_the_made_password_is_printed_once(run: Run) -> None:
    assert run("migrate").returncode == 0

    added = run("user", "add", "ann", "--role", "admin")
    assert added.returncode == 0
    name, password = added.stdout.strip().split(": ")
    assert (name, len(password)) == ("ann", 20)

    again = run("user", "add", "ann", "--role", "admin")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "The username 'ann' is taken. Choose another.\n"


def test_a_password_can_come_from_standard_input_and_is_not_printed(run: Run) -> None:
    run("migrate")
    added = run("user", "add", "bob", "--role", "staff", "--password-stdin", stdin="correct horse battery\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "Added bob as staff.\n", "")


def test_a_password_that_will_not_do_is_one_line_and_exit_code_1(run: Run) -> None:
    run("migrate")
    refused = run("user", "add", "bob", "--role", "staff", "--password-stdin", stdin="pw\n")
    assert (refused.returncode, refused.stdout, len(refused.stderr.splitlines())) == (1, "", 1)


@pytest.mark.parametrize(
    "wrong", [["user", "add", "bob", "--role", "boss"], ["serve", "--port", "0"], ["dance"]]
)
def test_bad_usage_is_exit_code_2(run: Run, wrong: list[str]) -> None:
    outcome = run(*wrong)
    assert outcome.returncode == 2
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"TILLBOOK_CURRENCY": "pounds"}, "pounds"),
        ({"TILLBOOK_GRACE_DAYS": "soon"}, "TILLBOOK_GRACE_DAYS"),
        ({"TILLBOOK_TIME_ZONE": "Mars/Base"}, "Mars/Base"),
        ({"TILLBOOK_DATABASE_URL": "mysql://localhost/x"}, "TILLBOOK_DATABASE_URL"),
        ({"TILLBOOK_STAFF_CREDIT_LIMIT": "1e3"}, "1e3"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(run: Run, settings: dict[str, str], named: str) -> None:
    refused = run("migrate", **settings)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert named in refused.stderr


def test_a_database_without_tables_is_one_line_that_says_what_to_run(run: Run) -> None:
    refused = run("user", "add", "ann", "--role", "admin")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "tillbook migrate" in refused.stderr


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000"), ("shop", "http://shop:8000")],
)
def test_the_address_can_be_typed_into_a_browser(host: str, shown: str) -> None:
    assert address(host, 8000) == shown
