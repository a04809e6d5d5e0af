"""Commands about the people who work at the shop."""

from __future__ import annotations

import secrets
import sys
from enum import StrEnum
from typing import Annotated

import typer
from django.utils import timezone

from tillbook.cli.output import AsJson, say
from tillbook.common.actor import Actor, Role
from tillbook.staff import services

commands = typer.Typer(name="user", help="The people who work at the shop.", no_args_is_help=True)


class RoleOption(StrEnum):
    VIEWER = "viewer"
    STAFF = "staff"
    ADMIN = "admin"


@commands.callback()
def user() -> None:
    """The people who work at the shop."""


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="The name to log in with.")],
    role: Annotated[RoleOption, typer.Option(help="What the user may do.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a user. Without --password-stdin a password is made and printed, once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(15)
    services.add_user(
        username=name,
        role=Role(role),
        password=password,
        actor=Actor.system("cli"),
        now=timezone.now(),
    )
    text = f"Added {name} as {role}." if password_stdin else f"{name}: {password}"
    made = {} if password_stdin else {"password": password}
    say(text, {"username": name, "role": role.value, **made}, as_json=as_json)
