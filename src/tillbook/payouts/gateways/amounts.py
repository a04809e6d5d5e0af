"""Amounts as gateways write them: some count other decimal digits than ISO 4217 does."""

from __future__ import annotations

from tillbook.common.money import exponent


class NotWritable(Exception):
    """The gateway has no way to write the amount."""


def units(minor: int, currency: str, digits: int, *, step: int = 1) -> int:
    """The amount in units of `digits` decimal digits, which must be multiples of `step`.

    Raises NotWritable: an amount is never rounded (R1).
    """
    ours = exponent(currency)
    found, rest = divmod(minor * int(10**digits), int(10**ours))
    if rest or found % step:
        raise NotWritable(f"An amount in {currency} can't be that exact there.")
    return found


def minor_of(units: int, currency: str, digits: int) -> int:
    """So many units of `digits` decimal digits, in the currency's minor units. Raises NotWritable."""
    found, rest = divmod(units * int(10 ** exponent(currency)), int(10**digits))
    if rest:
        raise NotWritable(f"An amount in {currency} can't be that exact here.")
    return found


def decimal(minor: int, currency: str, digits: int) -> str:
    """The amount as a text with `digits` decimal digits. Raises NotWritable."""
    whole, part = divmod(units(minor, currency, digits), int(10**digits))
    return f"{whole}.{part:0{digits}d}" if digits else str(whole)
