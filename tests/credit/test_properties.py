"""Random sequences against a tiny model of plain integers keep every rule."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tillbook.common.actor import Actor, Role
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import queries, services
from tillbook.credit.models import GiveReason
from tillbook.customers.models import Customer
from tillbook.ledger.queries import derived_balances, verify

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADMIN = Actor("admin", Role.ADMIN, "test", 2)

steps = st.lists(
    st.tuples(
        st.sampled_from(["give", "spend", "hold", "capture", "release", "restore"]), st.integers(1, 500)
    ),
    max_size=25,
)


class Model:
    """What should be left: available, holds by key, and what was spent."""

    def __init__(self) -> None:
        self.available = self.spent = 0
        self.holds: dict[str, int] = {}

    def apply(self, step: str, amount: int, key: str) -> bool:
        """Do it on plain integers; False if a rule forbids it."""
        if step == "give":
            self.available += amount
        elif step in ("spend", "hold"):
            if amount > self.available:
                return False
            self.available -= amount
            if step == "hold":
                self.holds[key] = amount
            else:
                self.spent += amount
        elif step in ("capture", "release"):
            if not self.holds or (step == "capture" and amount > next(iter(self.holds.values()))):
                return False
            held = self.holds.pop(next(iter(self.holds)))
            gone = amount if step == "capture" else 0
            self.spent += gone
            self.available += held - gone
        else:
            if amount > self.spent:
                return False
            self.spent -= amount
            self.available += amount
        return True


class TestRandomSequences(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def test_every_sequence_ends_with_the_models_balances(self, sequence):
        customer = Customer.objects.create(username="jo", currency="GBP", created_at=NOW)
        model = Model()
        for number, (step, amount) in enumerate(sequence):
            key = f"k{number}"
            hold_key = next(iter(model.holds), "none")
            allowed = model.apply(step, amount, key)
            for _ in range(2):  # every request arrives twice
                assert self._does(customer, step, amount, key, hold_key) == allowed
        row = queries.balance_of(customer.pk, "GBP")
        assert (row.available_minor, row.held_minor) == (model.available, sum(model.holds.values()))
        assert derived_balances(customer.pk).get("GBP", (0, 0)) == (row.available_minor, row.held_minor)
        assert verify().broken == []

    def _does(self, customer: Customer, step: str, amount: int, key: str, hold_key: str) -> bool:
        common = {"customer_id": customer.pk, "key": key, "actor": ADMIN, "now": NOW}
        money = Money(amount, "GBP")
        try:
            with transaction.atomic():
                if step == "give":
                    services.give(
                        amount=money, reason=GiveReason.DEPOSIT, refundable=True, expires_at=None, **common
                    )
                elif step == "spend":
                    services.spend(amount=money, reference="N1", **common)
                elif step == "hold":
                    services.hold(amount=money, reference="N1", **common)
                elif step == "capture":
                    services.capture(hold_key=hold_key, amount=money, **common)
                elif step == "release":
                    services.release(hold_key=hold_key, **common)
                else:
                    services.restore(currency="GBP", reference="N1", amount=money, **common)
        except Refusal:
            return False
        return True
