"""The book's sums, checked inside the database: every balance continues, no digest is recomputed.

On PostgreSQL one pass over the transfers makes a keyed fingerprint (see docs/decisions/0008);
only where it differs do the exact statements look for the row. SQLite runs those at once.
"""

from __future__ import annotations

import secrets

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

# Looking up the row before beats a window over them.
# Rows that end a hold have their held checked by `_ENDINGS`.
_CONTINUES = (
    "SELECT t.customer_id, t.account_id, t.seq, (SELECT coalesce(max(p.seq), 0) FROM ledger_transfer AS p "
    "WHERE p.customer_id = t.customer_id AND p.account_id = t.account_id AND p.seq < t.seq), "
    "t.hold_seq IS NULL AND t.kind IN ('capture', 'release') "
    "FROM ledger_transfer AS t LEFT JOIN ledger_transfer AS b ON b.customer_id = t.customer_id "
    "AND b.account_id = t.account_id AND b.seq = t.seq - 1 WHERE {range} AND ("
    "(b.seq IS NULL AND t.seq <> 1) OR coalesce(b.posted_minor, 0) + {posted} <> t.posted_minor "
    "OR (t.hold_seq IS NULL AND coalesce(b.held_minor, 0) + {held} <> t.held_minor) "
    "OR t.held_minor < 0 OR t.held_minor > t.posted_minor "
    "OR (t.hold_seq IS NULL AND t.kind IN ('capture', 'release')))"
)
# A term instead of the bare column: half the book is read faster by passing over all than by an index.
_SCANNED = "+t.customer_id"
_NO_OPEN_HOLD = (
    "(h.kind IS NULL OR h.kind <> 'hold' OR h.seq >= t.seq OR t.amount_minor > h.amount_minor "
    "OR (t.kind = 'release' AND t.amount_minor < h.amount_minor) OR t.kind NOT IN ('capture', 'release'))"
)
_ENDINGS = (
    f"SELECT t.customer_id, t.account_id, t.seq, {_NO_OPEN_HOLD} FROM ledger_transfer AS t "
    "LEFT JOIN ledger_transfer AS h ON h.customer_id = t.customer_id AND h.account_id = t.account_id "
    "AND h.seq = t.hold_seq "
    "LEFT JOIN ledger_transfer AS b ON b.customer_id = t.customer_id AND b.account_id = t.account_id "
    "AND b.seq = t.seq - 1 "
    f"WHERE t.hold_seq IS NOT NULL AND {{range}} AND ({_NO_OPEN_HOLD} "
    "OR coalesce(b.held_minor, 0) - h.amount_minor <> t.held_minor)"
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
        proof = _counted(wanted)
        if wanted != EVERYBODY or not _postgresql() or not _fingerprints_agree():
            proof.broken += _first_of_each([*_chains(wanted), *_accounts(wanted)])
        proof.broken += _projection(wanted)
    return proof


def _postgresql() -> bool:
    return connection.vendor == "postgresql"


def _counted(wanted: Range) -> Proof:
    """How much there is, and what each house holds: its side of every transfer that moved posted."""
    condition, bounds = within(wanted, "customer_id")
    proof = Proof()
    for currency, accounts, posted, held in statements.select(
        "SELECT currency, count(*), sum(posted_minor), sum(held_minor) FROM ledger_account "
        f"WHERE {condition} GROUP BY currency",
        bounds,
    ):
        proof.accounts += accounts
        proof.sums[currency] = (int(posted) - int(held), int(held))
    ((proof.balances,),) = statements.select(f"SELECT count(*) FROM ledger_balance WHERE {condition}", bounds)
    condition, bounds = within(wanted, _SCANNED)
    for house, transfers, minor in statements.select(
        f"SELECT t.house, count(*), sum({_POSTED}) FROM ledger_transfer AS t WHERE {condition} "
        "GROUP BY t.house",
        bounds,
    ):
        proof.transfers += transfers
        proof.houses[house] = -int(minor)
    return proof


def _chains(wanted: Range) -> list[Broken]:
    condition, bounds = within(wanted, _SCANNED)
    statement = _CONTINUES.format(posted=_POSTED, held=_HELD, range=condition)
    found = []
    for customer_id, account_id, seq, before, unheld in statements.select(statement, bounds):
        if before != seq - 1:
            found.append(Broken(customer_id, account_id, before + 1, "is missing"))
        else:
            found.append(Broken(customer_id, account_id, seq, _UNHELD if unheld else NOT_CONTINUED))
    for customer_id, account_id, seq, unheld in statements.select(_ENDINGS.format(range=condition), bounds):
        found.append(Broken(customer_id, account_id, seq, _UNHELD if unheld else NOT_CONTINUED))
    # At one row, what is wrong with its hold says more.
    return sorted(
        found, key=lambda each: (each.customer_id, each.account_id, each.seq, each.problem != _UNHELD)
    )


def _accounts(wanted: Range) -> list[Broken]:
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
    condition, bounds = within(wanted, "t.customer_id")
    orphans = statements.select(_ORPHANS.format(range=condition), bounds)
    for customer_id, account_id, seq in orphans:
        found.append(Broken(customer_id, account_id, seq, BELONGS_NOWHERE))
    return found


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


def _fingerprints_agree() -> bool:
    """Whether the states before and after all transfers cancel out to the accounts' counters.

    `sum` adds 64-bit integers exactly. What a resolution's hold was worth comes by a join of its own.
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
    ((states, resolutions, wrong),) = statements.select(
        f"SELECT sum({after}) - coalesce(sum({before}) FILTER (WHERE t.hold_seq IS NULL), 0), "
        "count(t.hold_seq), count(*) FILTER (WHERE t.held_minor < 0 OR t.held_minor > t.posted_minor "
        "OR (t.kind IN ('capture', 'release')) <> (t.hold_seq IS NOT NULL)) FROM ledger_transfer AS t",
        [],
    )
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
    return (resolutions, wrong) == (held, 0) and int(states or 0) - int(ended) == int(heads)
