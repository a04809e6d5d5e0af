"""A signed statement of the book's state, kept outside and compared with the book later.

For each account the statement commits to its head: the digest of its last transfer, or the digest
its chain starts from. A head binds every transfer before it, so that the number of transfers each
account had (`counts`) and one root over all heads say what the whole book was. The root:

    customer = SHA-256 over, for each account of the customer in the order of ids,
               "account id:transfers:head in hex" and a line feed
    root     = SHA-256 over, for each customer in the order of ids,
               "customer id:customer's hash in hex" and a line feed

`counts` finds those heads again after the book grew, and the account that no longer has its own:
Base64 of zlib of a line per account, "customer id account id transfers mark", where ids are
differences to the line before and the mark is the head's first four bytes in hex.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from tillbook.common import statements
from tillbook.common.errors import InvalidInput
from tillbook.ledger.book import genesis
from tillbook.ledger.counting import POSTED
from tillbook.ledger.queries import Broken
from tillbook.ledger.steady import steady, streamed

FORMAT = "tillbook-attestation-1"
_MARK = 4  # bytes of a head: enough to say which account differs; that none does, the root says
_AT_ONCE = 1_000  # accounts looked up in one statement

_HEADS = "SELECT customer_id, id, transfers, digest FROM ledger_account ORDER BY customer_id, id"
_HOUSES = (
    f"SELECT a.currency, t.house, sum(-({POSTED})) "
    "FROM ledger_transfer AS t JOIN ledger_account AS a "
    "ON a.customer_id = t.customer_id AND a.id = t.account_id WHERE t.kind IN ('post', 'capture') "
    "GROUP BY a.currency, t.house"
)
_TOTALS = (
    "SELECT currency, count(*), sum(posted_minor), sum(held_minor) FROM ledger_account GROUP BY currency"
)
_ISSUED = (
    "SELECT a.currency, sum(t.amount_minor) FROM ledger_transfer AS t JOIN ledger_account AS a "
    "ON a.customer_id = t.customer_id AND a.id = t.account_id WHERE t.seq = 1 GROUP BY a.currency"
)


class Head(NamedTuple):
    """An account's last transfer: how many there are, and the digest of the last."""

    customer_id: int
    account_id: int
    transfers: int
    digest: bytes


class _Named(NamedTuple):
    """An account as a statement names it: its number of transfers, and the mark of the last one."""

    customer_id: int
    account_id: int
    transfers: int
    mark: bytes


def state(shop: str, key: bytes, *, now: datetime) -> dict[str, Any]:
    """The signed statement of the book as it stands, as JSON takes it; amounts in minor units."""
    with steady():
        heads = [
            Head(customer_id, account_id, transfers, bytes(digest))
            for customer_id, account_id, transfers, digest in streamed(_HEADS, [])
        ]
        totals = {
            currency: {
                "accounts": count, "posted_minor": int(posted), "held_minor": int(held),
                "available_minor": int(posted) - int(held), "houses": {},
            }
            for currency, count, posted, held in statements.select(_TOTALS, [])
        }  # fmt: skip
        for currency, minor in statements.select(_ISSUED, []):
            totals[currency]["issued_minor"] = int(minor)
        for currency, house, minor in statements.select(_HOUSES, []):
            totals[currency]["houses"][house] = int(minor)
    said = {
        "format": FORMAT, "shop": shop, "taken_at": now.isoformat(),
        "customers": len({head.customer_id for head in heads}), "accounts": len(heads),
        "transfers": sum(head.transfers for head in heads), "totals": totals,
        "counts": _folded(heads), "root": root_of(heads),
    }  # fmt: skip
    return {**said, "signature": _signature(said, key)}


def root_of(heads: Iterable[Head]) -> str:
    """The root digest, in hex, over heads in the order of (customer, account)."""
    root = hashlib.sha256()
    for customer_id, own in groupby(heads, key=itemgetter(0)):
        customer = hashlib.sha256()
        for head in own:
            customer.update(f"{head.account_id}:{head.transfers}:{head.digest.hex()}\n".encode())
        root.update(f"{customer_id}:{customer.hexdigest()}\n".encode())
    return root.hexdigest()


def text_of(statement: dict[str, Any]) -> str:
    """The statement as it is written: sorted keys, one form for one content."""
    return json.dumps(statement, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def read(text: str, key: bytes) -> dict[str, Any]:
    """The statement in `text`. Raises InvalidInput if it is none, or was not signed with this key."""
    try:
        statement = json.loads(text)
        signature = statement.pop("signature")
        same = statement["format"] == FORMAT and hmac.compare_digest(signature, _signature(statement, key))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = "The file is not a statement that `tillbook attest` wrote."
        raise InvalidInput(message, field="against") from error
    if not same:
        raise InvalidInput(
            "The statement's signature is not that of this shop's key: it was changed, or is another shop's.",
            field="against",
        )
    return dict(statement)


def compare(statement: dict[str, Any]) -> tuple[int, list[Broken]]:
    """How many accounts the statement names, and what of the book it tells of is no longer so.

    An account may have grown. A digest is taken as stored: `verify` proves that it is the right one.
    """
    named = _unfolded(statement["counts"])
    broken: list[Broken] = []
    with steady():
        found = root_of(_heads_then(named, broken))
    if not broken and found != statement["root"]:
        problem = "do not give the root of the signed statement"
        broken.append(Broken(0, None, None, problem))
    return len(named), broken


def _heads_then(named: Sequence[_Named], broken: list[Broken]) -> Iterator[Head]:
    """The heads that the named accounts had; what is not as it was goes to `broken`."""
    for start in range(0, len(named), _AT_ONCE):
        some = named[start : start + _AT_ONCE]
        digests = _digests(some)
        for each in some:
            place = each[:3]
            digest = digests.get(place)
            if digest is None:
                broken.append(Broken(*place, "is missing: a signed statement knows of it"))
            elif digest[:_MARK] != each.mark:
                broken.append(Broken(*place, "is not what a signed statement says it was"))
            else:
                yield Head(*place, digest)


def _digests(named: Sequence[_Named]) -> dict[tuple[int, int, int], bytes]:
    """(customer_id, account_id, seq) -> the digest of that transfer, or that of an account's beginning."""
    table, rows = statements.wanted(
        {"customer_id": "bigint", "account_id": "bigint", "seq": "int"}, [each[:3] for each in named]
    )
    found: dict[tuple[int, int, int], bytes] = {}
    for customer_id, account_id, currency in statements.select(
        f"SELECT a.customer_id, a.id, a.currency FROM {table} CROSS JOIN ledger_account AS a "
        "WHERE a.customer_id = wanted.customer_id AND a.id = wanted.account_id AND wanted.seq = 0",
        rows,
    ):
        found[customer_id, account_id, 0] = genesis(customer_id, account_id, currency)
    for customer_id, account_id, seq, digest in statements.select(
        f"SELECT t.customer_id, t.account_id, t.seq, t.digest FROM {table} CROSS JOIN ledger_transfer AS t "
        "WHERE t.customer_id = wanted.customer_id AND t.account_id = wanted.account_id "
        "AND t.seq = wanted.seq",
        rows,
    ):
        found[customer_id, account_id, seq] = bytes(digest)
    return found


def _signature(said: dict[str, Any], key: bytes) -> str:
    """HMAC-SHA256, in hex, of the statement without its signature, as compact sorted JSON."""
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _folded(heads: Iterable[Head]) -> str:
    lines, before = [], (0, 0)
    for head in heads:
        steps = f"{head.customer_id - before[0]} {head.account_id - before[1]}"
        lines.append(f"{steps} {head.transfers} {head.digest[:_MARK].hex()}\n")
        before = head.customer_id, head.account_id
    return base64.b64encode(zlib.compress("".join(lines).encode())).decode()


def _unfolded(counts: str) -> list[_Named]:
    """What `_folded` named. The statement's signature was checked: it is our own text."""
    named, customer_id, account_id = [], 0, 0
    for line in zlib.decompress(base64.b64decode(counts)).decode().splitlines():
        customer_step, account_step, transfers, mark = line.split()
        customer_id, account_id = customer_id + int(customer_step), account_id + int(account_step)
        named.append(_Named(customer_id, account_id, int(transfers), bytes.fromhex(mark)))
    return named
