"""`tillbook verify` by several processes: killed in the middle it goes on, and finds the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from tests.databases import database_url
from tests.ledger.test_sums import make_book
from tests.ledger.test_tampering import drop_triggers
from tillbook.common.actor import Actor
from tillbook.ledger import runs
from tillbook.ledger.models import Verification
from tillbook.ledger.steady import ranges

_COMMAND = [sys.executable, "-c", "from tillbook.cli.main import app; app()"]


@pytest.fixture
def environment(own_database, now, tmp_path: Path) -> dict[str, str]:
    """That of a process over this test's database, which holds two customers' books."""
    make_book(now)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("TILLBOOK_")},
        "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
        "TILLBOOK_DATABASE_URL": database_url(),
        "TILLBOOK_DATA_DIR": str(tmp_path / "data"),
    }


def verify(environment: dict[str, str], *options: str) -> tuple[int, dict]:
    done = subprocess.run(
        [*_COMMAND, "verify", "--json", *options],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("depth", ["--sums", "--full"])
def test_two_processes_find_what_one_finds(environment, depth: str) -> None:
    one, two = (verify(environment, depth, "--processes", count) for count in "12")
    for _, shown in (one, two):
        del shown["started_at"]
    assert one == two
    assert (one[0], one[1]["broken"], one[1]["transfers"]) == (0, [], 18)
    assert (
        list(Verification.objects.values_list("depth", "transfers", "accounts", "broken"))
        == [(depth.strip("-"), 18, 4, 0)] * 2
    )


def test_a_check_that_was_killed_goes_on_and_finds_the_same(environment, now) -> None:
    drop_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_transfer SET actor = 'user:9' WHERE key = 's'")
    code, whole = verify(environment)
    assert code == 1
    killed = subprocess.Popen([*_COMMAND, "verify"], env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not Verification.objects.filter(finished_at=None).exists():
        assert time.monotonic() < until, "it did not begin"
    killed.kill()
    killed.wait()
    code, resumed = verify(environment, "--resume")
    assert (code, resumed["broken"], resumed["transfers"]) == (1, whole["broken"], whole["transfers"])
    assert Verification.objects.filter(finished_at=None).count() == 0


def test_what_was_done_before_is_not_done_again(environment, now) -> None:
    run = runs.begin(Verification.Depth.FULL, ranges(2), actor=Actor.system("test"), now=now)
    (place, _), _ = runs.left(run)
    runs.keep(run, place, runs.Proof(transfers=1_000))
    _, resumed = verify(environment, "--resume")
    assert resumed["transfers"] == 1_000 + 9


def test_nothing_interrupted_is_nothing_to_resume(environment) -> None:
    done = subprocess.run(
        [*_COMMAND, "verify", "--resume"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No full check was interrupted. Run it without --resume.\n"
