"""The table of policies, people and edges: each cell pays, or refuses and changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.cli.conftest import run  # noqa: F401  a fixture
from tests.conftest import _user_actor
from tillbook.common.actor import Actor, Role, Scope
from tillbook.common.errors import Refusal
from tillbook.common.money import Money
from tillbook.credit import services as credits
from tillbook.credit.models import GiveReason
from tillbook.credit.queries import balance_of
from tillbook.customers.models import Customer
from tillbook.events.models import Event
from tillbook.ledger.models import Transfer
from tillbook.payouts import services as payouts
from tillbook.refunds import services as refunds
from tillbook.refunds.approvals import Flag, approve
from tillbook.refunds.models import Refund
from tillbook.refunds.payees import Payee
from tillbook.shop.details import ApprovalRule
from tillbook.staff import keys
from tillbook.staff.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.alike]

SMALL, LARGE = 50_00, 1_500_00  # below and above what people may complete of their own
RULES = {
    "no rules": (),
    "one above 100": (ApprovalRule(1, above_minor=100_00),),
    "one": (ApprovalRule(1),),
    "two": (ApprovalRule(2),),
    "two above 1,000": (ApprovalRule(2, above_minor=1_000_00),),
}
#: (rules, amount, approvals given by others, who pays) -> whether they may
TABLE = [
    *[((rules, minor, given, who), False)
      for rules, minor, given, who in itertools.product(RULES, (SMALL, LARGE), (0, 2), ("viewer", "staff"))],
    (("no rules", SMALL, 0, "admin"), True),
    (("no rules", LARGE, 0, "admin"), True),
    (("no rules", SMALL, 0, "asker"), True),
    (("no rules", LARGE, 0, "asker"), False),
    (("no rules", LARGE, 1, "asker"), True),
    (("one above 100", SMALL, 0, "admin"), True),
    (("one above 100", LARGE, 0, "admin"), False),
    (("one above 100", LARGE, 1, "admin"), True),
    (("one above 100", LARGE, 1, "asker"), True),
    (("one", SMALL, 0, "admin"), False),
    (("one", SMALL, 0, "asker"), False),
    (("one", SMALL, 1, "admin"), True),
    (("two", SMALL, 1, "admin"), False),
    (("two", SMALL, 2, "admin"), True),
    (("two above 1,000", SMALL, 0, "admin"), True),
    (("two above 1,000", LARGE, 1, "admin"), False),
    (("two above 1,000", LARGE, 2, "admin"), True),
]  # fmt: skip


class Edges:
    """Each way to pay one refund, as one person, whatever comes of it."""

    verb = page_verb = "complete"

    def __init__(self, run: Callable[..., Any], now: datetime) -> None:  # noqa: F811
        self._run, self._now = run, now

    def page(self, refund: Refund, who: Actor) -> None:
        self._client(who).post(f"/refunds/{refund.number}/{self.page_verb}/")

    def bulk(self, refund: Refund, who: Actor) -> None:
        self._client(who).post(f"/refunds/{self.page_verb}/", {"selected": [refund.pk]})

    def api(self, refund: Refund, who: Actor) -> None:
        owner = User.objects.get(pk=who.user_id)
        _, secret = keys.add_key(
            owner=owner, name="k", scopes=[Scope.REFUNDS], actor=Actor.system("test"), now=self._now
        )
        Client().post(
            f"/api/v1/refunds/{refund.number}/{self.verb}", json.dumps({}), content_type="application/json",
            headers={"Authorization": f"Bearer {secret}", "Idempotency-Key": "k"},
        )  # fmt: skip

    def command(self, refund: Refund, who: Actor) -> None:
        self._run("refund", self.verb, refund.number, "--by", who.name)

    def old_wire(self, refund: Refund, who: Actor) -> None:
        owner = User.objects.get(pk=who.user_id)
        _, secret = keys.add_key(
            owner=owner, name="w", scopes=[Scope.REFUNDS], actor=Actor.system("test"), now=self._now
        )
        Client().post(
            "/do/WS/NetoAPI",
            json.dumps({"Refund": [{"RefundID": refund.number, "RefundStatus": "Completed"}]}),
            content_type="application/json",
            headers={"NETOAPI_ACTION": "UpdateRefund", "NETOAPI_KEY": secret, "Accept": "application/json"},
        )

    def payout(self, refund: Refund, who: Actor) -> None:
        try:
            payouts.make(
                source="Main", format="csv", numbers=[refund.number], pay_on=self._now.date() + timedelta(days=1),
                key="p", actor=who, now=self._now,
            )  # fmt: skip
        except Refusal:
            return

    def _client(self, who: Actor) -> Client:
        client = Client()
        client.force_login(User.objects.get(pk=who.user_id))
        return client


@pytest.mark.parametrize("edge", ["page", "bulk", "api", "command", "old_wire", "payout"])
@pytest.mark.parametrize(
    ("cell", "allowed"),
    TABLE,
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_each_cell(
    edge: str,
    cell: tuple[str, int, int, str],
    allowed: bool,
    run: Any,  # noqa: F811
    now: datetime,
    settings: Any,
) -> None:
    rules, minor, given, name = cell
    settings.TILLBOOK_SHOP = replace(settings.TILLBOOK_SHOP, approval_rules=RULES[rules])
    system = Actor.system("test")
    roles = {"viewer": Role.VIEWER, "staff": Role.STAFF, "admin": Role.ADMIN, "asker": Role.ADMIN}
    who = _user_actor(name, roles[name], system, now)
    asker = who if name == "asker" else _user_actor("clerk", Role.STAFF, system, now)
    refund = _asked(minor, asker, system, now)
    for place in range(given):
        other = _user_actor(f"other{place}", Role.ADMIN, system, now)
        approve(refund.pk, acknowledged=list(Flag), actor=other, now=now)
    before = _figures(refund)

    getattr(Edges(run, now), edge)(refund, who)

    after = Refund.objects.get(pk=refund.pk)
    assert (after.payout != "" if edge == "payout" else after.status == "completed") is allowed
    if not allowed:
        assert _figures(refund) == before


def _asked(minor: int, asker: Actor, system: Actor, now: datetime) -> Refund:
    payouts.add_source(
        name="Main", currency="GBP", holder="Mill", bank_account="60-16-13 31926819", actor=system, now=now
    )
    customer = Customer.objects.create(username="jo", currency="GBP", created_at=now)
    credits.give(
        customer_id=customer.pk, amount=Money(2_000_00, "GBP"), reason=GiveReason.DEPOSIT, refundable=True,
        expires_at=None, key="g", actor=system, now=now,
    )  # fmt: skip
    return refunds.request(
        customer_id=customer.pk, amount=Money(minor, "GBP"), method="bank_transfer",
        payee=Payee("Jo", "20-00-00 55779911"), payment_date=date(2026, 3, 2), key="r", actor=asker, now=now,
    )  # fmt: skip


def _figures(refund: Refund) -> tuple[Any, ...]:
    row = balance_of(refund.customer_id, "GBP")
    status = Refund.objects.values_list("status", "payout").get(pk=refund.pk)
    events = Event.objects.filter(subject=refund.number).count()
    return status, row.available_minor, row.held_minor, Transfer.objects.count(), events
