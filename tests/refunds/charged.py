"""Refunds back to charges, for tests."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.orders.till import Till, gbp
from tillbook.credit.models import Credit
from tillbook.credit.queries import credits_of
from tillbook.orders.charges import NO_CHARGE, Charge
from tillbook.refunds import services as refunds
from tillbook.refunds.charges import charges_of
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee

ONE, TWO = Charge("stripe", "ch_1"), Charge("paypal", "CAP2")


def back(till: Till, minor: int, charge: Charge = NO_CHARGE, **more: Any) -> Refund:
    """Ask for money to go back through the gateway."""
    asked = {
        "customer_id": till.customer.pk, "amount": gbp(minor), "method": "gateway", "payee": Payee("Jo"),
        "payment_date": date(2026, 3, 2), "charge": charge,
    }  # fmt: skip
    return refunds.request(**{**asked, **till.by, **more})


def in_cash(till: Till, minor: int, **more: Any) -> Refund:
    return back(till, minor, method="cash", **more)


def credits(till: Till) -> list[Credit]:
    """The customer's credits, the first one first."""
    return sorted(credits_of(till.customer.pk), key=lambda each: each.id)


def possible(*of: Credit) -> dict[str, int]:
    """charge -> what may go back to it of these credits, in minor units."""
    now = [each for each in credits_of(of[0].customer_id) if each in of]
    return {str(each.room.charge): each.minor for each in charges_of(now)}
