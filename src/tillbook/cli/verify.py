"""Proving the book: `verify` checks it, in sums or in full; `attest` signs what it is."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import django
import typer
from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rich.console import Console
from rich.progress import Progress

from tillbook.common.actor import Actor
from tillbook.common.errors import InvalidInput
from tillbook.common.findings import Finding
from tillbook.common.money import Money
from tillbook.common.numbering import public_number
from tillbook.credit import verification as credit_verification
from tillbook.customers.models import Customer
from tillbook.ledger import attestation, runs, sums
from tillbook.ledger import verification as full_verification
from tillbook.ledger.models import Verification
from tillbook.ledger.queries import Broken
from tillbook.ledger.steady import EVERYBODY, Range, ranges, shared_moment, steady
from tillbook.ledger.verification import Proof
from tillbook.orders import verification as order_verification
from tillbook.refunds import verification as refund_verification
from tillbook.shop import policies

commands = typer.Typer()

_ERRORS = Console(stderr=True)  # progress is not output

Piece = tuple[str, int, Range | None, str]  # depth, place, customers, the moment to read as of
Hands = Callable[[Callable[[Piece], tuple[int, Proof]], Iterable[Piece]], Iterable[tuple[int, Proof]]]

# A fork has everything imported; elsewhere than on Linux the system's own libraries may not survive one.
_START = "fork" if sys.platform == "linux" else "spawn"


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
    run = runs.interrupted(depth) if resume else _begun(depth, processes)
    left = list(runs.left(run))
    with _hands(min(processes, len(left))) as hands, shared_moment() as moment:
        pieces = [(run.depth, place, wanted, moment) for place, wanted in left]
        for place, proof in _shown(hands(_check, pieces), len(run.ranges), len(pieces)):
            runs.keep(run, place, proof)
    proof = runs.total(run)
    if statement is not None:
        named, differing = attestation.compare(statement)
        proof.broken += differing
        _ERRORS.print(f"Compared with {named} credits of {statement['taken_at']}.", highlight=False)
    sentences = [*map(_sentence, proof.broken), *map(_told_finding, proof.findings)]
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


def _begun(depth: Verification.Depth, processes: int) -> Verification:
    # On PostgreSQL one fingerprint covers all, and the server uses its own processes for it.
    at_once = depth == Verification.Depth.SUMS and connection.vendor == "postgresql"
    wanted = [EVERYBODY] if at_once else ranges(processes)
    return runs.begin(depth, [None, *wanted], actor=Actor.system("cli"), now=timezone.now())


@contextmanager
def _hands(processes: int) -> Iterator[Hands]:
    """What checks pieces: in whatever order they are done, by so many processes."""
    # Within a transaction nobody else sees what it wrote: then this process reads it all.
    if processes <= 1 or connection.in_atomic_block:
        yield map
        return
    # No process may inherit a connection, nor the threads that keep a pool of them.
    wrapper: Any = connection
    wrapper.close()
    if wrapper.vendor == "postgresql":
        wrapper.close_pool()
    with get_context(_START).Pool(processes, initializer=django.setup) as pool:
        yield pool.imap_unordered


def _shown(results: Iterable[tuple[int, Proof]], total: int, left: int) -> Iterator[tuple[int, Proof]]:
    with Progress(console=_ERRORS, disable=not _ERRORS.is_terminal, transient=True) as progress:
        task = progress.add_task("Verifying", total=total, completed=total - left)
        for result in results:
            yield result
            progress.advance(task)


def _check(piece: Piece) -> tuple[int, Proof]:
    """A piece of the work: the book of a range of customers, or, without one, orders and refunds."""
    depth, place, wanted, moment = piece
    if wanted is None:
        with steady(moment):
            return place, Proof(findings=list(_documents(depth)))
    if depth == Verification.Depth.SUMS:
        proof = sums.check(wanted, moment)
        with steady(moment):
            proof.findings += credit_verification.hidden(wanted)
        return place, proof
    proof = full_verification.verify(wanted, moment)
    with steady(moment):
        proof.findings += credit_verification.findings(wanted)
    return place, proof


def _documents(depth: str) -> Iterator[Finding]:
    """What does not agree among orders and refunds; sums leave out what was asked for."""
    yield from order_verification.findings()
    in_full = depth == Verification.Depth.FULL
    yield from refund_verification.findings() if in_full else refund_verification.money_findings()


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
        f"{proof.transfers} transfers of {proof.accounts} credits and {proof.balances} balances checked"
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


def _told_finding(finding: Finding) -> str:
    customer = Customer.objects.filter(pk=finding.customer_id).first()
    owner = f"customer {customer.username if customer else finding.customer_id}"
    return f"{owner}{f', {finding.subject}' if finding.subject else ''} {finding.problem}"


def _sentence(broken: Broken) -> str:
    if not broken.customer_id:
        return f"all credits together {broken.problem}"
    customer = Customer.objects.filter(pk=broken.customer_id).first()
    owner = f"customer {customer.username if customer else broken.customer_id}"
    if broken.account_id is None:
        return f"{owner} {broken.problem}"
    credit_number = public_number("CR", broken.account_id)
    row = f", transfer {broken.seq}" if broken.seq is not None else ""
    return f"{owner}, {credit_number}{row} {broken.problem}"
