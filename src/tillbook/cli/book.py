"""Commands about the book: recalculate balances, expire what is due."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from tillbook.cli.output import AsJson, WrongUsage, counted, say
from tillbook.common.actor import Actor
from tillbook.common.mail_kinds import MailKind
from tillbook.credit import services as credit
from tillbook.credit import snapshots, wording
from tillbook.credit.expiring import announce_ending
from tillbook.credit.explaining import Break, Explanation, Step, plain
from tillbook.credit.recalculation import Recalculation
from tillbook.customers import queries as customers
from tillbook.customers.models import Customer
from tillbook.exporters import keeping
from tillbook.orders.recalculation import agreeing
from tillbook.orders.recalculation import recalculate as recalculate_customer
from tillbook.shop.policies import shop
from tillbook.staff import answers

commands = typer.Typer()

_AT_ONCE = 500  # customers that are looked at together, before those that differ are locked
_ERRORS = Console(stderr=True)  # progress is not output


@commands.command()
def recalculate(
    username: Annotated[str | None, typer.Argument(help="The customer's username.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every customer.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and repair nothing.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: a document, or one a line for each who differs.")
    ] = False,
) -> None:
    """Recompute balances from the history, explain each difference, repair the stored figures."""
    if everyone == (username is not None):
        raise WrongUsage("Name one customer, or give --all.")
    actor, tally = Actor.system("cli"), _Tally()
    wanted = _everyone(actor, tally) if everyone else [customers.by_username(username or "")]
    for customer in wanted:
        result = recalculate_customer(customer.pk, repair=not dry_run, actor=actor, now=timezone.now())
        tally.add(result)
        if not as_json:
            _print(customer.username, result)
        elif not everyone or result.differences or result.broken:
            typer.echo(json.dumps(_data(customer.username, result)))
    if not as_json:
        _print_tally(tally)
    elif everyone:
        typer.echo(json.dumps(asdict(tally)))
    if tally.broken:
        raise typer.Exit(1)


def _everyone(actor: Actor, tally: _Tally) -> Iterator[Customer]:
    """The customers to be recalculated one by one; of all others nothing differs, and the tally has them."""
    people = Customer.objects.order_by("pk")
    with Progress(console=_ERRORS, disable=not _ERRORS.is_terminal, transient=True) as progress:
        task = progress.add_task("Recalculating", total=people.count())
        last = 0
        while some := list(people.filter(pk__gt=last)[:_AT_ONCE]):
            first, last = some[0].pk, some[-1].pk
            found = agreeing((first, last), actor=actor)
            for customer in some:
                if customer.pk in found.wrong:
                    yield customer
                else:
                    tally.customers += 1
                    tally.compared += found.compared[customer.pk]
            progress.advance(task, len(some))


@dataclass
class _Tally:
    """What a run over customers came to."""

    customers: int = 0
    compared: int = 0
    differed: int = 0
    repaired: int = 0
    broken: int = 0

    def add(self, result: Recalculation) -> None:
        self.customers += 1
        self.compared += result.compared
        self.differed += len(result.differences)
        self.repaired += len(result.differences) if result.repaired else 0
        self.broken += len(result.broken)


def _data(username: str, result: Recalculation) -> dict[str, Any]:
    """A customer's result as JSON: moments in UTC, money in minor units."""
    explained = zip(result.differences, result.explanations, strict=True)
    return {
        "customer": username,
        "compared": result.compared,
        "repaired": result.repaired,
        "differences": [plain(each) | {"explanation": plain(why)} for each, why in explained],
        "broken": [plain(each) for each in result.breaks],
    }


def _print(username: str, result: Recalculation) -> None:
    done = "repaired" if result.repaired else "not repaired"
    for each, why in zip(result.differences, result.explanations, strict=True):
        figure = f"{each.entry} {each.figure}".strip()
        typer.echo(f"{username}: {figure} was {each.stored}, the history gives {each.derived}: {done}")
        _print_facts([wording.lead(why)], wording.steps(why), why)
    for broken in result.breaks:
        typer.echo(f"{username}: {broken.entry}, transfer {broken.seq} {broken.problem}")
        _print_facts(filter(None, [wording.counted(broken)]), wording.steps_of_break(broken), broken)


def _print_facts(
    sentences: Iterable[str], facts: Iterable[tuple[str, Sequence[Step]]], told: Explanation | Break
) -> None:
    lines = [*sentences]
    lines += [f"{label}: {wording.step(each, _when)}" for label, steps in facts for each in steps]
    for line in [*lines, f"It happened {wording.window(told, _when)}."]:
        typer.echo(f"  {line}")


def _when(at: datetime) -> str:
    return f"{at.astimezone(shop().time_zone):%-d %b %Y, %H:%M}"


def _print_tally(tally: _Tally) -> None:
    if tally.broken:
        typer.echo("Where the history is broken nothing is repaired. What to do:")
        for advice in wording.ADVICE:
            typer.echo(f"- {advice}")
    if tally.differed or tally.broken:
        typer.echo(wording.CAUSES)
    typer.echo(
        f"{counted(tally.compared, 'figure')} of {counted(tally.customers, 'customer')} compared, "
        f"{tally.differed} differed{_told_broken(tally.broken)}."
    )


def _told_broken(count: int) -> str:
    return f", {counted(count, 'credit')} {'has' if count == 1 else 'have'} a broken history" if count else ""


@commands.command()
def expire(as_json: AsJson = False) -> None:
    """The daily round: expire what is due, announce what will be, count what is owed, clear old answers."""
    actor, now = Actor.system("cli"), timezone.now()
    count = credit.expire_due(actor=actor, now=now)
    policy = shop()
    reminds = policy.mails[MailKind.CREDIT_EXPIRING].on
    announced = announce_ending(policy.expiring_days, actor=actor, now=now) if reminds else 0
    snapshots.count_owed(actor=actor, now=now)
    answers.clear(now)
    keeping.clear(now)
    told = f", {announced} announced" if announced else ""
    say(
        f"{counted(count, 'credit')} expired{told}.",
        {"expired": count, "announced": announced},
        as_json=as_json,
    )
