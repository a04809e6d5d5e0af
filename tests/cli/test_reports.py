"""`tillbook report`: what the shop owes, on the screen and in files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.db import connection

from tests.orders.till import Till, line

Run = Callable[..., tuple[int, str, str]]

OLD = ("--as-of", "2026-03-02", "--recorded-by", "2026-03-05")


@pytest.fixture
def till(staff_actor, now: datetime) -> Till:
    """Jo with 4.00 on 2 March, of which 1.50 was spent on 10 March."""
    till = Till(staff_actor, now)
    till.pay(till.place(line(1000)), 1400)
    till.now = datetime(2026, 3, 10, 9, tzinfo=now.tzinfo)
    till.spend(till.place(line(500)), 150)
    return till


def test_the_screen_shows_what_is_owed_and_what_it_stands_on(run: Run, till: Till) -> None:
    code, shown, wrong = run("report", "liability", *OLD)
    assert (code, wrong) == (0, "")
    assert "As of: End of 2 March 2026 (Europe/London)" in shown
    assert "Recorded until: 2026-03-06T00:00:00+00:00" in shown  # the end of that day
    assert "│ Order: Overpayment │       1 │ £4.00 │ £0.00 │     £4.00 │" in shown
    assert shown.endswith("Derived from 1 transfer.\n")
    code, shown, _ = run("report", "liability")
    assert "£2.50" in shown


def test_a_roll_forward_takes_a_period(run: Run, till: Till) -> None:
    code, shown, _ = run(
        "report", "roll-forward", "--from", "2026-03-03", "--to", "2026-03-31T12:00:00+01:00"
    )
    assert code == 0
    assert "Period: 3 March 2026 to 31 March 2026, 12:00:00 (Europe/London)" in shown
    figures = [[cell.strip() for cell in row.split("│")[1:-1]] for row in shown.splitlines() if "│" in row]
    assert ["Opening", "", "£4.00"] in figures
    assert ["Spent on orders", "1", "−£1.50"] in figures
    assert ["Closing", "", "£2.50"] in figures


def test_programs_read_csv_and_json_from_standard_output(run: Run, till: Till) -> None:
    code, shown, _ = run("report", "balances", *OLD, "--format", "csv")
    rows = list(csv.DictReader(StringIO(shown.removeprefix("\N{BYTE ORDER MARK}"))))
    assert (code, [(row["username"], row["posted"]) for row in rows]) == (
        0,
        [("jo", "4.00"), ("Total", "4.00")],
    )
    _, shown, _ = run("report", "balances", "--as-of", "2026-03-31", "--format", "json", "--currency", "GBP")
    assert json.loads(shown)["sections"][0]["rows"][0]["posted"] == {"amount": "2.50", "currency": "GBP"}


@pytest.mark.parametrize("ending", ["xlsx", "pdf", "csv", "json"])
def test_a_file_is_new_and_the_same_when_printed_again(
    run: Run, till: Till, tmp_path: Path, ending: str
) -> None:
    first, second = tmp_path / f"march.{ending}", tmp_path / f"again.{ending}"
    asked = ("report", "liability", *OLD, "--format", ending, "--output")
    assert run(*asked, str(first)) == (0, f"{first}: Liability, derived from 1 transfer.\n", "")
    till.pay(till.place(line(100)), 900)
    run(*asked, str(second))
    assert first.read_bytes() == second.read_bytes()
    refused = run(*asked, str(first))
    assert refused == (1, "", f"Output: {first} is there already. Choose another name.\n")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--as-of", "2999-01-01"], "As of can't lie in the future."),
        (["--as-of", "9999-12-31"], "As of can't lie in the future."),
        (["--as-of", "0001-01-01"], "As of can't lie before 1900."),
        (["--recorded-by", "2999-01-01"], "Recorded until can't lie in the future."),
        (
            ["--format", "pdf", "--output", "no/such/x.pdf"],
            "Output: no/such/x.pdf can't be written: No such file or directory.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    run: Run, db: None, asked: list[str], message: str
) -> None:
    assert run("report", "liability", *asked) == (1, "", message + "\n")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--as-of", "soon"], "--as-of: write a date like 2026-10-31, or a moment like 2026-10-31T17:30."),
        (
            ["--recorded-by", ""],
            "--recorded-by: write a date like 2026-10-31, or a moment like 2026-10-31T17:30.",
        ),
        (
            ["--currency", "quid"],
            "--currency: 'quid' is not a currency. Use a three-letter ISO 4217 code such as AUD.",
        ),
        (["--format", "pdf"], "--output: Name the pdf file to write."),
        (["--output", "x.txt"], "--output: A table is for the screen. Add --format csv, json, xlsx or pdf."),
    ],
)
def test_what_is_written_wrong_is_wrong_usage_in_one_line(
    run: Run, db: None, asked: list[str], message: str
) -> None:
    assert run("report", "liability", *asked) == (2, "", message + "\n")


def test_a_period_s_first_day_is_written_as_its_last(run: Run, db: None) -> None:
    for given in (["--from", "x"], ["--from", "2026-03-03", "--to", "x"]):
        shown = f"{given[-2]}: write a date like 2026-10-31, or a moment like 2026-10-31T17:30.\n"
        assert run("report", "roll-forward", *given) == (2, "", shown)


def test_a_period_that_ends_before_it_begins_is_refused(run: Run, db: None) -> None:
    backwards = run("report", "roll-forward", "--from", "2026-03-03", "--to", "2026-03-02")
    assert backwards == (1, "", "From: a period must begin before it ends.\n")
    late = run("report", "roll-forward", "--from", "2026-03-03", "--to", "2999-03-02")
    assert late == (1, "", "To can't lie in the future.\n")


def test_a_report_that_fails_half_way_leaves_no_file(run: Run, till: Till, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM credit_credit")
    path = tmp_path / "x.xlsx"
    code, _, wrong = run("report", "balances", "--format", "xlsx", "--output", str(path))
    assert (code, wrong) == (
        1,
        "The book has transfers that belong to no credit (2). Run `tillbook verify`.\n",
    )
    assert not path.exists()
    # Standard output stays open for whatever is said after it.
    assert run("report", "balances", "--format", "csv")[::2] == (1, wrong)


def test_an_empty_book_says_so(run: Run, db: None) -> None:
    code, shown, _ = run("report", "balances")
    assert (code, "Nothing had happened by then." in shown) == (0, True)
