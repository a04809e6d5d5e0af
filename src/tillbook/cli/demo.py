"""The command that builds a shop to try things in, and serves it."""

from __future__ import annotations

from typing import Annotated

import typer
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from tillbook.cli.serve import address, checked_endpoint, run_server
from tillbook.common.actor import Actor
from tillbook.credit.snapshots import count_owed
from tillbook.demo.shop import slice_file, tell_stories
from tillbook.demo.users import ensure_users, refuse_real_shop
from tillbook.importers.online_retail import import_file

commands = typer.Typer()


@commands.command()
def demo(
    serve: Annotated[bool, typer.Option(help="Serve the shop until stopped.")] = True,
    host: Annotated[str, typer.Option(help="Name or address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Build a demo shop in the data folder and serve it. A second run finds it as it was left."""
    ip = checked_endpoint(host, port) if serve else ""
    refuse_real_shop()
    call_command("migrate", interactive=False, verbosity=0)
    actor, now = Actor.system("demo"), timezone.now()
    users = ensure_users(settings.DATA_DIR, actor=actor, now=now)
    import_file(slice_file(), actor=actor, now=now)
    tell_stories(users, actor=actor, now=now)
    count_owed(actor=actor, now=now)
    if serve:
        typer.echo(f"Tillbook is at {address(host, port)}")
    for username, password in users.passwords.items():
        typer.echo(f"{username}: {password}")
    if serve:
        run_server(ip, port)
