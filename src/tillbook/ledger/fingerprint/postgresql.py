"""The fingerprint on PostgreSQL, of the server's own hashes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tillbook.common import statements
from tillbook.common.weighing import BELOW, Carried, figure, new_seed
from tillbook.ledger.counting import HELD, POSTED, add_transfers
from tillbook.ledger.models import Kind
from tillbook.ledger.steady import EVERYBODY
from tillbook.ledger.verification import Proof

# Each resolution with the hold that it ends. Uses no index: PostgreSQL does a hash join.
_ENDED = (
    "FROM ledger_transfer AS t JOIN ledger_transfer AS h ON h.account_id = t.account_id "
    "AND h.seq = t.hold_seq WHERE t.hold_seq IS NOT NULL AND h.kind = 'hold'"
)
# Whether it may end it. Beside the join, not in it: each term would let the server expect fewer rows.
_MAY_END = (
    "h.customer_id = t.customer_id AND h.seq < t.seq AND CASE t.kind "
    "WHEN 'release' THEN t.amount_minor = h.amount_minor "
    "WHEN 'capture' THEN t.amount_minor <= h.amount_minor ELSE FALSE END"
)
# What no row can be, whatever the others are.
_NOT_POSSIBLE = (
    "t.held_minor < 0 OR t.held_minor > t.posted_minor "
    "OR (t.kind IN ('capture', 'release')) <> (t.hold_seq IS NOT NULL)"
)

_RESOLVES = (Kind.CAPTURE, Kind.RELEASE)
_NARROW = 2**31  # below it numbers go in pairs into one of 64 bits, with a bit to spare for sums of two


def agrees(proof: Proof, carried: Carried | None = None) -> bool:
    """See `fingerprint.agrees`."""
    seed = new_seed()
    narrow = _narrow(proof, seed, carried)
    return _wide(proof, seed) if narrow is None else narrow


def _narrow(proof: Proof, seed: int, carried: Carried | None) -> bool | None:
    """The same with half the hashes, where ids and amounts are small enough; None, and no count, if not.

    The amounts are then small enough to be weighed, too.
    """
    assert _NARROW <= BELOW
    further = f", {figure(carried.term)}" if carried else ""
    rows = statements.select(
        "SELECT t.house, t.kind, t.inward, count(*), sum(t.amount_minor), count(t.hold_seq), "
        f"{_bits('t.customer_id', 't.account_id', 't.amount_minor', 't.posted_minor', 't.held_minor')}, "
        f"sum({_step(seed)}){further} FROM ledger_transfer AS t GROUP BY t.house, t.kind, t.inward",
        [],
    )
    # `sum` adds 64-bit integers exactly.
    ((accounts, heads),) = statements.select(
        f"SELECT {_bits('a.customer_id', 'a.id', 'a.posted_minor', 'a.held_minor')}, "
        f"coalesce(sum({_heads(seed)}), 0) FROM ledger_account AS a",
        [],
    )
    if not all(0 <= bits < _NARROW for bits in (accounts or 0, *(row[6] for row in rows))):
        return None
    ((freed,),) = statements.select(
        f"SELECT coalesce(sum({_freed(seed)}) FILTER (WHERE {_MAY_END}), 0) {_ENDED}", []
    )
    _count(proof, rows)
    if carried:
        carried.total = sum(int(row[8]) for row in rows)
    # A resolution that ends no hold leaves the state after it; any other transfer must name none.
    named = all(row[5] == (row[3] if row[1] in _RESOLVES else 0) for row in rows)
    return named and sum(int(row[7]) for row in rows) - int(freed) == int(heads)


def _bits(customer_id: str, account_id: str, *amounts: str) -> str:
    """The bits that any of these numbers has; the last amount, which is held, may not be above posted."""
    *_, posted, held = amounts
    return f"bit_or({' | '.join((customer_id, account_id, *amounts))} | ({posted} - {held}))"


def _state(seed: int, account: str, seq: str, posted: str, held: str) -> str:
    """Half the hash of an account's counters after so many transfers: the difference of two has 64 bits."""
    own = f"hashint4extended(0, {seed} # {account})"
    return f"(hashint4extended({seq}, {own} # (({posted}) << 32) # ({held})) >> 1)"


def _step(seed: int) -> str:
    """The state after a transfer, less that before it, but for the resolutions of holds."""
    account = "(t.customer_id << 32) # t.account_id"
    after = _state(seed, account, "t.seq", "t.posted_minor", "t.held_minor")
    # Most transfers are posts: they come first, and nothing else is looked at.
    posted = "t.posted_minor - CASE WHEN t.inward THEN t.amount_minor ELSE -t.amount_minor END"
    before_post = _state(seed, account, "t.seq - 1", posted, "t.held_minor")
    before_hold = _state(seed, account, "t.seq - 1", "t.posted_minor", "t.held_minor - t.amount_minor")
    return f"{after} - CASE t.kind WHEN 'post' THEN {before_post} WHEN 'hold' THEN {before_hold} ELSE 0 END"


def _freed(seed: int) -> str:
    """The state before a transfer `t` that resolves the hold `h`."""
    account = "(t.customer_id << 32) # t.account_id"
    posted = "t.posted_minor + CASE t.kind WHEN 'capture' THEN t.amount_minor ELSE 0 END"
    return _state(seed, account, "t.seq - 1", posted, "t.held_minor + h.amount_minor")


def _heads(seed: int) -> str:
    """The state that an account knows, less that before its first transfer."""
    account = "(a.customer_id << 32) # a.id"
    last = _state(seed, account, "a.transfers", "a.posted_minor", "a.held_minor")
    return f"{last} - {_state(seed, account, '0', '0::bigint', '0::bigint')}"


def _count(proof: Proof, rows: Iterable[tuple[Any, ...]]) -> None:
    """Count the transfers of each house, kind and direction into `proof`, as `POSTED` has it."""
    for house, kind, inward, transfers, minor, *_ in rows:
        proof.transfers += transfers
        posted = 0 if kind in (Kind.HOLD, Kind.RELEASE) else int(minor)
        towards = posted if kind == Kind.CAPTURE or not inward else -posted
        proof.houses[house] = proof.houses.get(house, 0) + towards


def _mixed(seed: str, *values: str) -> str:
    """A hash of whole numbers. The database's own folds a number's upper half onto the lower.

    So the upper half goes into the seed as well: then no two numbers are the same to it.
    """
    for value in values:
        seed = f"hashint8extended({value}, {seed} # (({value}) >> 32))"
    return seed


def _wide(proof: Proof, secret: int) -> bool:
    """The same for numbers of any width."""
    seed = str(secret)
    own = _mixed(seed, "t.customer_id", "t.account_id")
    before = _mixed(
        f"hashint8extended(t.seq - 1, {own})", f"t.posted_minor - ({POSTED})", f"t.held_minor - ({HELD})"
    )
    after = _mixed(f"hashint8extended(t.seq, {own})", "t.posted_minor", "t.held_minor")
    freed = _mixed(
        f"hashint8extended(t.seq - 1, {own})",
        f"t.posted_minor - ({POSTED})",
        "t.held_minor + h.amount_minor",
    )
    figures = (
        f"sum({after}) - coalesce(sum({before}) FILTER (WHERE t.hold_seq IS NULL), 0)",
        "count(t.hold_seq)",
        f"count(*) FILTER (WHERE {_NOT_POSSIBLE})",
    )
    states, resolutions, wrong = add_transfers(proof, EVERYBODY, figures)
    ((ended, held),) = statements.select(
        f"SELECT coalesce(sum({freed}) FILTER (WHERE {_MAY_END}), 0), "
        f"count(*) FILTER (WHERE {_MAY_END}) {_ENDED}",
        [],
    )
    own = _mixed(seed, "a.customer_id", "a.id")
    head = _mixed(f"hashint8extended(a.transfers, {own})", "a.posted_minor", "a.held_minor")
    none = _mixed(f"hashint8extended(0, {own})", "0", "0")
    ((heads,),) = statements.select(
        f"SELECT coalesce(sum({head}), 0) - coalesce(sum({none}), 0) FROM ledger_account AS a", []
    )
    return bool((resolutions, wrong) == (held, 0) and states - int(ended) == int(heads))
