"""Reading an event that a gateway signed: what has not the shape that the gateway documents is Unreadable.

It is read strictly, unlike an answer: whoever asks and does not understand asks again, but an event that is
misread moves a refund for good.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tillbook.common.errors import InvalidInput
from tillbook.common.money import Money, check_amount, check_currency
from tillbook.payouts.gateways.adapter import Outcome, State, Unreadable
from tillbook.payouts.gateways.amounts import NotWritable, minor_of

_LONGEST = 100  # characters of a name, a word or a number


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object that the body is. Raises ValueError for anything else, however it is written."""
    try:
        found = json.loads(body)
    except RecursionError as error:
        raise ValueError("It is nested too deep.") from error
    if not isinstance(found, dict):
        raise ValueError("It is no object.")  # noqa: TRY004  what was sent is wrong, not what was called
    return found


def read(about: Mapping[str, Any], key: str, told: Callable[[Mapping[str, Any]], Outcome]) -> Outcome | None:
    """What the refund `about` says, by `told`; UNKNOWN where that is Unreadable, None without a key.

    Whose it is must be known first: other programs' refunds may look as they like.
    """
    if not key:
        return None
    try:
        return told(about)
    except Unreadable as error:
        return Outcome(State.UNKNOWN, reason=error.message, key=key)


def inner(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object of that name. Raises Unreadable."""
    found = about.get(name)
    if not isinstance(found, dict):
        raise Unreadable(f"{name} is no object.")
    return found


def text(about: Mapping[str, Any], name: str) -> str:
    """The short text of that name. Raises Unreadable."""
    found = about.get(name)
    if not isinstance(found, str) or not found or len(found) > _LONGEST or not found.isprintable():
        raise Unreadable(f"{name} is no text of at most {_LONGEST} characters.")
    return found


def money(units: object, currency: str, digits: int) -> Money:
    """So many whole units of `digits` decimal digits of the currency. Raises Unreadable."""
    if not isinstance(units, int) or isinstance(units, bool):
        raise Unreadable("The amount is no whole number.")
    try:
        return Money(check_amount(minor_of(units, check_currency(currency), digits)), currency)
    except (InvalidInput, NotWritable) as error:
        raise Unreadable(f"The amount is none: {error}") from error
