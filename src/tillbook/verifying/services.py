"""A check of the whole book: how it is divided, what each part gives, and what was found in sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

import django
from django.db import connection

from tillbook.common.findings import Finding
from tillbook.common.numbering import public_number
from tillbook.common.weighing import can_weigh
from tillbook.credit import verification as credit_verification
from tillbook.customers.models import Customer
from tillbook.ledger import runs, sums
from tillbook.ledger import verification as full_verification
from tillbook.ledger.models import Verification
from tillbook.ledger.queries import Broken
from tillbook.ledger.steady import EVERYBODY, Range, ranges, steady
from tillbook.ledger.verification import Proof
from tillbook.orders import payment_verification
from tillbook.orders import verification as order_verification
from tillbook.payouts import verification as payout_verification
from tillbook.refunds import verification as refund_verification
from tillbook.returns import verification as return_verification

Piece = tuple[str, int, Range | None, str]  # depth, place, customers, the moment to read as of
# A `map` that need not keep the order.
MapPieces = Callable[[Callable[[Piece], tuple[int, Proof]], Iterable[Piece]], Iterable[tuple[int, Proof]]]

# A fork has everything imported; elsewhere than on Linux the system's own libraries may not survive one.
_START = "fork" if sys.platform == "linux" else "spawn"


def plan(depth: str, processes: int) -> list[Range | None]:
    """What is checked by itself: ranges of customers, and None for orders and refunds."""
    # One fingerprint covers the whole book; PostgreSQL uses its own processes for it.
    return [None, *([EVERYBODY] if depth == Verification.Depth.SUMS else ranges(processes))]


def _carries_credit_used(depth: str) -> bool:
    """Whether the fingerprint's pass adds up what credit paid of orders too."""
    return depth == Verification.Depth.SUMS and can_weigh()


@contextmanager
def worker_pool(processes: int) -> Iterator[MapPieces]:
    """So many processes to check pieces with, in whatever order they are done; one alone is this one.

    Nothing may be open in the database: begin with it, and open the moment to read as of after it.
    """
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


def results(run: Verification, map_pieces: MapPieces, moment: str) -> Iterable[tuple[int, Proof]]:
    """Each range that is left, checked, in whatever order they are done."""
    pieces: list[Piece] = [(run.depth, place, wanted, moment) for place, wanted in runs.left(run)]
    return map_pieces(_check, pieces)


def _check(piece: Piece) -> tuple[int, Proof]:
    """A piece of the work: the book of a range of customers, or, without one, orders and refunds."""
    depth, place, wanted, moment = piece
    if wanted is None:
        with steady(moment):
            return place, Proof(findings=list(_documents(depth)))
    if depth == Verification.Depth.SUMS:
        used = order_verification.CreditUsed()
        proof = sums.check(wanted, moment, used.transfers)
        with steady(moment):
            if _carries_credit_used(depth):
                proof.findings += used.findings()
            proof.findings += credit_verification.hidden(wanted)
            proof.findings += credit_verification.ownerless(wanted)
        return place, proof
    proof = full_verification.verify(wanted, moment)
    with steady(moment):
        proof.findings += credit_verification.findings(wanted)
    return place, proof


def _documents(depth: str) -> Iterator[Finding]:
    """What does not agree among orders, returns, refunds and sendings; sums leave out what was asked for."""
    yield from order_verification.findings(credit_used=not _carries_credit_used(depth))
    if depth == Verification.Depth.FULL:
        yield from order_verification.lost()
        yield from payment_verification.findings()
    yield from return_verification.findings()
    in_full = depth == Verification.Depth.FULL
    yield from refund_verification.findings() if in_full else refund_verification.money_findings()
    yield from payout_verification.findings()


def sentences(proof: Proof) -> list[str]:
    """One sentence for each thing that does not agree."""
    return [*map(_sentence, proof.broken), *map(_told_finding, proof.findings)]


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
