"""The programs that exports are for, run as processes of their own."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

Told = dict[tuple[str, str], str]  # (account, currency) -> amount as text, zero left out


def bean_check(file: Path) -> str:
    """What bean-check has to say against the file: nothing, if all is well."""
    program = Path(sys.executable).parent / "bean-check"
    done = subprocess.run([program, "--no-cache", file], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stderr + done.stdout == ""), done
    return done.stderr + done.stdout


def hledger(file: Path) -> Told:
    """The balances that hledger finds in the file, its assertions checked."""
    program = _installed("hledger")
    asked = [
        program,
        "-f",
        str(file),
        "balance",
        "--output-format",
        "csv",
        "--layout",
        "bare",
        "--no-total",
        "--flat",
    ]
    done = subprocess.run(
        asked, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    return {(row["account"], row["commodity"]): row["balance"] for row in rows}


def ledger(file: Path) -> dict[tuple[str, str], Decimal]:
    """The balances that Ledger finds in the file, its assertions checked."""
    program = _installed("ledger")
    shape = "%(account),%(commodity(amount)),%(quantity(amount))\n"
    asked = [program, "-f", str(file), "register", "--format", shape]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    sums: dict[tuple[str, str], Decimal] = {}
    for account, commodity, amount in csv.reader(io.StringIO(done.stdout)):
        sums[account, commodity] = sums.get((account, commodity), Decimal(0)) + Decimal(amount)
    return {place: amount for place, amount in sums.items() if amount}


def _installed(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        missing = f"{name} is not installed: scripts/find-programs installs it."
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return program
