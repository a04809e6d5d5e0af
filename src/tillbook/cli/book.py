"""Commands about the book: recalculate balances, expire what is due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import track

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.numbering import public_number
from tillbook.credit import services as credit
from tillbook.credit.recalculation import Recalculation
from tillbook.customers import queries as customers
from tillbook.customers.models import Customer
from tillbook.orders.recalculation import recalculate as recalculate_customer

commands = typer.Typer()

_ERRORS = Console(stderr=True)  # progress is not output


@commands.command()
def recalculate(
    username: Annotated[str | None, typer.Argument(help="The customer's username.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every customer.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and repair nothing.")] = False,
) -> None:
    """Recompute balances from the history, show each difference, repair the stored figures."""
    if everyone == (username is not None):
        raise InvalidInput("Name one customer, or give --all.")
    wanted = Customer.objects.order_by("pk")
    people = wanted if username is None else wanted.filter(pk=customers.by_username(username).pk)
    compared = differing = broken = 0
    for customer in track(people.iterator(), total=people.count(), disable=not everyone, console=_ERRORS):
        result = recalculate_customer(
            customer.pk, repair=not dry_run, actor=Actor.system("cli"), now=timezone.now()
        )
        compared += result.compared
        differing += len(result.differences)
        broken += len(result.broken)
        for line in _told(result):
            typer.echo(f"{customer.username}: {line}")
    typer.echo(
        f"{compared} figures of {people.count()} customers compared, {differing} differed"
        + (f", {broken} credits have a broken history." if broken else ".")
    )
    if broken:
        raise typer.Exit(1)


def _told(result: Recalculation) -> Iterator[str]:
    done = "repaired" if result.repaired else "not repaired"
    for each in result.differences:
        figure = f"{each.entry} {each.figure}".strip()
        yield f"{figure} was {each.stored}, the history gives {each.derived}: {done}"
    for row in result.broken:
        yield f"{public_number('CR', row.account_id or 0)}, transfer {row.seq} {row.problem}"


@commands.command()
def expire() -> None:
    """Expire the credits whose time is over; run it once a day."""
    count = credit.expire_due(actor=Actor.system("cli"), now=timezone.now())
    typer.echo(f"{count} credits expired.")
