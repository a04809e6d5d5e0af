"""What the page about the command line shows can be typed as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine

from tests.cli.conftest import Run

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
FIRST_REFUND = "RF-1001"  # its number in a new shop


def walk() -> Iterator[list[str]]:
    """The words of each command in the page's first block."""
    block = re.search(r"(?:^ {4}.+\n)+", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert block is not None
    for line in block[0].replace("\\\n", " ").splitlines():
        yield shlex.split(line)


@time_machine.travel("2026-10-30 10:30Z", tick=False)
def test_the_walk_of_the_page_comes_to_its_end(
    db: None, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refund = FIRST_REFUND
    commands = list(walk())
    assert len(commands) == 10
    for program, *words in commands:
        code, shown, wrong = run(*(refund if word == FIRST_REFUND else word for word in words))
        assert (program, code, wrong) == ("tillbook", 0, ""), words
        if words[:2] == ["refund", "request"]:
            refund = shown.splitlines()[0].removeprefix("number: ")  # the test's shop is not a new one
    assert (tmp_path / "slip.pdf").read_bytes().startswith(b"%PDF")
