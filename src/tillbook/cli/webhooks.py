"""Commands about webhooks."""

from __future__ import annotations

from typing import Annotated

import typer
from django.utils import timezone

from tillbook.common.actor import Actor
from tillbook.delivery import queries, webhooks

commands = typer.Typer(name="webhook", help="Addresses that events are sent to.", no_args_is_help=True)


@commands.command()
def add(
    url: Annotated[str, typer.Argument(help="Where events are sent, over https.")],
    action: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these events, such as refund.completed or order.*; give it again for several."
        ),
    ] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Send all events from now on to URL, and print the secret that signs them, once."""
    made = webhooks.add_endpoint(
        url=url, description=description, actions=action or (), actor=Actor.system("cli"), now=timezone.now()
    )
    typer.echo(made.secret)


@commands.command(name="list")
def list_webhooks() -> None:
    """List all webhooks, without their secrets."""
    for each in queries.all_endpoints():
        state = "enabled" if each.disabled_at is None else "disabled"
        typer.echo(f"{each.number}  {state}  {','.join(each.actions) or 'all events'}  {each.url}")


@commands.command()
def remove(
    number: Annotated[str, typer.Argument(help="Its number, as `tillbook webhook list` shows it.")],
) -> None:
    """End a webhook; what waited for it is not sent any more."""
    endpoint = queries.endpoint_by_number(number)
    webhooks.remove_endpoint(endpoint.pk, actor=Actor.system("cli"), now=timezone.now())
    typer.echo(f"Removed {endpoint.number}.")
