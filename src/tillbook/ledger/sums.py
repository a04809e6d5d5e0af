"""The book's sums, checked inside the database: every balance continues, no digest is recomputed.

On PostgreSQL one pass over the transfers makes a keyed fingerprint (see docs/decisions/0008);
SQLite, and a range alone, compare each row with the one before in that pass. Only where something
differs do other statements look for the rows.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.db import connection

from tillbook.common import statements
from tillbook.ledger.queries import BELONGS_NOWHERE, NOT_CONTINUED, Broken
from tillbook.ledger.steady import EVERYBODY, Range, steady, within
from tillbook.ledger.verification import Proof

_UNHELD = "resolves a hold that is not open"

# What a transfer adds to posted, and to held where it resolves no hold.
_POSTED = (
    "CASE WHEN t.kind IN ('hold', 'release') THEN 0 WHEN t.kind = 'capture' THEN -t.amount_minor "
    "WHEN t.inward THEN t.amount_minor ELSE -t.amount_minor END"
)
_HELD = "CASE WHEN t.kind = 'hold' THEN t.amount_minor ELSE 0 END"

# Whether it names no hold that is open, or ends one without naming it.
_ENDS_NONE = (
    "CASE WHEN t.hold_seq IS NULL THEN t.kind IN ('capture', 'release') ELSE "
    "h.kind IS NULL OR h.kind <> 'hold' OR h.seq >= t.seq OR t.amount_minor > h.amount_minor "
    "OR (t.kind = 'release' AND t.amount_minor < h.amount_minor) OR t.kind NOT IN ('capture', 'release') END"
)
# What no row can be, whatever the others are.
_NOT_POSSIBLE = (
    "t.held_minor < 0 OR t.held_minor > t.posted_minor "
    "OR (t.kind IN ('capture', 'release')) <> (t.hold_seq IS NOT NULL)"
)
# Looking up the row before, and the hold that a row ends, beats a window over them.
_BESIDE = (
    "LEFT JOIN ledger_transfer AS b ON b.customer_id = t.customer_id AND b.account_id = t.account_id "
    "AND b.seq = t.seq - 1 "
    "LEFT JOIN ledger_transfer AS h ON h.customer_id = t.customer_id AND h.account_id = t.account_id "
    "AND h.seq = t.hold_seq"
)
_WRONG = (
    f"(b.seq IS NULL AND t.seq <> 1) OR coalesce(b.posted_minor, 0) + {_POSTED} <> t.posted_minor "
    f"OR coalesce(b.held_minor, 0) + CASE WHEN t.hold_seq IS NULL THEN {_HELD} ELSE -h.amount_minor END "
    f"<> t.held_minor OR t.held_minor < 0 OR t.held_minor > t.posted_minor OR {_ENDS_NONE}"
)
_COUNT_WRONG = f"sum(CASE WHEN {_WRONG} THEN 1 ELSE 0 END)"
_FIND_WRONG = (
    "SELECT t.customer_id, t.account_id, t.seq, (SELECT coalesce(max(p.seq), 0) FROM ledger_transfer AS p "
    "WHERE p.customer_id = t.customer_id AND p.account_id = t.account_id AND p.seq < t.seq), "
    f"{_ENDS_NONE} FROM ledger_transfer AS t {_BESIDE} WHERE {{range}} AND ({_WRONG}) "
    "ORDER BY t.customer_id, t.account_id, t.seq"
)
_COUNTERS = (
    "SELECT a.customer_id, a.id, a.transfers, l.seq IS NULL AND a.transfers > 0 OR EXISTS (SELECT 1 FROM "
    "ledger_transfer AS n WHERE n.customer_id = a.customer_id AND n.account_id = a.id "
    "AND n.seq > a.transfers) "
    "FROM ledger_account AS a LEFT JOIN ledger_transfer AS l ON l.customer_id = a.customer_id "
    "AND l.account_id = a.id AND l.seq = a.transfers WHERE {range} AND ("
    "coalesce(l.posted_minor, 0) <> a.posted_minor OR coalesce(l.held_minor, 0) <> a.held_minor "
    "OR coalesce(l.seq, 0) <> a.transfers OR EXISTS (SELECT 1 FROM ledger_transfer AS n WHERE "
    "n.customer_id = a.customer_id AND n.account_id = a.id AND n.seq > a.transfers)) "
    "ORDER BY a.customer_id, a.id"
)
_ORPHANS = (
    "SELECT t.customer_id, t.account_id, min(t.seq) FROM ledger_transfer AS t LEFT JOIN ledger_account AS a "
    "ON a.customer_id = t.customer_id AND a.id = t.account_id WHERE {range} AND a.id IS NULL "
    "GROUP BY t.customer_id, t.account_id ORDER BY t.customer_id, t.account_id"
)
_PROJECTION = (
    "SELECT s.customer_id, s.currency, max(s.stored), sum(s.available) <> 0 OR sum(s.held) <> 0 FROM ("
    "SELECT customer_id, currency, available_minor AS available, held_minor AS held, 1 AS stored "
    "FROM ledger_balance WHERE {range} UNION ALL "
    "SELECT customer_id, currency, held_minor - posted_minor, -held_minor, 0 FROM ledger_account "
    "WHERE {range}) AS s GROUP BY s.customer_id, s.currency HAVING sum(s.available) <> 0 OR sum(s.held) <> 0 "
    "ORDER BY s.customer_id, s.currency"
)


def check(wanted: Range = EVERYBODY, moment: str = "") -> Proof:
    """Check the sums of the customers in the range, as of one moment."""
    with steady(moment):
        proof, counted = _accounts(wanted)
        if wanted == EVERYBODY and connection.vendor == "postgresql":
            if not _fingerprints_agree(proof):
                proof.broken += _first_of_each([*_chains(wanted), *_counters(wanted), *_orphans(wanted)])
        else:
            (wrong,) = _add_transfers(proof, wanted, [_COUNT_WRONG], _BESIDE)
            found = [*(_chains(wanted) if wrong else []), *_counters(wanted)]
            # Where accounts have all rows they count, as many as there are leave none to belong to none.
            if found or counted != proof.transfers:
                found += _orphans(wanted)
            proof.broken += _first_of_each(found)
        proof.broken += _projection(wanted)
    return proof


def _accounts(wanted: Range) -> tuple[Proof, int]:
    """A proof that has counted the accounts and balances, and how many transfers the accounts count."""
    condition, bounds = within(wanted, "customer_id")
    proof, counted = Proof(), 0
    for currency, accounts, posted, held, transfers in statements.select(
        "SELECT currency, count(*), sum(posted_minor), sum(held_minor), sum(transfers) FROM ledger_account "
        f"WHERE {condition} GROUP BY currency",
        bounds,
    ):
        proof.accounts += accounts
        proof.sums[currency] = (int(posted) - int(held), int(held))
        counted += int(transfers)
    ((proof.balances,),) = statements.select(f"SELECT count(*) FROM ledger_balance WHERE {condition}", bounds)
    return proof, counted


def _add_transfers(proof: Proof, wanted: Range, figures: Sequence[str], beside: str = "") -> list[int]:
    """Count the transfers, and what each house holds: its side of every one that moved posted.

    In the same pass other `figures`, aggregates of each house's, are added up: their sums.
    """
    condition, bounds = within(wanted, "t.customer_id")
    sums = [0] * len(figures)
    for house, transfers, minor, *others in statements.select(
        f"SELECT t.house, count(*), sum({_POSTED}), {', '.join(figures)} FROM ledger_transfer AS t {beside} "
        f"WHERE {condition} GROUP BY t.house",
        bounds,
    ):
        proof.transfers += transfers
        proof.houses[house] = -int(minor)
        sums = [before + int(other) for before, other in zip(sums, others, strict=True)]
    return sums


def _chains(wanted: Range) -> list[Broken]:
    condition, bounds = within(wanted, "t.customer_id")
    found = []
    for customer_id, account_id, seq, before, ends_none in statements.select(
        _FIND_WRONG.format(range=condition), bounds
    ):
        if before != seq - 1:
            found.append(Broken(customer_id, account_id, before + 1, "is missing"))
        else:
            # What is wrong with its hold says more.
            found.append(Broken(customer_id, account_id, seq, _UNHELD if ends_none else NOT_CONTINUED))
    return found


def _counters(wanted: Range) -> list[Broken]:
    condition, bounds = within(wanted, "a.customer_id")
    found = []
    for customer_id, account_id, transfers, other in statements.select(
        _COUNTERS.format(range=condition), bounds
    ):
        if other:
            problem = "is missing: the account knows of other transfers"
            found.append(Broken(customer_id, account_id, transfers, problem))
        else:
            problem = "has counters that are not the sum of its transfers"
            found.append(Broken(customer_id, account_id, None, problem))
    return found


def _orphans(wanted: Range) -> list[Broken]:
    condition, bounds = within(wanted, "t.customer_id")
    return [
        Broken(customer_id, account_id, seq, BELONGS_NOWHERE)
        for customer_id, account_id, seq in statements.select(_ORPHANS.format(range=condition), bounds)
    ]


def _first_of_each(found: list[Broken]) -> list[Broken]:
    """The first finding of each account, as the order of checks has it."""
    first: dict[tuple[int, int | None], Broken] = {}
    for each in found:
        first.setdefault((each.customer_id, each.account_id), each)
    return sorted(first.values(), key=lambda each: (each.customer_id, each.account_id or 0))


def _projection(wanted: Range) -> list[Broken]:
    condition, bounds = within(wanted, "customer_id")
    return [
        Broken(
            customer_id,
            None,
            None,
            f"has a {currency} projection that its transfers do not give"
            if stored
            else f"has no {currency} projection",
        )
        for customer_id, currency, stored, _ in statements.select(
            _PROJECTION.format(range=condition), [*bounds, *bounds]
        )
    ]


def _mixed(seed: str, *values: str) -> str:
    """A hash of whole numbers. The database's own folds a number's upper half onto the lower.

    So the upper half goes into the seed as well: then no two numbers are the same to it.
    """
    for value in values:
        seed = f"hashint8extended({value}, {seed} # (({value}) >> 32))"
    return seed


def _fingerprints_agree(proof: Proof) -> bool:
    """Whether the states before and after all transfers cancel out to the accounts' counters.

    Counts the transfers in the same pass. `sum` adds 64-bit integers exactly. What a resolution's hold
    was worth comes by a join of its own.
    """
    seed = str(secrets.randbits(63))
    own = _mixed(seed, "t.customer_id", "t.account_id")
    before = _mixed(
        f"hashint8extended(t.seq - 1, {own})", f"t.posted_minor - ({_POSTED})", f"t.held_minor - ({_HELD})"
    )
    after = _mixed(f"hashint8extended(t.seq, {own})", "t.posted_minor", "t.held_minor")
    freed = _mixed(
        f"hashint8extended(t.seq - 1, {own})",
        f"t.posted_minor - ({_POSTED})",
        "t.held_minor + h.amount_minor",
    )
    figures = (
        f"sum({after}) - coalesce(sum({before}) FILTER (WHERE t.hold_seq IS NULL), 0)",
        "count(t.hold_seq)",
        f"count(*) FILTER (WHERE {_NOT_POSSIBLE})",
    )
    states, resolutions, wrong = _add_transfers(proof, EVERYBODY, figures)
    ((ended, held),) = statements.select(
        f"SELECT coalesce(sum({freed}), 0), count(*) FROM ledger_transfer AS t JOIN ledger_transfer AS h "
        "ON h.customer_id = t.customer_id AND h.account_id = t.account_id AND h.seq = t.hold_seq "
        "WHERE t.hold_seq IS NOT NULL AND h.kind = 'hold' AND h.seq < t.seq "
        "AND (t.amount_minor = h.amount_minor OR (t.kind <> 'release' AND t.amount_minor < h.amount_minor))",
        [],
    )
    own = _mixed(seed, "a.customer_id", "a.id")
    head = _mixed(f"hashint8extended(a.transfers, {own})", "a.posted_minor", "a.held_minor")
    none = _mixed(f"hashint8extended(0, {own})", "0", "0")
    ((heads,),) = statements.select(
        f"SELECT coalesce(sum({head}), 0) - coalesce(sum({none}), 0) FROM ledger_account AS a", []
    )
    return (resolutions, wrong) == (held, 0) and states - int(ended) == int(heads)
