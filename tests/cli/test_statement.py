"""The command that reads a bank's statement."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.payouts.conftest import Till, state, till  # noqa: F401  a fixture
from tillbook.payouts.models import Statement
from tillbook.staff.models import User

pytestmark = pytest.mark.django_db

COLUMNS = ["--format", "csv", "--currency", "AUD", "--column", "date=Date", "--column", "amount=Sum",
           "--column", "reference=Text"]  # fmt: skip


def test_a_statement_from_a_file_completes_what_was_paid(till: Till, run, tmp_path):  # noqa: F811
    refund = till.refund("jo")
    till.create()
    file = tmp_path / "bank.csv"
    file.write_text(f"Date,Text,Sum\n2026-03-04,{refund.number},-12.34\n2026-03-04,RF-1,1\n", "utf-8")
    code, said, _ = run("statement", "import", str(file), *COLUMNS)
    assert (code, said.partition(": ")[2]) == (0, "1 paid, 1 unmatched.\n")
    assert state(refund) == "completed"
    assert json.loads(run("statement", "import", str(file), *COLUMNS, "--json")[1])["paid"] == 1


@pytest.mark.parametrize(
    ("arguments", "content", "says"),
    [
        (["--format", "camt053"], "hello", "not XML"),
        (COLUMNS, "a,b\n", "no column 'Date'"),
    ],
)
def test_what_cannot_be_read_is_one_line(till: Till, run, tmp_path, arguments, content, says):  # noqa: F811
    file = tmp_path / "bank.csv"
    file.write_text(content, "utf-8")
    code, _, said = run("statement", "import", str(file), *arguments)
    assert (code, said.count("\n")) == (1, 1)
    assert says in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "pdf"], "--format: Choose one of camt053, mt940, csv."),
        (["--format", "csv"], "--column: Say which column of the csv says what, like date=Booked."),
        (COLUMNS[:-2], "--column: Name at least the columns date and reference."),
        (
            ["--format", "csv", "--currency", "AUD", "--column", "date"],
            "--column: Write a column as what=name, not 'date'.",
        ),
        (["--format", "csv", *COLUMNS[4:]], "--currency: Say which currency the csv is in."),
        (
            ["--format", "csv", "--currency", "quid", *COLUMNS[4:]],
            "--currency: 'quid' is not a currency. Use a three-letter ISO 4217 code such as AUD.",
        ),
        ([*COLUMNS, "--decimal", ";"], "--decimal: The decimal sign is a point or a comma."),
        (
            [*COLUMNS, "--date-format", "%d"],
            "--date-format: '%d' is no way to write a day. 31/12/2026 is %d/%m/%Y.",
        ),
    ],
)
def test_what_is_not_said_or_written_wrong_is_wrong_usage(till: Till, run, tmp_path, arguments, says):  # noqa: F811
    file = tmp_path / "bank.csv"
    file.write_text("Date,Text,Sum\n2026-03-04,RF-1,1\n", "utf-8")
    assert run("statement", "import", str(file), *arguments) == (2, "", says + "\n")
    assert not Statement.objects.exists()


def test_nobody_reads_in_the_name_of_who_has_left(till: Till, run, tmp_path):  # noqa: F811
    User.objects.filter(pk=till.admin.user_id).update(is_active=False)
    arguments = ["statement", "import", str(tmp_path / "x"), *COLUMNS, "--by", till.admin.name]
    assert run(*arguments) == (1, "", f"{till.admin.name} can't log in any more.\n")


def test_a_file_that_is_not_there_is_said(run, tmp_path):
    code, _, said = run("statement", "import", str(tmp_path / "none"), "--format", "mt940")
    assert (code, "can't be read" in said) == (1, True)


def test_staff_may_not(till: Till, run, tmp_path):  # noqa: F811
    file = tmp_path / "bank.csv"
    file.write_text("Date,Text,Sum\n", "utf-8")
    code, _, said = run("statement", "import", str(file), *COLUMNS, "--by", "staff")
    assert (code, said.count("\n")) == (1, 1)


def _import(folder: Path, file: Path, stderr: int) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TILLBOOK_", "DJANGO_"))
    }
    return subprocess.run(
        [sys.executable, "-c", "from tillbook.cli.main import app; app()", "statement", "import", str(file), *COLUMNS],
        env=clean | {"TILLBOOK_DATA_DIR": str(folder), "TERM": "xterm"},
        stdout=subprocess.PIPE, stderr=stderr, text=True, check=True,
    )  # fmt: skip


def test_progress_is_shown_on_a_terminal_alone(migrated, run_process, tmp_path):
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "bank.csv"
    rows = "".join(f"2026-03-04,Coffee {each},-1\n" for each in range(50))
    file.write_text(f"Date,Text,Sum\n{rows}", "utf-8")
    terminal, its_end = os.openpty()
    try:
        seen = _import(tmp_path, file, its_end)
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(its_end)
        os.close(terminal)
    assert "Reading" in shown
    assert seen.stdout == "ST-1001: 50 unmatched.\n"
    again = _import(tmp_path, file, subprocess.PIPE)
    assert (again.stdout, again.stderr) == ("ST-1001: 50 unmatched.\n", "")
