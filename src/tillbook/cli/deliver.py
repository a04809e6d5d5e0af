"""The command that sends webhooks."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer
from django.utils import timezone

from tillbook.delivery.running import deliver as run
from tillbook.delivery.running import deliver_once

commands = typer.Typer()


@commands.command()
def deliver(
    once: Annotated[bool, typer.Option("--once", help="Send what is due now, then end.")] = False,
) -> None:
    """Send new events to the webhooks until stopped. Several may run at the same time."""
    if once:
        typer.echo(f"{deliver_once(timezone.now)} sent.")
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    run(timezone.now, stop)
