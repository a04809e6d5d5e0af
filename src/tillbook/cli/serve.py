"""Commands that prepare the database and serve the panel."""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing import parent_process
from typing import Annotated, Any

import typer
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from tillbook.cli.output import AsJson, say
from tillbook.common.errors import Refusal
from tillbook.numbering.services import keep as keep_numbering

commands = typer.Typer()

# Requests that one process takes in at the same time; it answers fewer. One process: counters of failed
# log-ins live in its memory, and on SQLite only one can write anyway.
_THREADS = 64

# Seconds that requests under way get when the server is stopped.
_LAST_REQUESTS = 30

_WHY_NOT = {
    errno.EADDRINUSE: "Another program listens there. Stop it, or choose another --port.",
    errno.EADDRNOTAVAIL: "That is no address of this machine. Choose another --host, such as 127.0.0.1.",
    errno.EACCES: "The system keeps that port for others. Choose a --port above 1023.",
}


class CannotListen(Refusal):
    """The host is unknown or not this machine's, or its port is taken."""

    code = "cannot_listen"


class NotMigrated(Refusal):
    """The database's tables are missing or older than the program."""

    code = "not_migrated"


@commands.command()
def migrate(as_json: AsJson = False) -> None:
    """Make or update the database's tables."""
    made = len(_pending())
    call_command("migrate", interactive=False, verbosity=0)
    keep_numbering()
    say("The database is up to date.", {"migrations": made}, as_json=as_json)


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Name or address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve the control panel until stopped."""
    ip = checked_endpoint(host, port)
    _check_migrated()
    typer.echo(f"Tillbook is at {address(host, port)}")
    run_server(ip, port)


def checked_endpoint(host: str, port: int) -> str:
    """The IP address that `host` stands for, on which a server can listen at `port`. Raises CannotListen.

    The server itself shares a port with whoever shares it too, and would start beside another Tillbook.
    """
    family, ip = _resolved(host, port)
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a server that has just stopped don't count; one that listens does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((ip, port))
    except OSError as error:
        why = _WHY_NOT.get(error.errno or 0, f"{error.strerror}.")
        raise CannotListen(f"Tillbook can't listen on {host}, port {port}. {why}") from error
    return ip


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """The first address of that name, of IPv4 where it has one."""
    # A zone ("fe80::1%eth0") is more than the server can take.
    named = host and "%" not in host
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM) if named else []
    except (OSError, UnicodeError):
        found = []
    usable = sorted((family, str(where[0])) for family, _, _, _, where in found)
    if not usable:
        raise CannotListen(
            f"Tillbook can't listen on {host!r}, port {port}. No such host is known. "
            "Choose another --host, such as 127.0.0.1."
        )
    return usable[0]


def _check_migrated() -> None:
    if pending := _pending():
        raise NotMigrated(
            f"The database lacks {len(pending)} migrations of this version. Run `tillbook migrate` first."
        )


def _pending() -> Sequence[object]:
    """The migrations of this version that the database lacks."""
    executor = MigrationExecutor(connection)
    return executor.migration_plan(executor.loader.graph.leaf_nodes())


def run_server(ip: str, port: int) -> None:
    """Serve the control panel until stopped."""
    embedded = connection.vendor == "sqlite"
    leave_database()
    server = _Server(
        f"tillbook.config.worker:{'sending' if embedded else 'answering'}",
        factory=True,
        address=ip,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=_LAST_REQUESTS,
        log_access=False,
        log_level=LogLevels.error,  # what the program itself says is in its own log
        websockets=False,
    )
    server.serve()


class _Server(MPServer):
    """Stopped once it ends what is under way; stopped again it waits for nothing."""

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        if parent_process() is not None:
            # The worker, a copy of this process that has no handlers of its own yet.
            if args[0] == signal.SIGTERM:
                os._exit(0)
            return
        if self.interrupt_signal:
            for each in self.wrks:
                each.kill()  # type: ignore[no-untyped-call]
        super().signal_handler_interrupt(*args, **kwargs)  # type: ignore[no-untyped-call]


def leave_database() -> None:
    """Close what this process has open: the server's is a copy of it, and opens its own.

    A copied pool would have no threads, so that it never grew and never replaced a lost connection.
    """
    connection.close()
    getattr(connection, "close_pool", lambda: None)()  # PostgreSQL has one


def address(host: str, port: int) -> str:
    """The address to type into a browser: IPv6 hosts stand in brackets."""
    try:
        bracketed = isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        bracketed = False
    return f"http://[{host}]:{port}" if bracketed else f"http://{host}:{port}"
