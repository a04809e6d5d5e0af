"""`make demo` keeps away from the folder that a shop begins in."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def demo_command(*arguments: str) -> str:
    """The line that `make demo` would run."""
    recipe = subprocess.run(
        ["make", "--just-print", "--assume-old=.venv/.stamp-installed", "demo", *arguments],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # Under another make it also says which folder it enters and leaves.
    return next(line for line in recipe.splitlines() if "tillbook demo" in line)


def test_the_demo_is_built_apart_from_the_folder_that_a_shop_begins_in() -> None:
    for folder, settings in (("demo-data", {}), ("elsewhere", {"TILLBOOK_DATA_DIR": "elsewhere"})):
        line = demo_command().replace(".venv/bin/tillbook demo", "printenv TILLBOOK_DATA_DIR")
        shown = subprocess.run(
            ["bash", "-c", line],  # noqa: S607
            env={"PATH": "/usr/bin:/bin", **settings}, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert shown == f"{folder}\n"


def test_another_port_is_chosen_by_its_name() -> None:
    assert demo_command("PORT=8001").endswith("tillbook demo --port 8001")
    assert demo_command().endswith("tillbook demo")
