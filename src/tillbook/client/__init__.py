"""A client of the API for Python programs. It needs nothing of Tillbook's server, only `httpx`.

    from tillbook.client import Client, Refused, money

    with Client("https://credit.example.com", "tb_...") as shop:
        held = shop.hold_credit(
            {"customer": "jo", "amount": money("20.00", "AUD"), "reference": "SO-1042"}, key="SO-1042-hold"
        )
        shop.capture_hold(held["number"], {}, key="SO-1042-capture")

Every change is sent with a key, and sent again with the same one when the answer does not come: it
happens once. Give a key of your own (an order's number and a step), and that holds across crashes
of your program too; without one a key is made for the call.

What was read and is sent back with `version=version_of(it)` is changed only if nobody changed it meanwhile.
"""

from tillbook.client.client import Client
from tillbook.client.shapes import MoneySent
from tillbook.client.transport import Refused, Unreachable, version_of

__all__ = ["Client", "Refused", "Unreachable", "money", "version_of"]


def money(amount: str, currency: str) -> MoneySent:
    """An amount as the API takes it: money("12.34", "AUD")."""
    return {"amount": amount, "currency": currency}
