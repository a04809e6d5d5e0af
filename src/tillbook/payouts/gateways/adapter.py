"""What an adapter is: one file with four functions, between a gateway's words and ours.

docs/gateways.md shows how to write one. An adapter keeps nothing and asks no clock; what it can't tell is
UNKNOWN, and never an error: only what is certain may move a refund.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from tillbook.common.errors import Refusal
from tillbook.common.money import Money


class GatewayRefuses(Refusal):
    """The gateway does not take the account's credentials, or does not answer."""

    code = "gateway_refuses"


class WrongSignature(Refusal):
    """What came to the address for a gateway's events is not from the gateway."""

    code = "wrong_signature"
    status = 400


class NotVerified(Refusal):
    """The gateway can't be asked now whether an event is its own: nobody knows, so it is sent again."""

    code = "event_not_verified"
    status = 503


class Unreadable(Refusal):
    """An event about a refund of ours has not the shape that the gateway documents, or does not fit it."""

    code = "unreadable_event"
    status = 400


class State(StrEnum):
    """What became of a refund at the gateway."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"  # the gateway has it, and says more later
    FAILED = "failed"  # nothing was paid, and nothing will be
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Account:
    """The shop's account at a gateway. Secrets are in no repr: a log could have it."""

    gateway: str
    base: str  # "https://api.stripe.com", without a slash at its end
    secret: str = field(repr=False)
    client_id: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One refund at the gateway. Its key is the same however often it is sent."""

    key: str  # letters, digits, "-"; at most 60
    refund: str  # RF-…
    charge: str  # what the gateway calls the payment
    minor: int
    currency: str
    reference: str = ""  # what the gateway calls the refund, once it has told
    age: timedelta = timedelta()  # since it was first sent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the gateway told. `reason` is for people; `key` is the attempt's, where an event told it.

    So is `paid`, the amount: where it is told, one that is not the attempt's is not believed.
    """

    state: State
    reference: str = ""
    reason: str = ""
    key: str = ""
    paid: Money | None = None


class Adapter(Protocol):
    """The four functions, which a module has."""

    def refund(self, account: Account, attempt: Attempt) -> Outcome:
        """Send it. FAILED only where the gateway said so of this very key."""

    def ask(self, account: Account, attempt: Attempt) -> Outcome:
        """What became of it. Only if the gateway certainly has none of that key, send it, with that key."""

    def read_event(self, account: Account, headers: Mapping[str, str], body: bytes) -> Outcome | None:
        """The outcome that an event tells, None for one about other things; UNKNOWN for what it can't read.

        `headers` has lower-case names. Raises WrongSignature for what the gateway did not sign, NotVerified
        where the gateway has to be asked that and does not say, and Unreadable for an event about a refund
        that does not even say whose it is.
        """

    def check(self, account: Account) -> None:
        """Ask something that changes nothing. Raises GatewayRefuses, in words for the shop's admin."""
