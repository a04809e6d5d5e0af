"""Commands that read other programs' files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tillbook.cli.output import AsJson, say
from tillbook.common.actor import Actor
from tillbook.importers.online_retail import described, import_file

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
    with Progress(*columns, console=errors) as progress:
        task = progress.add_task("Importing", total=None)
        report = import_file(
            file,
            actor=Actor.system("cli"),
            now=timezone.now(),
            on_progress=lambda read, size: progress.update(task, completed=read, total=size),
        )
    figures = list(described(report))
    say("\n".join(f"{what}: {figure}" for what, figure in figures), dict(figures), as_json=as_json)
