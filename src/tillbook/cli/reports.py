"""Commands that say what the shop owes, as of any moment, on the screen or in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillbook.cli.output import WrongUsage, reading_options
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.money import check_currency
from tillbook.credit.basis import Basis, View, basis_at, moment_of
from tillbook.exporters import reports
from tillbook.exporters.report_files import ReportTooLong, shown, write
from tillbook.exporters.reports import Document, Section
from tillbook.exporters.unclaimed import unclaimed as made_unclaimed

commands = typer.Typer(name="report", help="Say what the shop owes, as of any moment.", no_args_is_help=True)

_LONGEST_TABLE = 10_000  # rows
_WIDTH_OF_A_FILE = 160  # characters, where the output is no terminal


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    XLSX = "xlsx"
    PDF = "pdf"


_FOR_PROGRAMS = (Format.CSV, Format.JSON)  # they may go to standard output

_A_DATE = "A date, of which all counts, or a moment, which itself no longer counts"
AsOf = Annotated[str | None, typer.Option(help=f"{_A_DATE}. Left out: now.", show_default=False)]
To = Annotated[str | None, typer.Option(help=f"{_A_DATE}. Left out: now.", show_default=False)]
From = Annotated[str, typer.Option("--from", help="The period's first day, or its first moment.")]
ByTime = Annotated[View, typer.Option(help="Count transfers by when they took effect, or were recorded.")]
RecordedBy = Annotated[
    str | None,
    typer.Option(help="Count only what was recorded before that moment. Left out: now.", show_default=False),
]
Currency = Annotated[str | None, typer.Option(help="Only this one. Left out: all.", show_default=False)]
As = Annotated[Format, typer.Option("--format", help="What to write.")]
Output = Annotated[Path | None, typer.Option(help="A new file to write to.", show_default=False)]


@commands.callback()
def about() -> None:
    """Say what the shop owes, as of any moment."""


@commands.command()
def balances(
    as_of: AsOf = None,
    view: ByTime = View.EFFECTIVE,
    recorded_by: RecordedBy = None,
    currency: Currency = None,
    format_: As = Format.TABLE,
    output: Output = None,
) -> None:
    """Each customer's credit: what is owed, what of it is held, what is available."""
    basis = _basis(as_of, "as_of", view, recorded_by)
    _write(lambda: reports.balances(basis, currency=_checked(currency), actor=_ACTOR), format_, output)


@commands.command()
def liability(
    as_of: AsOf = None,
    view: ByTime = View.EFFECTIVE,
    recorded_by: RecordedBy = None,
    currency: Currency = None,
    format_: As = Format.TABLE,
    output: Output = None,
) -> None:
    """What the shop owes, by source, age, expiry and use."""
    basis = _basis(as_of, "as_of", view, recorded_by)
    _write(lambda: reports.liability(basis, currency=_checked(currency), actor=_ACTOR), format_, output)


@commands.command()
def unclaimed(
    as_of: AsOf = None,
    view: ByTime = View.EFFECTIVE,
    recorded_by: RecordedBy = None,
    currency: Currency = None,
    format_: As = Format.TABLE,
    output: Output = None,
) -> None:
    """Refunds whose money nobody has: cheques not presented, cash not collected, what nobody paid; by age."""
    basis = _basis(as_of, "as_of", view, recorded_by)
    _write(lambda: made_unclaimed(basis, currency=_checked(currency), actor=_ACTOR), format_, output)


@commands.command("roll-forward")
def roll_forward(
    from_: From,
    to: To = None,
    view: ByTime = View.EFFECTIVE,
    recorded_by: RecordedBy = None,
    currency: Currency = None,
    format_: As = Format.TABLE,
    output: Output = None,
) -> None:
    """From what was owed at the beginning of a period to what was owed at its end."""
    basis = _basis(to, "to", view, recorded_by)
    from_at = _moment(from_, "from", first=True)
    _write(
        lambda: reports.roll_forward(from_at, basis, currency=_checked(currency), actor=_ACTOR),
        format_,
        output,
    )


_ACTOR = Actor.system("cli")


def _basis(end: str | None, field: str, view: View, recorded_by: str | None) -> Basis:
    now = timezone.now()
    return basis_at(
        now if end is None else _moment(end, field),
        view=view.value,
        recorded_by=None if recorded_by is None else _moment(recorded_by, "recorded_by"),
        now=now,
        field=field,
    )


def _moment(text: str, field: str, *, first: bool = False) -> datetime:
    with reading_options():
        return moment_of(text, field=field, first=first)


def _checked(currency: str | None) -> str | None:
    with reading_options():
        return None if currency is None else check_currency(currency)


def _write(made: Callable[[], Document], format_: Format, output: Path | None) -> None:
    if format_ == Format.TABLE:
        if output is not None:
            raise WrongUsage("A table is for the screen. Add --format csv, json, xlsx or pdf.", "--output")
        with closing(made()) as document:
            _print(document)
        return
    if output is not None:
        _write_file(made, format_, output)
    elif format_ in _FOR_PROGRAMS:
        write(made(), format_, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        raise WrongUsage(f"Name the {format_} file to write.", "--output")


def _write_file(made: Callable[[], Document], format_: Format, path: Path) -> None:
    """Write a new file, whole or not at all; one that is there is never written over."""
    try:
        file = path.open("xb")
    except FileExistsError:
        raise InvalidInput(f"Output: {path} is there already. Choose another name.") from None
    except OSError as error:
        raise InvalidInput(f"Output: {path} can't be written: {error.strerror}.") from error
    try:
        with file:
            document = made()
            write(document, format_, file)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
    typer.echo(f"{path}: {document.title}, {document.derivation[:1].lower()}{document.derivation[1:]}")


def _print(document: Document) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
    console.print(Text(document.title, style="bold"))
    for label, words in document.facts:
        console.print(Text(f"{label}: {words}"))
    empty = True
    for section in document.sections:
        empty = False
        console.print()
        console.print(_table(document, section))
    if empty:
        console.print("Nothing had happened by then.")
    console.print(Text(document.derivation))


def _table(document: Document, section: Section) -> Table:
    table = Table(title=f"{section.title}, {section.currency}", title_justify="left", title_style="bold")
    seen = document.seen(section)
    for place in seen:
        column = document.columns[place]
        words = column.at_left
        table.add_column(column.label, justify="left" if words else "right", no_wrap=not words)
    for number, row in enumerate(section.rows):
        if number >= _LONGEST_TABLE:
            raise ReportTooLong(f"A table has at most {_LONGEST_TABLE:,} rows. Ask for --format csv.")
        cells = [shown(document.columns[place], row.cells[place], section.currency) for place in seen]
        table.add_row(*map(Text, cells), style="bold" if row.total else None)
    return table
