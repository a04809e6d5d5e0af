"""Two admins work through the same queue at the same moment."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client

from tests.databases import at_once
from tillbook.common.actor import Actor, Role
from tillbook.common.money import Money
from tillbook.credit import services as credit
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers import services as customers
from tillbook.events.models import Event
from tillbook.ledger.verification import verify
from tillbook.refunds import services as refunds
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.refunds.verification import findings
from tillbook.staff import services as staff

HUNDRED = 100


@pytest.fixture
def admins(own_database: None, now: datetime) -> tuple[Client, Client]:
    """Ann's and bob's browsers, before a queue of a hundred refunds of ten customers."""
    by = {"actor": Actor.system("test"), "now": now}
    clients = Client(), Client()
    for client, name in zip(clients, ("ann", "bob"), strict=True):
        client.force_login(staff.add_user(username=name, role=Role.ADMIN, password="correct horse", **by))
    for name in range(10):
        customer = customers.add(username=f"c{name}", currency="GBP", **by)
        credit.give(
            customer_id=customer.pk, amount=Money(100_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
            expires_at=None, key="g", **by,
        )  # fmt: skip
        for number in range(HUNDRED // 10):
            refunds.request(
                customer_id=customer.pk, amount=Money(5_00, "GBP"), method="bank_transfer",
                payee=Payee("Jo", "20-00-00 55779911"), payment_date=now.date(), key=f"r{number}", **by,
            )  # fmt: skip
    return clients


# The pages are read as text: what the test client keeps of contexts is mixed up between threads.
def test_each_of_a_hundred_is_paid_once_and_both_see_what_happened(admins: tuple[Client, Client]):
    ann, bob = admins
    everyone = list(Refund.objects.order_by("pk"))

    def in_bulk() -> list[str]:
        answer = ann.post("/refunds/complete/", {"selected": [str(each.pk) for each in everyone]})
        rows = answer.content.decode().split("<tbody>")[1].split("</tr>")[:-1]
        return ["bob" if "already, by bob" in row else "" for row in rows if "Completed" in row]

    def one_by_one() -> list[str]:
        said = []
        for refund in reversed(everyone):
            page = bob.post(f"/refunds/{refund.number}/complete/", follow=True).content.decode()
            already = f"{refund.number} was marked as paid and complete already, by ann. Nothing was changed."
            assert (already in page) != (f"{refund.number} is marked as paid and complete." in page)
            said.append("ann" if already in page else "")
        return said

    anns, bobs = at_once([in_bulk, one_by_one])
    completed_by = dict(Refund.objects.values_list("pk", "resolved_by"))
    assert set(Refund.objects.values_list("status", flat=True)) == {"completed"}
    assert Event.objects.filter(action="refund.completed").count() == HUNDRED
    # Each was told of exactly those that the other one had completed.
    by_id = [completed_by[each.pk] for each in everyone]
    assert anns == ["bob" if who == "bob" else "" for who in by_id]
    assert bobs == ["ann" if who == "ann" else "" for who in reversed(by_id)]
    for each in {refund.customer_id for refund in everyone}:
        row = balance_of(each, "GBP")
        assert (row.available_minor, row.held_minor) == (50_00, 0)
    assert not list(findings())
    assert not verify().broken
