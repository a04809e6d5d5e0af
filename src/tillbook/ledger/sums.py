"""The book's sums, checked inside the database: every balance continues, no digest is recomputed.

One pass over the transfers makes a keyed fingerprint. Where there is none, of a range alone and of numbers
too large for SQLite's, that pass compares each row with the one before. Only where something differs do
other statements look for the rows.
"""

from __future__ import annotations

from django.db import DataError, OperationalError

from tillbook.common import statements
from tillbook.common.weighing import Carried, Pair, Term, agreeing, new_seed, text_hash
from tillbook.ledger import fingerprint
from tillbook.ledger.counting import HELD, POSTED, add_transfers
from tillbook.ledger.queries import BELONGS_NOWHERE, NOT_CONTINUED, Broken
from tillbook.ledger.steady import EVERYBODY, Range, steady, within
from tillbook.ledger.verification import Proof, verify

_BEYOND_64_BITS = ("integer overflow", "bigint out of range")  # what SQLite and PostgreSQL say
_UNHELD = "resolves a hold that is not open"

# Whether it names no hold that is open, or ends one without naming it.
_ENDS_NONE = (
    "CASE WHEN t.hold_seq IS NULL THEN t.kind IN ('capture', 'release') ELSE "
    "h.kind IS NULL OR h.kind <> 'hold' OR h.seq >= t.seq OR t.amount_minor > h.amount_minor "
    "OR (t.kind = 'release' AND t.amount_minor < h.amount_minor) OR t.kind NOT IN ('capture', 'release') END"
)
# Looking up the row before, and the hold that a row ends, beats a window over them.
_BESIDE = (
    "LEFT JOIN ledger_transfer AS b ON b.customer_id = t.customer_id AND b.account_id = t.account_id "
    "AND b.seq = t.seq - 1 "
    "LEFT JOIN ledger_transfer AS h ON h.customer_id = t.customer_id AND h.account_id = t.account_id "
    "AND h.seq = t.hold_seq"
)
_WRONG = (
    f"(b.seq IS NULL AND t.seq <> 1) OR coalesce(b.posted_minor, 0) + {POSTED} <> t.posted_minor "
    f"OR coalesce(b.held_minor, 0) + CASE WHEN t.hold_seq IS NULL THEN {HELD} ELSE -h.amount_minor END "
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


def check(wanted: Range = EVERYBODY, moment: str = "", carried: Carried | None = None) -> Proof:
    """Check the sums of the customers in the range, as of one moment.

    A pass over all transfers adds up the term over `ledger_transfer AS t` that is carried, as it comes by.
    """
    try:
        return _summed(wanted, moment, carried)
    except (DataError, OperationalError) as error:
        if not any(beyond in str(error) for beyond in _BEYOND_64_BITS):
            raise
        # No honest book gets there. Row by row Python names who does: its numbers have no end.
        return verify(wanted, moment)


def _summed(wanted: Range, moment: str, carried: Carried | None) -> Proof:
    with steady(moment):
        proof, counted = _accounts(wanted)
        agrees = fingerprint.agrees(proof, carried) if wanted == EVERYBODY else None
        if agrees is None:
            (wrong,) = add_transfers(proof, wanted, [_COUNT_WRONG], _BESIDE)
            found = [*(_chains(wanted) if wrong else []), *_counters(wanted)]
            # Where accounts have all rows they count, as many as there are leave none to belong to none.
            if found or counted != proof.transfers:
                found += _orphans(wanted)
            proof.broken += _first_of_each(found)
        elif not agrees:
            proof.broken += _first_of_each([*_chains(wanted), *_counters(wanted), *_orphans(wanted)])
        if wanted != EVERYBODY or not _projections_agree():
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


def _projections_agree() -> bool:
    """Whether all projections are the sums of the accounts, as far as that can be weighed."""
    seed = new_seed()
    whose = text_hash(seed, "customer_id", "currency")
    pairs = {
        name: Pair(Term("ledger_account", whose, own), Term("ledger_balance", whose, kept))
        for name, own, kept in (
            ("available", "posted_minor - held_minor", "available_minor"),
            ("held", "held_minor", "held_minor"),
        )
    }
    return agreeing(pairs) == set(pairs)


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
