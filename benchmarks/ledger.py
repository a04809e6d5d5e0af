"""Spends per second through the service, beside the raw statements in the same driver.

    make bench

Each database gets a process and an empty shop of its own. The service and the raw limit take
turns, so that a slow moment of the machine meets both; figures are medians, ratios of the same run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402 - the project's own folder comes first

from tests.databases import embedded_server_url  # noqa: E402 - the same

_MEASURE = "import django; django.setup(); from benchmarks.spends import measure; measure()"


def main() -> None:
    """Measure both databases, or those that the arguments name."""
    with tempfile.TemporaryDirectory(prefix="tillbook-bench-") as folder:
        for name in sys.argv[1:] or ["sqlite", "postgresql"]:
            url = f"sqlite:///{folder}/bench.sqlite3" if name == "sqlite" else _empty_postgresql()
            environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tillbook.config.settings",
                "TILLBOOK_DATABASE_URL": url,
                "TILLBOOK_DATA_DIR": folder,
            }
            subprocess.run([sys.executable, "-c", _MEASURE], env=environment, check=True, cwd=ROOT)


def _empty_postgresql() -> str:
    """The address of an empty database on the embedded server that the tests use too."""
    url = embedded_server_url()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS tillbook_bench WITH (FORCE)")
        server.execute("CREATE DATABASE tillbook_bench")
    return url.replace("/postgres?", "/tillbook_bench?")


if __name__ == "__main__":
    main()
