"""What proving a book takes, beside the least that reading its rows takes.

    .venv/bin/python benchmarks/proof.py [sqlite|postgresql] --transfers 10000000

Sums stand beside one grouped sum over the transfers, full depth beside one process that streams the same
rows and does nothing with them. The two of a pair take turns; figures are medians of three.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.figures import Figure  # noqa: E402 - the project's own folder comes first
from benchmarks.ledger import _empty_postgresql  # noqa: E402 - the same

ROUNDS = 3
_DEFAULT = 1_000_000
_MEASURE = (
    "import django, sys; django.setup(); from benchmarks.proof import measure; measure(int(sys.argv[1]))"
)
_GROUPED = "SELECT customer_id, account_id, sum(amount_minor) FROM ledger_transfer GROUP BY 1, 2"


def figures(database: str, transfers: int = _DEFAULT) -> list[dict[str, Any]]:
    """The figures of a book of so many transfers, built in an empty database of that kind."""
    with tempfile.TemporaryDirectory(prefix="tillbook-proof-") as folder:
        url = f"sqlite:///{folder}/bench.sqlite3" if database == "sqlite" else _empty_postgresql()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
            "TILLBOOK_DATABASE_URL": url,
            "TILLBOOK_DATA_DIR": folder,
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, str(transfers)],
            env=environment, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    return list(json.loads(done.stdout.splitlines()[-1]))


def measure(transfers: int) -> None:
    """Build the book where the settings say, and print its figures as one line of JSON."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from benchmarks.book import build  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    size = f"{build(transfers):,} transfers"
    pairs = [
        (f"sums over {size}", "1.5", lambda: _verify("--sums"), _grouped),
        (f"full over {size}", "2", lambda: _verify("--full"), _stream),
    ]
    print(json.dumps([_figure(*pair) for pair in pairs]))


def _figure(name: str, goal: str, ours: Callable[[], None], raw: Callable[[], None]) -> dict[str, Any]:
    taken = [(_seconds(raw), _seconds(ours)) for _ in range(ROUNDS)]
    return Figure(
        name, goal, "lower", "seconds", [mine for _, mine in taken], [least for least, _ in taken]
    ).told()


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _verify(depth: str) -> None:
    """The command as people run it, in a process of its own, with all that it checks."""
    command = [sys.executable, "-c", "from tillbook.cli.main import app; app()", "verify", depth]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _grouped() -> None:
    from django.db import connection  # noqa: PLC0415 - Django is set up by now

    with connection.cursor() as cursor:
        cursor.execute(_GROUPED)
        deque(iter(lambda: cursor.fetchmany(5_000), []), maxlen=0)


def _stream() -> None:
    from tillbook.ledger.steady import steady, streamed  # noqa: PLC0415 - Django is set up by now
    from tillbook.ledger.verification import select_lines  # noqa: PLC0415

    with steady():
        deque(streamed(f"{select_lines()} ORDER BY customer_id, account_id, seq", []), maxlen=0)


def main() -> None:
    """Print the figures of both databases, or of the one named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("databases", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--transfers", type=int, default=_DEFAULT)
    asked = parser.parse_args()
    for database in asked.databases:
        for figure in figures(database, asked.transfers):
            print(database, json.dumps(figure), flush=True)


if __name__ == "__main__":
    main()
