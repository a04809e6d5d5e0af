"""The command that reads a bank's statement from a file."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tillbook.cli.operations import NOUNS, actor_of
from tillbook.cli.output import AsJson, WrongUsage, reading_options, say
from tillbook.common.errors import InvalidInput
from tillbook.common.money import check_currency
from tillbook.payouts import matching
from tillbook.payouts.queries import bookings_of
from tillbook.payouts.statements.columns import Columns, columns_of

commands = NOUNS["statement"]  # beside what the API does with statements


@commands.command(name="import")
def import_statement(
    file: Annotated[Path, typer.Argument(help="The statement; - for standard input.")],
    format: Annotated[str, typer.Option(help="camt053, mt940 or csv.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="Which column of a csv says what: date=Booked, amount=Amount, reference=Text …"),
    ] = None,
    date_format: Annotated[str, typer.Option(help="How a csv writes days, as strptime has it.")] = "%Y-%m-%d",
    decimal: Annotated[str, typer.Option(help="The decimal sign of a csv: . or ,")] = ".",
    currency: Annotated[str, typer.Option(help="The currency of a csv.")] = "",
    by: Annotated[str | None, typer.Option(help="The user who does it; without one, the system.")] = None,
    as_json: AsJson = False,
) -> None:
    """Complete what a bank's statement says was paid, and fail what came back. Twice does nothing twice."""
    actor = actor_of(by)
    layout = _layout(column, date_format, decimal)
    _check(format, layout, currency)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as progress:
        task = progress.add_task("Reading", total=None)
        statement = matching.read_statement(
            _read(file), name=file.name, format=format, layout=layout,
            currency=currency, actor=actor, now=timezone.now(),
            on_progress=lambda read, size: progress.update(task, completed=read, total=size),
        )  # fmt: skip
    bookings = bookings_of(statement)
    counts = Counter(booking.outcome for booking in bookings)
    told = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(counts.items()))
    lines = [f"{statement.number}: {told or 'nothing new'}."]
    lines += [f"  {each.booked_on} {each.text}: {each.problem}" for each in bookings if each.problem]
    say("\n".join(lines), {"number": statement.number, **counts}, as_json=as_json)


def _check(format: str, layout: Columns | None, currency: str) -> None:
    """Raise WrongUsage for a format that is none, and for a csv of which not all is said."""
    if format not in matching.FORMATS:
        raise WrongUsage(f"Choose one of {', '.join(matching.FORMATS)}.", "--format")
    if format != "csv":
        return
    if layout is None:
        raise WrongUsage("Say which column of the csv says what, like date=Booked.", "--column")
    if not currency:
        raise WrongUsage("Say which currency the csv is in.", "--currency")
    with reading_options():
        check_currency(currency)


def _layout(named: list[str] | None, date_format: str, decimal: str) -> Columns | None:
    if not named:
        return None
    pairs = [text.partition("=") for text in named]
    if wrong := next((name for name, sign, column in pairs if not (sign and column)), None):
        raise WrongUsage(f"Write a column as what=name, not {wrong!r}.", "--column")
    with reading_options(date="column", reference="column", amount="column"):
        return columns_of(
            {name: column for name, _, column in pairs}, date_format=date_format, decimal=decimal
        )


def _read(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} can't be read: {error.strerror}.", field="file") from error
