"""The fingerprint on SQLite, which has no hash: weights are made of its whole numbers.

A state is one number modulo a prime, times a weight that hangs on the account and the place in it. Of the
expressions that a row needs several times, a subquery keeps the values; its LIMIT lets SQLite not take them
apart again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from tillbook.common import statements
from tillbook.ledger.models import House
from tillbook.ledger.verification import Proof

_PRIME = 2**31 - 1  # the modulus, and the mask of so many bits
_BITS = 31  # of ids and amounts: two such numbers multiplied fit into 64 bits

# The kinds of a transfer in numbers; the last two name the hold that they end, and _NONE is none of them.
_OUT, _IN, _HOLD, _RELEASE, _CAPTURE, _NONE = range(6)
_KIND = (
    "CASE WHEN t.hold_seq IS NULL THEN CASE t.kind "
    f"WHEN 'post' THEN CASE WHEN t.inward THEN {_IN} ELSE {_OUT} END "
    f"WHEN 'hold' THEN {_HOLD} ELSE {_NONE} END "
    f"ELSE CASE t.kind WHEN 'release' THEN {_RELEASE} WHEN 'capture' THEN {_CAPTURE} ELSE {_NONE} END END"
)
_HOUSES = sorted(House, key=lambda house: house != House.ORDERS)  # that of most transfers is looked for first
_HOUSE = f"CASE t.house {' '.join(f'WHEN {house.value!r} THEN {n}' for n, house in enumerate(_HOUSES))} END"
# The bits that any of its numbers has; all of them where what is held is above what is posted.
_SIZE = (
    "t.customer_id | t.account_id | t.seq | t.amount_minor | t.posted_minor | t.held_minor "
    "| (t.posted_minor - t.held_minor)"
)
# What a transfer adds to its house's side.
_MINOR = (
    f"CASE n.kind WHEN {_IN} THEN -n.minor WHEN {_OUT} THEN n.minor WHEN {_CAPTURE} THEN n.minor ELSE 0 END"
)


def _number() -> int:
    """A random odd number of 30 bits."""
    return (1 << _BITS - 2) + 2 * secrets.randbits(_BITS - 3) + 1


@dataclass(frozen=True, slots=True)
class _Seed:
    """The numbers that one run's weights are made of; they are never told."""

    customer: int = field(default_factory=_number)
    account: int = field(default_factory=_number)
    place: int = field(default_factory=_number)  # from one seq to the next
    mixed: int = field(default_factory=_number)  # into a square's second factor
    posted: int = field(default_factory=_number)
    held: int = field(default_factory=_number)
    none: int = field(default_factory=_number)  # that a state without money counts too: a row may be missing

    def node(self, customer: str, account: str, seq: str) -> str:
        """A number of 31 bits for a place in an account: `place` more than for the one before."""
        whose = f"({account} * {self.account} + {customer} * {self.customer} >> 13 & {_PRIME})"
        return f"(({whose} + {seq}) * {self.place} & {_PRIME})"

    def value(self, posted: str, held: str) -> str:
        """An account's counters as one number of 64 bits."""
        return f"({posted} * {self.posted} + {held} * {self.held} + {self.none})"

    def square(self, node: str) -> str:
        """A number of 62 bits that does not grow evenly with the node: see `_weighed`."""
        return f"{node} * ({node} + {self.mixed} & {_PRIME})"


def _weighed(square: str, value: str) -> str:
    """A value modulo the prime, times a place's weight: a number of 31 bits."""
    # One half of the square over the other: XOR, which SQLite lacks, is OR less AND.
    weight = f"((({square} >> {_BITS}) | ({square} & {_PRIME})) - (({square} >> {_BITS}) & {square}))"
    return f"{weight} * {value} % {_PRIME}"


def agrees(proof: Proof) -> bool | None:
    """See `fingerprint.agrees`."""
    seed = _Seed()
    sums = ", ".join(f"sum({_MINOR}) FILTER (WHERE n.house = {n})" for n in range(len(_HOUSES)))
    step = f"{_weighed('n.after', 'n.value')} - coalesce({_weighed('n.before', 'n.earlier')}, 0)"
    ((transfers, strange, states, *minor),) = statements.select(
        f"SELECT count(*), count(*) FILTER (WHERE n.size >> {_BITS} OR n.kind = {_NONE} OR n.house IS NULL), "
        f"coalesce(sum({step}), 0), {sums} FROM {_states(seed)}",
        [],
    )
    ((large, heads),) = statements.select(
        "SELECT count(*) FILTER (WHERE (a.customer_id | a.id | a.transfers | a.posted_minor | a.held_minor "
        f"| (a.posted_minor - a.held_minor)) >> {_BITS}), coalesce(sum({_head(seed)}), 0) "
        "FROM ledger_account AS a",
        [],
    )
    if strange or large:
        return None
    proof.transfers += transfers
    proof.houses.update({house: sum for house, sum in zip(_HOUSES, minor, strict=True) if sum is not None})
    return bool(states == heads)


def _states(seed: _Seed) -> str:
    """The state after each transfer and the earlier one, which a resolution that ends no hold has not."""
    before = f"(n.node - {seed.place} & {_PRIME})"
    moved = (
        f"CASE n.kind WHEN {_OUT} THEN n.minor * {-seed.posted} WHEN {_IN} THEN n.minor * {seed.posted} "
        f"WHEN {_HOLD} THEN n.minor * {seed.held} WHEN {_RELEASE} THEN n.freed * {-seed.held} "
        f"ELSE n.freed * {-seed.held} - n.minor * {seed.posted} END"
    )
    return (
        f"(SELECT n.house, n.kind, n.minor, n.size, {seed.square('n.node')} AS after, "
        f"{seed.square(before)} AS before, n.value % {_PRIME} AS value, "
        f"(n.value - {moved}) % {_PRIME} AS earlier FROM {_transfers(seed)} LIMIT -1) AS n"
    )


def _transfers(seed: _Seed) -> str:
    """What each transfer is, in numbers, and how much was held by the hold that it may end."""
    node = seed.node("t.customer_id", "t.account_id", "t.seq")
    return (
        f"(SELECT {_HOUSE} AS house, {_KIND} AS kind, t.amount_minor AS minor, h.amount_minor AS freed, "
        f"{_SIZE} AS size, {node} AS node, {seed.value('t.posted_minor', 't.held_minor')} AS value "
        "FROM ledger_transfer AS t LEFT JOIN ledger_transfer AS h ON h.customer_id = t.customer_id "
        "AND h.account_id = t.account_id AND h.seq = t.hold_seq AND h.kind = 'hold' AND h.seq < t.seq "
        "AND CASE t.kind WHEN 'release' THEN t.amount_minor = h.amount_minor "
        "ELSE t.amount_minor <= h.amount_minor END LIMIT -1) AS n"
    )


def _head(seed: _Seed) -> str:
    """The state that an account knows, less that before its first transfer."""
    last = seed.node("a.customer_id", "a.id", "a.transfers")
    none = seed.node("a.customer_id", "a.id", "0")
    value = seed.value("a.posted_minor", "a.held_minor")
    return (
        f"{_weighed(f'({seed.square(last)})', f'({value} % {_PRIME})')} "
        f"- {_weighed(f'({seed.square(none)})', f'{seed.none % _PRIME}')}"
    )
