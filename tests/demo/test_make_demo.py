"""`make demo` keeps away from the folder that a shop begins in."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_is_built_apart_from_the_folder_that_a_shop_begins_in() -> None:
    for folder, settings in (("demo-data", {}), ("elsewhere", {"TILLBOOK_DATA_DIR": "elsewhere"})):
        recipe = subprocess.run(
            ["make", "--just-print", "--assume-old=.venv/.stamp-installed", "demo"],  # noqa: S607
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        line = next(line for line in recipe.splitlines() if line.endswith("tillbook demo"))
        shown = subprocess.run(
            ["bash", "-c", line.replace(".venv/bin/tillbook demo", "printenv TILLBOOK_DATA_DIR")],  # noqa: S607
            env={"PATH": "/usr/bin:/bin", **settings}, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert shown == f"{folder}\n"


def test_another_port_is_chosen_by_its_name() -> None:
    recipe = subprocess.run(
        ["make", "--just-print", "--assume-old=.venv/.stamp-installed", "demo", "PORT=8001"],  # noqa: S607
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert recipe.splitlines()[-1].endswith("tillbook demo --port 8001")
