"""Commands that read other programs' files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tillbook.cli.output import AsJson, say
from tillbook.common.actor import Actor
from tillbook.importers.online_retail import Report, described, import_file
from tillbook.importers.online_retail_rows import CURRENCY

commands = typer.Typer(name="import", help="Read other programs' files.", no_args_is_help=True)


@commands.callback()
def imports() -> None:
    """Read other programs' files."""


@commands.command("online-retail")
def online_retail(
    file: Annotated[Path, typer.Argument(help="The data set, .csv or .csv.gz.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Import the Online Retail data set: customers, orders and returns.

    Running it again imports nothing twice.
    """
    errors = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        task = progress.add_task("Importing", total=None)
        report = import_file(
            file,
            actor=Actor.system("cli"),
            now=timezone.now(),
            on_progress=lambda read, size: progress.update(task, completed=read, total=size),
        )
    text = "\n".join(f"{what}: {figure}" for what, figure in described(report))
    say(text, _data(report), as_json=as_json)


def _data(report: Report) -> dict[str, Any]:
    """The report as JSON: money in minor units."""
    counts = ("rows", "rows_taken", "rows_here_already", "rows_left_out", "customers")
    sums = ("orders", "returns", "orders_here_already", "returns_here_already")
    return {
        **{name: getattr(report, name) for name in counts},
        **{name: {"count": (of := getattr(report, name)).count, "total_minor": of.minor} for name in sums},
        "left_out": dict(report.omissions.rows),
        "currency": CURRENCY,
    }
