"""The command that sends webhooks and mails, and asks payment gateways what became of refunds."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer
from django.utils import timezone

from tillbook.cli.output import AsJson, say
from tillbook.delivery.running import deliver as run
from tillbook.delivery.running import deliver_once
from tillbook.payouts.asking import ask_once, keep_asking

commands = typer.Typer()


@commands.command()
def deliver(
    once: Annotated[bool, typer.Option("--once", help="Send what is due now, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell webhooks and people of new events, and ask gateways about refunds, until stopped."""
    if once:
        ask_once(timezone.now)  # first: what it settles is told at once
        sent = deliver_once(timezone.now)
        say(f"{sent} sent.", {"sent": sent}, as_json=as_json)
        return
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    asking = threading.Thread(target=keep_asking, args=(timezone.now, stop), name="ask gateways")
    asking.start()
    try:
        run(timezone.now, stop)
    finally:  # else the other thread would keep a process alive that delivers nothing
        stop.set()
        asking.join()
