"""Commands about API keys."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer
from django.utils import timezone

from tillbook.cli.output import AsJson, say
from tillbook.common.actor import Actor, Scope
from tillbook.common.errors import InvalidInput
from tillbook.staff import keys, queries
from tillbook.staff.models import ApiKey

commands = typer.Typer(name="key", help="Keys with which programs use the API.", no_args_is_help=True)


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What the key is for, such as 'checkout'.")],
    owner: Annotated[
        str, typer.Option(help="The user in whose name it acts, and whose role it can't exceed.")
    ],
    scope: Annotated[list[Scope], typer.Option(help="What it is for. Give it again for several.")],
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once: it is kept as a hash."""
    key, secret = keys.add_key(
        owner=queries.by_username(owner), name=name, scopes=scope, actor=Actor.system("cli"),
        now=timezone.now(),
    )  # fmt: skip
    say(secret, {**_data(key), "secret": secret}, as_json=as_json)


@commands.command(name="list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys, without their secrets."""
    if as_json:
        typer.echo(json.dumps([_data(key) for key in keys.all_keys()], ensure_ascii=False))
        return
    for key in keys.all_keys():
        used = "never used" if key.last_used_at is None else f"used {key.last_used_at:%Y-%m-%d %H:%M}"
        state = used if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
        typer.echo(f"tb_{key.prefix}  {key.owner.username}  {','.join(key.scopes)}  {state}  {key.name}")


@commands.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="The key's beginning, as `tillbook key list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """End a key at once."""
    for key in keys.all_keys():
        if f"tb_{key.prefix}" == prefix:
            ended = keys.revoke_key(key.pk, actor=Actor.system("cli"), now=timezone.now())
            say(f"Revoked {prefix}.", _data(ended), as_json=as_json)
            return
    raise InvalidInput(f"There is no key {prefix}.", field="prefix")


def _data(key: ApiKey) -> dict[str, Any]:
    """The key as JSON, without its secret."""
    return {
        "prefix": f"tb_{key.prefix}", "name": key.name, "owner": key.owner.username, "scopes": key.scopes,
        "created_at": key.created_at.isoformat(), "last_used_at": _moment(key.last_used_at),
        "revoked_at": _moment(key.revoked_at),
    }  # fmt: skip


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
