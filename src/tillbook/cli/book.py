"""Commands about the book: prove it, recalculate balances, expire what is due."""

from __future__ import annotations

from typing import Annotated

import typer
from django.utils import timezone
from rich.progress import track

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.numbering import public_number
from tillbook.credit import services as credit
from tillbook.customers import queries as customers
from tillbook.customers.models import Customer
from tillbook.ledger import queries as ledger
from tillbook.orders import services as orders

commands = typer.Typer()


@commands.command()
def verify() -> None:
    """Check every transfer, counter and balance of the book; exit code 1 if one is broken."""
    proof = ledger.verify()
    for broken in proof.broken:
        typer.echo(_sentence(broken))
    typer.echo(
        f"{proof.transfers} transfers of {proof.accounts} credits and {proof.balances} balances checked: "
        + (f"{len(proof.broken)} broken." if proof.broken else "all agree.")
    )
    if proof.broken:
        raise typer.Exit(1)


def _sentence(broken: ledger.Broken) -> str:
    customer = Customer.objects.filter(pk=broken.customer_id).first()
    owner = f"customer {customer.username if customer else broken.customer_id}"
    if broken.account_id is None:
        return f"{owner} {broken.problem}"
    credit_number = public_number("CR", broken.account_id)
    row = f", transfer {broken.seq}" if broken.seq is not None else ""
    return f"{owner}, {credit_number}{row} {broken.problem}"


@commands.command()
def recalculate(
    username: Annotated[str | None, typer.Argument(help="The customer's username.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every customer.")] = False,
) -> None:
    """Recompute balances from the history, show each difference, repair the stored figures."""
    if everyone == (username is not None):
        raise InvalidInput("Name one customer, or give --all.")
    named = [customers.by_username(username)] if username is not None else []
    ids = [customer.pk for customer in named] or list(Customer.objects.values_list("pk", flat=True))
    compared = differing = 0
    for customer_id in track(ids, description="Recalculating", disable=not everyone):
        result = orders.recalculate(customer_id, repair=True, actor=Actor.system("cli"), now=timezone.now())
        compared += result.compared
        differing += len(result.differences)
        for each in result.differences:
            owner = Customer.objects.get(pk=customer_id).username
            typer.echo(
                f"{owner}: {each.figure} was {each.stored}, the history gives {each.derived}: repaired"
            )
    typer.echo(f"{compared} figures of {len(ids)} customers compared, {differing} differed.")


@commands.command()
def expire() -> None:
    """Expire the credits whose time is over; run it once a day."""
    count = credit.expire_due(actor=Actor.system("cli"), now=timezone.now())
    typer.echo(f"{count} credits expired.")
