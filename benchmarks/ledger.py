"""The ledger beside the raw limit of the same work, on both databases.

    make bench
    .venv/bin/python benchmarks/ledger.py [sqlite] [postgresql] [--transfers 10000000]

Each database gets a process and an empty shop of its own. We and the raw limit take turns, so
that a slow moment of the machine meets both; figures are medians, their ratios of one run. They
are written to results/, as JSON and as a table.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402 - the project's own folder comes first

from tests.databases import embedded_server_url  # noqa: E402 - the same

RESULTS = Path(__file__).parent / "results"
# Frozen as in `tillbook.config.wsgi`: that is how a shop's server runs.
_MEASURE = "import django, gc; django.setup(); from benchmarks.ledger import measure; gc.freeze(); measure()"


def main() -> None:
    """Measure both databases, or those that the arguments name, and write down what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("databases", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument(
        "--transfers", type=int, default=1_000_000, help="in the book that is proven; 0: none"
    )
    asked = parser.parse_args()
    commit = _commit()
    for name in asked.databases:
        figures = list(_measured(name))
        if asked.transfers:
            from benchmarks import proof  # noqa: PLC0415 - it takes its databases from here

            figures += proof.figures(name, asked.transfers)
        _keep(name, figures, commit)


def _commit() -> str:
    """What is measured; asked for before results are written, which change the checkout."""
    described = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _measured(name: str) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tillbook-bench-") as folder:
        url = f"sqlite:///{folder}/bench.sqlite3" if name == "sqlite" else _empty_postgresql()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
            "TILLBOOK_DATABASE_URL": url,
            "TILLBOOK_DATA_DIR": folder,
        }
        command = [sys.executable, "-c", _MEASURE]
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                figure = json.loads(line)
                print(f"{name}: {_line(figure)}", flush=True)
                yield figure
        if process.returncode:
            raise SystemExit(process.returncode)


def measure() -> None:
    """Print the figures of the database that the settings name, each as a line of JSON."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from benchmarks import loading, over_http, sizes, spends, tigerbeetle  # noqa: PLC0415 - the same

    call_command("migrate", interactive=False, verbosity=0)
    for subject in (spends, sizes, loading, tigerbeetle, over_http):
        for figure in subject.figures():
            print(json.dumps(figure.told()), flush=True)


def _keep(name: str, figures: list[dict[str, Any]], commit: str) -> None:
    """Write results/NAME.json, and the same as a table beside it."""
    RESULTS.mkdir(exist_ok=True)
    run = {
        "database": name,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "commit": commit,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "figures": figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    table = [
        f"# {name}: ours beside the raw limit",
        "",
        f"{run['machine']} · commit {run['commit']} · {run['date']} · durable commits, medians",
        "",
        "| what | ours | raw | ratio | spread | goal | |",
        "| --- | ---: | ---: | ---: | --- | --- | --- |",
        *[f"| {_row(figure)} |" for figure in figures],
    ]
    (RESULTS / f"{name}.md").write_text("\n".join(table) + "\n", encoding="utf-8")


def _row(figure: dict[str, Any]) -> str:
    low, high = figure["spread"]
    reached = (
        figure["ratio"] >= figure["goal"]
        if figure["better"] == "higher"
        else figure["ratio"] <= figure["goal"]
    )
    sign = "at least" if figure["better"] == "higher" else "at most"
    numbers = [
        f"{figure[each]:,.0f}" if figure[each] >= 100 else f"{figure[each]:.3g}" for each in ("ours", "raw")
    ]
    return " | ".join(
        [
            f"{figure['name']}, {figure['unit']}",
            *numbers,
            f"{figure['ratio']:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{sign} {figure['goal']:g}",
            "reached" if reached else "not yet",
        ]
    )


def _line(figure: dict[str, Any]) -> str:
    return _row(figure).replace(" | ", "  ")


def _empty_postgresql() -> str:
    """The address of an empty database on the embedded server that the tests use too."""
    url = embedded_server_url()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS tillbook_bench WITH (FORCE)")
        server.execute("CREATE DATABASE tillbook_bench")
    return url.replace("/postgres?", "/tillbook_bench?")


if __name__ == "__main__":
    main()
