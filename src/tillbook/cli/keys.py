"""Commands about API keys."""

from __future__ import annotations

from typing import Annotated

import typer
from django.utils import timezone

from tillbook.common.actor import Actor, Scope
from tillbook.common.errors import InvalidInput
from tillbook.staff import keys, queries

commands = typer.Typer(name="key", help="Keys with which programs use the API.", no_args_is_help=True)


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What the key is for, such as 'checkout'.")],
    owner: Annotated[
        str, typer.Option(help="The user in whose name it acts, and whose role it can't exceed.")
    ],
    scope: Annotated[list[Scope], typer.Option(help="What it is for. Give it again for several.")],
) -> None:
    """Make a key and print it, once: it is kept as a hash."""
    _, secret = keys.add_key(
        owner=queries.by_username(owner), name=name, scopes=scope, actor=Actor.system("cli"),
        now=timezone.now(),
    )  # fmt: skip
    typer.echo(secret)


@commands.command(name="list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    for key in keys.all_keys():
        used = "never used" if key.last_used_at is None else f"used {key.last_used_at:%Y-%m-%d %H:%M}"
        state = used if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
        typer.echo(f"tb_{key.prefix}  {key.owner.username}  {','.join(key.scopes)}  {state}  {key.name}")


@commands.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's beginning, as `tillbook key list` shows it.")],
) -> None:
    """End a key at once."""
    for key in keys.all_keys():
        if f"tb_{key.prefix}" == prefix:
            keys.revoke_key(key.pk, actor=Actor.system("cli"), now=timezone.now())
            typer.echo(f"Revoked {prefix}.")
            return
    raise InvalidInput(f"There is no key {prefix}.", field="prefix")
