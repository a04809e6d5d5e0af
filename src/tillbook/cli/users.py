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
from tillbook.staff import queries, second_factor, services

commands = typer.Typer(name="user", help="The people who work at the shop.", no_args_is_help=True)


class RoleOption(StrEnum):
    VIEWER = "viewer"
    STAFF = "staff"
    ADMIN = "admin"


Name = Annotated[str, typer.Argument(help="The name to log in with.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@commands.callback()
def user() -> None:
    """The people who work at the shop."""


@commands.command()
def add(
    name: Name,
    role: Annotated[RoleOption, typer.Option(help="What the user may do.")],
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Add a user. Without --password-stdin a password is made and printed, once."""
    password = _password(password_stdin)
    services.add_user(
        username=name, role=Role(role), password=password, actor=Actor.system("cli"), now=timezone.now()
    )
    text = f"Added {name} as {role}." if password_stdin else f"{name}: {password}"
    say(text, {"username": name, "role": role.value, **_shown(password, password_stdin)}, as_json=as_json)


@commands.command(name="list")
def list_users(as_json: AsJson = False) -> None:
    """List all users with their roles and states; as JSON one a line."""
    for each in queries.all_users():
        at = each.last_login
        seen = f"last log-in {at:%Y-%m-%d %H:%M}" if at else "never logged in"
        told = {
            "username": each.username, "role": each.role, "state": each.state.value,
            "last_login": at.isoformat() if at else None,
        }  # fmt: skip
        say(f"{each.username}  {each.role}  {each.state.label.lower()}  {seen}", told, as_json=as_json)


@commands.command(name="role")
def change_role(
    name: Name,
    role: Annotated[RoleOption, typer.Argument(help="The new role.")],
    as_json: AsJson = False,
) -> None:
    """Give a user another role."""
    services.change_role(_id(name), Role(role), actor=Actor.system("cli"), now=timezone.now())
    say(f"{name} is {role} now.", {"username": name, "role": role.value}, as_json=as_json)


@commands.command()
def off(name: Name, as_json: AsJson = False) -> None:
    """Let a user in no more: their sessions and API keys end at once."""
    services.switch_off(_id(name), actor=Actor.system("cli"), now=timezone.now())
    say(f"{name} can't log in any more.", {"username": name, "active": False}, as_json=as_json)


@commands.command()
def on(name: Name, as_json: AsJson = False) -> None:
    """Let a user in again."""
    services.switch_on(_id(name), actor=Actor.system("cli"), now=timezone.now())
    say(f"{name} may log in again.", {"username": name, "active": True}, as_json=as_json)


@commands.command(name="password")
def set_password(name: Name, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Give a user another password. Without --password-stdin one is made and printed, once."""
    password = _password(password_stdin)
    services.set_password(_id(name), password, actor=Actor.system("cli"), now=timezone.now())
    text = f"{name} has a new password." if password_stdin else f"{name}: {password}"
    say(text, {"username": name, **_shown(password, password_stdin)}, as_json=as_json)


def _shown(password: str, from_stdin: bool) -> dict[str, str]:
    """The password, if it was made here: nobody else knows it."""
    return {} if from_stdin else {"password": password}


@commands.command()
def reset_second_factor(name: Name, as_json: AsJson = False) -> None:
    """Remove the second factor of someone who lost it: the password is enough then."""
    second_factor.reset_second_factor(_id(name), actor=Actor.system("cli"), now=timezone.now())
    told = {"username": name, "second_factor": False}
    say(f"{name} logs in with the password alone.", told, as_json=as_json)


def _id(name: str) -> int:
    return queries.by_username(name).pk


def _password(from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(15)
