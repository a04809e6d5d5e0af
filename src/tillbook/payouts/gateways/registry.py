"""Which gateways there are."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from tillbook.payouts.gateways.adapter import Adapter


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway by its short name, and the module that speaks to it.

    What is blank of `client_id` and `webhook_secret` the gateway has none of.
    """

    name: str
    title: str
    base: str  # of its API
    module: str
    client_id: bool = False

    @property
    def adapter(self) -> Adapter:
        """The module, imported when it is first needed: an SDK takes its time."""
        return cast("Adapter", import_module(self.module))


_HERE = "tillbook.payouts.gateways"

GATEWAYS = {
    each.name: each
    for each in (
        Gateway("stripe", "Stripe", "https://api.stripe.com", f"{_HERE}.stripe"),
        Gateway("paypal", "PayPal", "https://api-m.paypal.com", f"{_HERE}.paypal", client_id=True),
    )
}


def title_of(name: str) -> str:
    """A gateway as it calls itself; one that the program does not speak to has its short name."""
    return GATEWAYS[name].title if name in GATEWAYS else name
