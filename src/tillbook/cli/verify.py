"""Proving the book: `verify` checks it, in sums or in full; `attest` signs what it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rich.console import Console
from rich.progress import Progress

from tillbook.cli.output import counted
from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money
from tillbook.ledger import attestation, runs
from tillbook.ledger.models import Verification
from tillbook.ledger.steady import shared_moment
from tillbook.ledger.verification import Proof
from tillbook.shop import policies
from tillbook.verifying import services as verifying

commands = typer.Typer()

_ERRORS = Console(stderr=True)  # progress is not output


@commands.command()
def verify(
    in_full: Annotated[
        bool, typer.Option("--full/--sums", help="Recompute every digest too, or check sums alone.")
    ] = True,
    processes: Annotated[
        int, typer.Option(min=0, max=256, help="How many work at once; 0: as many as there are cores.")
    ] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the check that was interrupted.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(help="Compare with a statement that `tillbook attest` wrote, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check every transfer, counter and balance, credit, order and refund; exit code 1 if one is broken."""
    statement = None if against is None else attestation.read(_text(against), _key())
    depth = Verification.Depth.FULL if in_full else Verification.Depth.SUMS
    processes = processes or os.cpu_count() or 1
    actor = Actor.system("cli")
    run = runs.interrupted(depth) if resume else runs.begin(depth, actor=actor, now=timezone.now())
    runs.divide(run, lambda: verifying.plan(depth, processes))
    left = sum(1 for _ in runs.left(run))
    with verifying.worker_pool(min(processes, left)) as map_pieces, shared_moment() as moment:
        for place, proof in _shown(run, left, verifying.results(run, map_pieces, moment)):
            runs.keep(run, place, proof)
    proof = runs.total(run)
    if statement is not None:
        named, differing = attestation.compare(statement)
        proof.broken += differing
        _ERRORS.print(
            f"Compared with {counted(named, 'credit')} of {statement['taken_at']}.", highlight=False
        )
    sentences = verifying.sentences(proof)
    runs.finish(run, proof, sentences, now=timezone.now())
    (_print_json if as_json else _print)(run, proof, sentences)
    if sentences:
        raise typer.Exit(1)


@commands.command()
def attest(
    output: Annotated[Path | None, typer.Option(help="The file to write; a new one.")] = None,
) -> None:
    """Write a signed statement of the book's state; keep it elsewhere for verify --against."""
    text = attestation.text_of(attestation.state(policies.shop().name, _key(), now=timezone.now()))
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        # A statement is kept: one that is there is never written over.
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InvalidInput(
            f"{output} can't be written: {error.strerror}. Choose another --output."
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}.", field="against") from error
    except UnicodeDecodeError as error:
        message = "The file is not a statement that `tillbook attest` wrote."
        raise InvalidInput(message, field="against") from error


def _key() -> bytes:
    """The key that statements are signed with: made from the shop's secret key, and of no other use."""
    return salted_hmac("tillbook.attestation", "", algorithm="sha256").digest()


def _shown(run: Verification, left: int, results: Iterable[tuple[int, Proof]]) -> Iterator[tuple[int, Proof]]:
    """The results as they come; a person sees how far it is."""
    with Progress(console=_ERRORS, disable=not _ERRORS.is_terminal, transient=True) as progress:
        task = progress.add_task("Verifying", total=len(run.ranges), completed=len(run.ranges) - left)
        for result in results:
            yield result
            progress.advance(task)


def _print(run: Verification, proof: Proof, sentences: list[str]) -> None:
    for sentence in sentences:
        typer.echo(sentence)
    for currency, (available, held) in sorted(proof.sums.items()):
        typer.echo(f"{Money(available, currency)} available, {Money(held, currency)} held.")
    if len(proof.sums) == 1:
        (currency,) = proof.sums
        for house, minor in sorted(proof.houses.items()):
            typer.echo(f"{house}: {Money(minor, currency)}")
    typer.echo(
        f"{counted(proof.transfers, 'transfer')} of {counted(proof.accounts, 'credit')} "
        f"and {counted(proof.balances, 'balance')} checked"
        f"{' by their sums' if run.depth == Verification.Depth.SUMS else ''}: "
        + (f"{len(sentences)} broken." if sentences else "all agree.")
    )


def _print_json(run: Verification, proof: Proof, sentences: list[str]) -> None:
    result = {
        "depth": run.depth, "started_at": run.started_at.isoformat(), "transfers": proof.transfers,
        "credits": proof.accounts, "balances": proof.balances, "broken": sentences,
        "sums": {
            currency: {"available_minor": available, "held_minor": held}
            for currency, (available, held) in proof.sums.items()
        },
    }  # fmt: skip
    typer.echo(json.dumps(result, sort_keys=True))
