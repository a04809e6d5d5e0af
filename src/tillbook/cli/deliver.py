"""The command that sends webhooks."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer
from django.utils import timezone

from tillbook.cli.output import AsJson, say
from tillbook.delivery.running import deliver as run
from tillbook.delivery.running import deliver_once

commands = typer.Typer()


@commands.command()
def deliver(
    once: Annotated[bool, typer.Option("--once", help="Send what is due now, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send new events to the webhooks until stopped. Several may run at the same time."""
    if once:
        sent = deliver_once(timezone.now)
        say(f"{sent} sent.", {"sent": sent}, as_json=as_json)
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    run(timezone.now, stop)
