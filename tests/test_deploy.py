"""What the examples of a deployment name is there: commands, settings, units."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tillbook.cli.main import assembled

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "examples" / "deploy"
PROGRAM = "/srv/tillbook/.venv/bin/tillbook"
UNITS = sorted(DEPLOY.glob("*.service"))
SHUT_IN = "UMask|NoNew|Private|Protect|Restrict|SystemCall|Capability|Lock"  # how such settings begin


def commands_of(unit: Path) -> Iterator[list[str]]:
    """The words after the program in each line that runs it."""
    for line in unit.read_text(encoding="utf-8").splitlines():
        if line.startswith("ExecStart=") and PROGRAM in line:
            yield shlex.split(line.partition(PROGRAM)[2].strip().rstrip("'"))


def test_each_unit_runs_a_command_that_there_is() -> None:
    known = typer.main.get_command(assembled()).commands
    run = {unit.name: list(commands_of(unit)) for unit in UNITS}
    assert {name: [words[0] for words in lines] for name, lines in run.items()} == {
        "tillbook.service": ["serve"],
        "tillbook-alarm@.service": [],
        "tillbook-backup.service": ["backup"],
        "tillbook-deliver.service": ["deliver"],
        "tillbook-expire.service": ["expire"],
        "tillbook-verify.service": ["verify"],
    }
    for lines in run.values():
        for name, *words in lines:
            options = {option for each in known[name].params for option in each.opts}
            assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_runs_tillbook_is_its_own_user_with_the_shop_s_settings(unit: Path) -> None:
    lines = unit.read_text(encoding="utf-8").splitlines()
    if list(commands_of(unit)):
        assert {"User=tillbook", "EnvironmentFile=/etc/tillbook.env"} <= {*lines}


def test_all_that_runs_tillbook_is_shut_in_alike() -> None:
    kept_out = [
        {line for line in unit.read_text(encoding="utf-8").splitlines() if re.match(SHUT_IN, line)}
        for unit in UNITS
        if list(commands_of(unit))
    ]
    assert len(kept_out[0]) > 15
    assert all(each == kept_out[0] for each in kept_out)


def test_each_timer_starts_a_unit_whose_failure_is_mailed() -> None:
    for timer in DEPLOY.glob("*.timer"):
        unit = timer.with_suffix(".service").read_text(encoding="utf-8")
        assert "OnFailure=tillbook-alarm@%n.service" in unit


def test_the_settings_are_known_and_written_as_systemd_and_a_shell_both_read_them() -> None:
    text = (DEPLOY / "tillbook.env").read_text(encoding="utf-8")
    named = dict(re.findall(r"^#?(TILLBOOK_\w+)=(.*)$", text, flags=re.MULTILINE))
    reference = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert named.keys() <= {*re.findall(r"^\| `(TILLBOOK_\w+)`", reference, flags=re.MULTILINE)}
    assert all(re.fullmatch(r"[\w.:/@+-]*|'[^']*'", value) for value in named.values())
