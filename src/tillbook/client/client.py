"""A method for each operation of the API.

Written by `make client` from the API's own description: change that, not this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal
from urllib.parse import quote

from tillbook.client.shapes import (
    Balances,
    CaptureSent,
    CreditBatch,
    CreditOut,
    CreditOutcomes,
    CreditSent,
    CustomerChanged,
    CustomerOut,
    CustomerSent,
    HoldOut,
    Nothing,
    RestoreSent,
    Spend,
    SpendBatch,
    SpendOutcomes,
    TakingSent,
)
from tillbook.client.transport import Transport


class Client(Transport):
    """The API, operation by operation. Each raises Refused and Unreachable."""

    def list_customers(
        self,
        *,
        limit: int | None = None,
        q: str | None = None,
        kind: Literal["customer", "prospect"] | None = None,
        with_credit: bool | None = None,
    ) -> Iterator[CustomerOut]:
        """Customers and prospects by username. `q` looks in names, company, e-mail and phone."""
        return self.pages("/customers", {"limit": limit, "q": q, "kind": kind, "with_credit": with_credit})

    def add_customer(self, body: CustomerSent, *, key: str | None = None) -> CustomerOut:
        """Add a customer or prospect."""
        return self.change("/customers", body, key)  # type: ignore[no-any-return]

    def get_customer(self, username: str) -> CustomerOut:
        """One customer. The ETag names this state of them, for If-Match."""
        return self.read(f"/customers/{_in_path(username)}", {})  # type: ignore[no-any-return]

    def change_customer(
        self, username: str, body: CustomerChanged, *, version: str | None = None
    ) -> CustomerOut:
        """Change some fields of a customer."""
        return self.update(f"/customers/{_in_path(username)}", body, version)  # type: ignore[no-any-return]

    def get_balances(self, username: str) -> Balances:
        """What is available, held and owing now, in each currency."""
        return self.read(f"/customers/{_in_path(username)}/balances", {})  # type: ignore[no-any-return]

    def list_credits(self, *, customer: str, limit: int | None = None) -> Iterator[CreditOut]:
        """A customer's credits, the newest first."""
        return self.pages("/credits", {"limit": limit, "customer": customer})

    def give_credit(self, body: CreditSent, *, key: str | None = None) -> CreditOut:
        """Give credit by hand."""
        return self.change("/credits", body, key)  # type: ignore[no-any-return]

    def get_credit(self, number: str) -> CreditOut:
        """One credit."""
        return self.read(f"/credits/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def spend_credit(self, body: TakingSent, *, key: str | None = None) -> Spend:
        """Pay with credit at once."""
        return self.change("/spends", body, key)  # type: ignore[no-any-return]

    def hold_credit(self, body: TakingSent, *, key: str | None = None) -> HoldOut:
        """Set credit aside: it is no longer available, and not yet gone."""
        return self.change("/holds", body, key)  # type: ignore[no-any-return]

    def get_hold(self, number: str) -> HoldOut:
        """One hold, as it stands."""
        return self.read(f"/holds/{_in_path(number)}", {})  # type: ignore[no-any-return]

    def capture_hold(self, number: str, body: CaptureSent, *, key: str | None = None) -> HoldOut:
        """End a hold: its amount, or the part given, is gone. The rest is available again."""
        return self.change(f"/holds/{_in_path(number)}/capture", body, key)  # type: ignore[no-any-return]

    def release_hold(self, number: str, body: Nothing, *, key: str | None = None) -> HoldOut:
        """End a hold: all of it is available again."""
        return self.change(f"/holds/{_in_path(number)}/release", body, key)  # type: ignore[no-any-return]

    def restore_credit(self, body: RestoreSent, *, key: str | None = None) -> Spend:
        """Give back what credit paid, to the same credits."""
        return self.change("/restores", body, key)  # type: ignore[no-any-return]

    def give_credits(self, body: CreditBatch) -> CreditOutcomes:
        """Give up to 10,000 credits by hand."""
        return self.post("/credits:batch", body)  # type: ignore[no-any-return]

    def spend_credits(self, body: SpendBatch) -> SpendOutcomes:
        """Make up to 10,000 spends."""
        return self.post("/spends:batch", body)  # type: ignore[no-any-return]


def _in_path(text: str) -> str:
    return quote(text, safe="")
