"""Commands that prepare the database and serve the panel."""

from __future__ import annotations

import ipaddress
from typing import Annotated

import typer
from django.core.management import call_command
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

commands = typer.Typer()

# Requests that one process answers at the same time. One process: counters of failed
# log-ins live in its memory, and on SQLite only one can write anyway.
_THREADS = 8


@commands.command()
def migrate() -> None:
    """Make or update the database's tables."""
    call_command("migrate", interactive=False, verbosity=0)
    typer.echo("The database is up to date.")


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve the control panel until stopped."""
    typer.echo(f"Tillbook is at {address(host, port)}")
    run_server(host, port)


def run_server(host: str, port: int) -> None:
    """Serve the control panel until stopped."""
    server = Server(
        "tillbook.config.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        log_access=False,
        log_level=LogLevels.error,  # what the program itself says is in its own log
        websockets=False,
    )
    server.serve()


def address(host: str, port: int) -> str:
    """The address to type into a browser: IPv6 hosts stand in brackets."""
    try:
        bracketed = isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        bracketed = False
    return f"http://[{host}]:{port}" if bracketed else f"http://{host}:{port}"
