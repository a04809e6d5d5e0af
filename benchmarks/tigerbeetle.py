"""The same spends through TigerBeetle's Python client, where a server is at hand.

    TIGERBEETLE_ADDRESS=127.0.0.1:3000 make bench

It needs the package `tigerbeetle` beside the project's own, in the release of that server. A
spend is one transfer from a customer's account; the raw figure of each shape is TigerBeetle's.
"""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.figures import ROUNDS, Caller, Figure, Work, rate
from benchmarks.spends import SHAPES, Place, Shape, service, shop

_MOST = 8_189  # transfers in one of its messages
_LEDGER, _CODE = 826, 1  # GBP; a code of some kind is wanted
_HOUSE = 1  # the account that gets the money


def figures() -> Iterator[Figure]:
    """Each shape beside TigerBeetle's; nothing without TIGERBEETLE_ADDRESS."""
    address = os.environ.get("TIGERBEETLE_ADDRESS")
    if not address:
        return
    library: Any = importlib.import_module("tigerbeetle")
    with library.ClientSync(cluster_id=0, replica_addresses=address) as client:
        places = shop()
        _open(library, client, places)
        for shape in SHAPES:
            alike = shape._replace(raw_callers=shape.callers)
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(rate(alike.callers, service(alike, places)))
                theirs.append(rate(alike.raw_callers, _tigerbeetle(library, client, alike, places)))
            yield Figure(f"beside TigerBeetle: {shape.name}", "1", "higher", "a second", ours, theirs)


def _open(library: Any, client: Any, places: list[Place]) -> None:
    numbers = [_HOUSE, *(customer_id + _HOUSE for customer_id, _ in places)]
    accounts = [library.Account(id=number, ledger=_LEDGER, code=_CODE) for number in numbers]
    results = client.create_accounts(accounts)
    made = {library.CreateAccountStatus.CREATED, library.CreateAccountStatus.EXISTS}
    if any(result.status not in made for result in results):
        raise RuntimeError("TigerBeetle refused the accounts; give it an empty cluster.")


def _tigerbeetle(library: Any, client: Any, shape: Shape, places: list[Place]) -> Caller:
    def caller() -> tuple[Work, Callable[[], None]]:
        start = next(_STARTS) * 7 % len(places)
        turns = places[start:] + places[:start]
        if shape.hot:
            turns = [each for place in turns for each in (places[0], place)]
        whose = itertools.cycle(turns)

        def work() -> int:
            transfers = [
                library.Transfer(
                    id=library.id(), debit_account_id=next(whose)[0] + _HOUSE, credit_account_id=_HOUSE,
                    amount=1, ledger=_LEDGER, code=_CODE,
                )
                for _ in range(min(shape.batch, _MOST))
            ]  # fmt: skip
            results = client.create_transfers(transfers)
            if any(result.status != library.CreateTransferStatus.CREATED for result in results):
                raise RuntimeError("TigerBeetle refused a transfer.")
            return len(transfers)

        return work, lambda: None

    return caller


_STARTS = itertools.count()
