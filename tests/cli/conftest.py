"""The `tillbook` command, inside this process over the test's database, or as a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tillbook.cli.main import app

Outcome = tuple[int, str, str]  # exit code, standard output, standard error
Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command inside this process, over the test's database."""

    def _run(*arguments: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["tillbook", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            app()
        code = ended.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return _run


@pytest.fixture
def run_process(tmp_path: Path) -> Run:
    """Run the command as a process of its own, over a data folder of its own."""
    return partial(_run_process, tmp_path)


def _run_process(folder: Path, *arguments: str, **settings: str) -> Outcome:
    ours = ("TILLBOOK_", "DJANGO_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", "from tillbook.cli.main import app; app()", *arguments],
        env=clean | {"TILLBOOK_DATA_DIR": str(folder)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose database has its tables and nothing else: to be copied, for making them takes long."""
    folder = tmp_path_factory.mktemp("migrated")
    assert _run_process(folder, "migrate") == (0, "The database is up to date.\n", "")
    return folder
