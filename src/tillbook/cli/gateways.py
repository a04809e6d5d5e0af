"""The command that asks payment gateways what became of refunds."""

from __future__ import annotations

from collections import Counter

from django.utils import timezone

from tillbook.cli.operations import NOUNS
from tillbook.cli.output import AsJson, say
from tillbook.payouts.asking import ask_once

commands = NOUNS["gateway"]  # beside what the API does with gateways


@commands.command()
def ask(as_json: AsJson = False) -> None:
    """Ask about every refund whose outcome is not known and that is due; `deliver` and `serve` do so too."""
    asked = ask_once(timezone.now)
    counts = Counter(sending.state for sending in asked)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    lines = [f"{len(asked)} asked{': ' + told if told else ''}."]
    lines += [f"  {each.refund.number} {each.gateway}: {each.problem}" for each in asked if each.problem]
    say("\n".join(lines), {"asked": len(asked), **counts}, as_json=as_json)
