"""Commands that take the books out, for the programs a shop keeps its accounts in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress, TextColumn

from tillbook.cli.output import WrongUsage, reading_options
from tillbook.common.actor import Actor
from tillbook.common.money import check_currency
from tillbook.exporters import books
from tillbook.exporters.account_mapping import Format, mapping, template
from tillbook.exporters.journal import Detail, journal
from tillbook.exporters.journal_csv import XERO_LINES
from tillbook.exporters.period import By, Period
from tillbook.shop.policies import shop

commands = typer.Typer()

_ERRORS = Console(stderr=True)  # neither progress nor advice is output
_SHOWN_EVERY = 1_000  # lines


@commands.command()
def export(
    format: Annotated[Format, typer.Argument(help="For which program.", show_default=False)],
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="First day, like 2026-01-01.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day, included.")],
    output: Annotated[Path, typer.Option(help="The file to write; - is standard output.")],
    accounts: Annotated[Path | None, typer.Option(help="TOML file of your accounts.")] = None,
    detail: Annotated[Detail, typer.Option(help="What one booking stands for.")] = Detail.DAY,
    currency: Annotated[str | None, typer.Option(help="Only this currency.")] = None,
    by: Annotated[
        By, typer.Option(help="Days by when it was written, or by when it happened.")
    ] = By.RECORDED,
    recorded_by: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="With --by effective: what was recorded up to then.")
    ] = None,
    continues: Annotated[
        bool, typer.Option("--continue", help="For books that have the period before already.")
    ] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Even if more may come in.")] = False,
) -> None:
    """Export a period's bookings of customer credit. The same command gives the same bytes again."""
    if (by is By.EFFECTIVE) != (recorded_by is not None):
        raise WrongUsage("It goes with --by effective, which needs it.", "--recorded-by")
    if currency is not None:
        with reading_options():
            check_currency(currency)
    period = Period(_day(first, "from"), _day(last, "to"), by, _moment(recorded_by))
    found = journal(
        period, detail=detail, currency=currency, unfinished=unfinished,
        actor=Actor.system("cli"), now=timezone.now(),
    )  # fmt: skip
    lines = books.rendered(found, format, mapping(format, accounts), continues=continues)
    written = books.write(_told(lines), output)
    if format is Format.XERO and written - 1 > XERO_LINES:
        _ERRORS.print(
            f"{written - 1} lines: Xero imports {XERO_LINES} from one file. "
            "Export shorter periods, or --detail month.",
            highlight=False, soft_wrap=True,
        )  # fmt: skip


@commands.command("export-accounts")
def export_accounts(
    format: Annotated[Format, typer.Argument(help="For which program.", show_default=False)],
) -> None:
    """Print a file of accounts for `export --accounts` to start from."""
    typer.echo(template(format), nl=False)


def _told(lines: Iterable[str]) -> Iterator[str]:
    with Progress(TextColumn("{task.completed} lines"), console=_ERRORS, transient=True) as progress:
        task = progress.add_task("Exporting", total=None)
        for count, line in enumerate(lines, start=1):
            if count % _SHOWN_EVERY == 0:
                progress.update(task, completed=count)
            yield line


def _day(text: str, field: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(f"{text!r} is no date. Write it like 2026-01-31.", f"--{field}") from error


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no moment. Write it like 2026-02-03T09:00."
        raise WrongUsage(message, "--recorded-by") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=shop().time_zone)
