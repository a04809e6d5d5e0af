"""What the book takes on disk, what grows with it, and what other layouts would give.

    .venv/bin/python benchmarks/storage.py [book] [sqlite] [updates] [partitions] [--transfers 1000000]

Writes what it found beside what it found before into results/storage.json, and all as tables into
results/storage.md. `book` takes a column for each number of transfers that it was ever run with.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.ledger import RESULTS, _empty_postgresql  # noqa: E402 - the project's own folder comes first

PARTS = ["book", "sqlite", "updates", "partitions"]
_MEASURE = (
    "import django, sys; django.setup(); from benchmarks.storage import measure; "
    "measure(sys.argv[1], int(sys.argv[2]))"
)
_DEFAULT = 1_000_000
_LARGEST = 1_000_000  # beyond it no copy is made and no use of every index: both were seen at this size

_COLUMNS = {
    "sizes": ["table", "rows", "bytes a row", "bytes of its indexes a row"],
    "indexes": ["table", "index", "bytes a row", "looked into", ""],
    "copies": ["what", "size", "seconds"],
    "sqlite": ["in the file", "bytes"],
    "updates": [
        "table, customers", "layout", "table", "indexes", "dead rows", "autovacuums", "HOT",
        "updates a second",
    ],
    "partitions": ["what", "one table", "16 parts", "ratio"],
}  # fmt: skip
_TITLES = {
    "sizes": "Bytes a row on PostgreSQL",
    "indexes": "Indexes, and how often every kind of call looked into them",
    "copies": "A copy and its way back",
    "sqlite": "The SQLite file",
    "updates": "The rows that 200,000 spends change, over and over",
    "partitions": "Transfers in one table, and in parts by customer",
}


def measure(part: str, transfers: int) -> None:
    """Measure one part in the database that the settings name; print each table as a line of JSON."""
    for name, found in _found(part, transfers):
        print(json.dumps([name, found]), flush=True)


def _found(part: str, transfers: int) -> Iterator[tuple[str, Any]]:
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from benchmarks import disk, growth, layouts  # noqa: PLC0415 - the same
    from benchmarks.book import build  # noqa: PLC0415 - the same

    call_command("migrate", interactive=False, verbosity=0)
    if part == "updates":
        yield part, layouts.updated()
        return
    transfers = build(transfers)
    if part == "partitions":
        yield part, layouts.partitioned()
    elif part == "sqlite":
        yield part, disk.file_a_transfer(transfers)
    else:
        growth.pay_orders()
        yield "growth", {str(transfers): growth.figures(transfers)}
        if transfers <= _LARGEST:
            disk.spend_many(transfers)
            yield "sizes", disk.bytes_a_row()
            yield "copies", disk.copies()
            yield "indexes", disk.looked_into(transfers)


def _measured(part: str, transfers: int) -> Iterator[tuple[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="tillbook-storage-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
            "TILLBOOK_DATABASE_URL": (
                f"sqlite:///{folder}/book.sqlite3" if part == "sqlite" else _empty_postgresql()
            ),
            "TILLBOOK_DATA_DIR": folder,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-c", _MEASURE, part, str(transfers)]
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                name, found = json.loads(line)
                yield name, found
        if process.returncode:
            raise SystemExit(process.returncode)


def _keep(name: str, found: Any) -> None:
    file = RESULTS / "storage.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kept[name] = {**kept.get(name, {}), **found} if name == "growth" else found
    file.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "storage.md").write_text("\n".join(_page(kept)), encoding="utf-8")


def _page(kept: dict[str, Any]) -> Iterator[str]:
    yield "# What the book takes on disk, and what grows\n"
    if growth := kept.get("growth"):
        sizes = sorted(growth, key=int)
        yield from _table(
            "Milliseconds of one operation, in a book of so many transfers",
            ["operation", *(f"{int(size):,}" for size in sizes)],
            [[what, *(f"{growth[size][what]:.3g}" for size in sizes)] for what in growth[sizes[0]]],
        )
    for name, title in _TITLES.items():
        if name in kept:
            yield from _table(title, _COLUMNS[name], kept[name])


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"## {title}\n"
    for cells in [columns, ["---"] * len(columns), *rows]:
        yield f"| {' | '.join(cells)} |"
    yield ""


def main() -> None:
    """Measure the parts that the arguments name, or all of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=PARTS)
    parser.add_argument("--transfers", type=int, default=_DEFAULT)
    asked = parser.parse_args()
    for part in asked.parts:
        for name, found in _measured(part, asked.transfers):
            print(name, json.dumps(found), flush=True)
            _keep(name, found)


if __name__ == "__main__":
    main()
